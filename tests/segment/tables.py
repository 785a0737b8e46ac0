"""Scenario tables as operators read them: what happens when, and who is in which audience then.

A table stands under a heading that says what it proves, with its rules as JSON, each after its audience's name. Its
first columns are the clock (on the shop's own, unless an offset is given; empty: the same moment) and what happens:
events, what operators do (calls.py), and `builds wait` until `builds go on`. A column with an audience's name has who
is in it, a name perhaps with `until` and the moment at which that ends; one with a tag's name after `#` who has that;
the column `said` has all that is told to others.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from huitou_events import CATALOGUE, Event, Fact, micros, moment
from tests import make

FOLDER = Path(__file__).parent / "scenarios"
ZONE = re.compile(r"The shop is in `(.+)`\.")
FIELDS = {"item": "item_id", "category": "category_id", "trade": "trade_id", "refund": "refund_id", "visit": "visit_id"}
TRADES = ("trade.created", "trade.paid", "trade.completed", "trade.closed", "trade.refunded")


@dataclass(frozen=True)
class Step:
    """A row: the clock (None: as before), what happens in words, and the other cells by the names of their columns."""

    clock: str
    happens: tuple[str, ...]
    cells: Mapping[str, str]


@dataclass
class Table:
    """A scenario: `rules` by the names of the audiences."""

    title: str
    zone: ZoneInfo
    rules: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def moment(self, written: str) -> int:
        """Microseconds since 1970 of a moment on the shop's clock."""
        found = datetime.fromisoformat(written)
        return micros(found if found.tzinfo else found.replace(tzinfo=self.zone))


def tables() -> Iterator[tuple[str, Table]]:
    """Every table, by its file and title."""
    for path in sorted(FOLDER.glob("*.md")):
        for table in _read(path.read_text(encoding="utf-8")):
            yield f"{path.stem}: {table.title}", table


def event(table: Table, shop: str, now: int, words: str) -> Event[Any]:
    """`ada cart.added item=i1`: who (or which item or shop), what, and the fields; now unless it has `at`."""
    who, kind, *pairs = shlex.split(words)
    given = dict(pair.split("=", 1) for pair in pairs)
    at = table.moment(given.pop("at")) if "at" in given else now
    id = given.pop("id", None)
    fields = {FIELDS.get(name, name): _value(name, text) for name, text in given.items()}
    if kind in TRADES:
        fields = _trade(kind, fields)
    if kind == "shop.updated":
        fields = {"currency": "CNY", "language": "zh"} | fields
    else:
        fields |= {"item_id" if kind == "item.updated" else "customer_id": who}
    fact: Fact = CATALOGUE[kind](**fields)
    return make.event(fact, shop=shop, time=moment(at), id=id)


def _trade(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A trade of one line, and a refund without lines, unless they are given."""
    whole: dict[str, Any] = {"trade_id": "t1", "amount": 100, "currency": "CNY"} | fields
    if kind == "trade.refunded":
        return {"refund_id": "r1"} | whole
    return {"items": (make.line(amount=whole["amount"]),)} | whole


def _value(name: str, text: str) -> Any:
    if name == "items":
        return tuple(_line(*one.split(":")) for one in text.split(","))
    if name == "consent":
        return {"sms": text == "yes", "source": "shop"}
    if text == "null":
        return None
    return int(text) if name in ("amount", "quantity", "delta", "balance", "dwell_seconds") else text


def _line(item: str, amount: str, quantity: str = "1", category: str | None = None) -> Any:
    return make.line(item, int(amount), int(quantity), category)


def _read(text: str) -> Iterator[Table]:
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        zone = ZONE.search(part)
        table = Table(part.splitlines()[0], ZoneInfo(zone[1] if zone else "Asia/Shanghai"))
        for name, rule in re.findall(r"^```json (\S+)\n(.*?)^```", part, flags=re.MULTILINE | re.DOTALL):
            table.rules[name] = json.loads(rule)
        rows = [_cells(line) for line in part.splitlines() if line.startswith("|")]
        columns = rows[0]
        for clock, happens, *cells in rows[2:]:
            words = tuple(one.strip() for one in happens.split("<br>") if one.strip())
            table.steps.append(Step(clock, words, dict(zip(columns[2:], cells, strict=True))))
        yield table


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
