"""The people of the tables: what happened to many customers is read as columns at once, then cut into persons."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson

from huitou_chassis import Tx
from segment_svc.nodes import REFUND
from segment_svc.people import (
    KINDS,
    NONE,
    Bools,
    Change,
    History,
    Ints,
    Key,
    Person,
    blank_history,
    changes,
    code,
    visit_code,
)

NOBODYS: frozenset[str] = frozenset()


async def people(tx: Tx, shops: Sequence[str], ids: Sequence[str]) -> list[Person]:
    """The people with these keys (a shop and an id each), in their order."""
    rows = await tx.fetch(
        f"""
        SELECT k.place - 1, h.at, h.source, h.event_id, h.type, h.trade_id, h.refund_id, h.amount, h.lines, h.changes,
            h.dwell_seconds, h.visit_id
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (shop_id, customer_id, place)
        JOIN history AS h USING (shop_id, customer_id)
        ORDER BY k.place, h.at, h.type = '{REFUND}', h.source, h.event_id
        """,
        shops,
        ids,
    )
    tags: dict[int, set[str]] = {}
    for place, tag in await tx.fetch(
        """
        SELECT k.place - 1, t.tag
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (shop_id, customer_id, place)
        JOIN tag AS t USING (shop_id, customer_id)
        """,
        shops,
        ids,
    ):
        tags.setdefault(place, set()).add(tag)
    size = len(ids)
    both = zip(_histories(rows, size), _changes(rows, size), strict=True)
    return [
        Person(history, changed, frozenset(tags[place]) if place in tags else NOBODYS)
        for place, (history, changed) in enumerate(both)
    ]


def _histories(rows: Sequence[Any], size: int) -> list[History]:
    """A history each, from rows in their order."""
    rows = [row for row in rows if row[4] in KINDS]
    if not rows:
        return [blank_history() for _ in range(size)]
    lines = orjson.loads("[{}]".format(",".join([row[8] or "[]" for row in rows])))
    names: dict[int, dict[str, int]] = {}
    trades, refunds, stands = _named(rows, names)
    columns = _columns(rows, trades, refunds, list(map(len, lines)))
    parts = _lines(chain.from_iterable(lines))
    whose = np.array([row[0] for row in rows], np.int64)
    ends = np.searchsorted(whose, np.arange(size), side="right").tolist()
    last = [_place(rows[end - 1]) for end in ends]
    if not stands.all():
        parts = parts[np.repeat(stands, columns[:, 5])]
        columns, whose = columns[stands], whose[stands]
    bounds = np.searchsorted(whose, np.arange(size + 1))
    of_lines = np.concatenate(([0], np.cumsum(columns[:, 5])))[bounds].tolist()
    bounds = bounds.tolist()
    begun = [0, *ends[:-1]]
    # Copies, since a view would hold on to what was read of all.
    return [
        History(
            columns[bounds[place] : bounds[place + 1]].copy(),
            parts[of_lines[place] : of_lines[place + 1]].copy(),
            names.get(place, {}),
            last[place],
        )
        if ends[place] > begun[place]
        else blank_history()
        for place in range(size)
    ]


def _columns(rows: Sequence[Any], trades: list[int], refunds: list[int], lines: list[int]) -> Ints:
    """The rows (n, 8) of histories end to end."""
    _, at, _, _, kinds, _, _, amount, _, _, dwell, visits = zip(*rows, strict=True)
    codes, seconds = [KINDS[kind] for kind in kinds], [one or 0 for one in dwell]
    return np.array([at, codes, trades, refunds, amount, lines, seconds, list(map(visit_code, visits))], np.int64).T


def _place(row: Any) -> Key:
    return (row[1], row[4] == REFUND, row[2], row[3])


def _named(rows: Sequence[Any], names: dict[int, dict[str, int]]) -> tuple[list[int], list[int], Bools]:
    """Each row's trade and refund as their customer's codes, and which rows stand: the first of a trade and type."""
    trades, refunds = [NONE] * len(rows), [NONE] * len(rows)
    stands = np.ones(len(rows), np.bool_)
    seen: set[tuple[int, str, int, int]] = set()
    for place, row in enumerate(rows):
        trade, refund = row[5], row[6]
        if trade is None and refund is None:
            continue
        own = names.setdefault(row[0], {})
        if trade is not None:
            trades[place] = own.setdefault(trade, len(own))
        if refund is not None:
            refunds[place] = own.setdefault(refund, len(own))
        if trade is not None:
            named = (row[0], row[4], trades[place], refunds[place])
            stands[place] = named not in seen
            seen.add(named)
    return trades, refunds, stands


def _lines(lines: Any) -> Ints:
    """Lines end to end (m, 4): item, category, quantity, amount."""
    found = [(code(item), code(category), quantity, amount) for item, category, quantity, amount in lines]
    return np.array(found, np.int64).reshape(-1, 4)


def _changes(rows: Sequence[Any], size: int) -> list[Ints]:
    """The changes (c, 3) of each: at, name, value in order."""
    whose: list[int] = []
    found: list[Change] = []
    for row in rows:
        if row[9]:
            changed = orjson.loads(row[9])
            whose += [row[0]] * len(changed)
            found += [Change(row[1], name, value) for name, value in changed.items()]
    columns = changes(found)
    bounds = np.searchsorted(np.array(whose, np.int64), np.arange(size + 1)).tolist()
    return [columns[bounds[place] : bounds[place + 1]].copy() for place in range(size)]
