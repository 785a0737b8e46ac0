"""The people of the tables: what happened to many customers is read as columns at once, then cut into persons.

PostgreSQL packs each column into one value: taking rows apart one by one costs several times as much.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import numpy as np
import orjson

from huitou_chassis import Tx
from segment_svc.columns import unpacked
from segment_svc.nodes import REFUND
from segment_svc.people import (
    KINDS,
    NONE,
    Bools,
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
MOST = 2_000
"""So many customers are read at once: what is packed into one value must stay far below its limit of 1 GB."""
_ORDER = f"ORDER BY place, at, type = '{REFUND}', source, event_id"


def _numbers(column: str) -> str:
    return f"string_agg(int8send({column}), '' {_ORDER})"


def _texts(column: str) -> str:
    """What is nothing becomes an empty text. No id, source, type or JSON has a line feed in it, or is empty."""
    return f"string_agg(coalesce({column}, ''), E'\\n' {_ORDER})"


ENTRIES = f"""
    SELECT {_numbers("place")} AS whose, {_numbers("at")} AS at, {_numbers("amount")} AS amount,
        {_numbers("coalesce(dwell_seconds, 0)::bigint")} AS dwell, {_texts("type")} AS types,
        {_texts("trade_id")} AS trades, {_texts("refund_id")} AS refunds, {_texts("visit_id")} AS visits,
        {_texts("source")} AS sources, {_texts("event_id")} AS events, {_texts("lines")} AS lines,
        {_numbers("place")} FILTER (WHERE changes IS NOT NULL) AS changing,
        {_numbers("at")} FILTER (WHERE changes IS NOT NULL) AS changed,
        string_agg(changes, ',' {_ORDER}) AS changes
    FROM (
        SELECT k.place - 1 AS place, h.*
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (shop_id, customer_id, place)
        JOIN history AS h USING (shop_id, customer_id)
    ) AS h
"""


async def people(tx: Tx, shops: Sequence[str], ids: Sequence[str]) -> list[Person]:
    """The people with these keys (a shop and an id each), in their order."""
    found: list[Person] = []
    for start in range(0, len(ids), MOST):
        found += await _people(tx, shops[start : start + MOST], ids[start : start + MOST])
    return found


async def _people(tx: Tx, shops: Sequence[str], ids: Sequence[str]) -> list[Person]:
    (row,) = await tx.fetch(ENTRIES, shops, ids)
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
    both = zip(_histories(row, size), _changes(row, size), strict=True)
    return [
        Person(history, changed, frozenset(tags[place]) if place in tags else NOBODYS)
        for place, (history, changed) in enumerate(both)
    ]


def _histories(row: Any, size: int) -> list[History]:
    """A history each, from entries in their order."""
    if row["types"] is None:
        return [blank_history() for _ in range(size)]
    whose = unpacked(row["whose"])
    lines = list(map(_lines, row["lines"].split("\n")))
    parts = np.fromiter(chain.from_iterable(lines), np.int64).reshape(-1, 4)
    columns = np.full((len(whose), 8), NONE, np.int64)
    columns[:, 0], columns[:, 4], columns[:, 6] = (unpacked(row[name]) for name in ("at", "amount", "dwell"))
    columns[:, 1] = list(map(KINDS.get, row["types"].split("\n"), repeat(NONE)))
    columns[:, 5] = [len(found) // 4 for found in lines]
    columns[:, 7] = [visit_code(name) if name else NONE for name in row["visits"].split("\n")]
    names: list[dict[str, int]] = [{} for _ in range(size)]
    stands = _named(row, columns, whose.tolist(), names)
    last = _last(row, columns, whose, size)
    if not stands.all():
        parts = parts[np.repeat(stands, columns[:, 5])]
        columns, whose = columns[stands], whose[stands]
    bounds = np.searchsorted(whose, np.arange(size + 1))
    of_lines = np.concatenate(([0], np.cumsum(columns[:, 5])))[bounds].tolist()
    bounds = bounds.tolist()
    # Copies, since a view would hold on to what was read of all.
    return [
        History(
            columns[bounds[place] : bounds[place + 1]].copy(),
            parts[of_lines[place] : of_lines[place + 1]].copy(),
            names[place],
            last[place],
        )
        if bounds[place] < bounds[place + 1]
        else blank_history()
        for place in range(size)
    ]


def _named(row: Any, columns: Ints, whose: Sequence[int], names: Sequence[dict[str, int]]) -> Bools:
    """Gives trades and refunds their customer's codes; which rows stand: events, of a trade and type the first."""
    stands: Bools = columns[:, 1] != NONE
    kinds = columns[:, 1].tolist()
    places: list[int] = []
    codes: list[tuple[int, int]] = []
    repeated: list[int] = []
    seen: set[tuple[int, int, int, int]] = set()
    named = zip(row["trades"].split("\n"), row["refunds"].split("\n"), strict=True)
    for place, (trade, refund) in enumerate(named):
        if not (trade or refund) or kinds[place] == NONE:
            continue
        own = names[whose[place]]
        both = (
            own.setdefault(trade, len(own)) if trade else NONE,
            own.setdefault(refund, len(own)) if refund else NONE,
        )
        places.append(place)
        codes.append(both)
        if trade:
            event = (whose[place], kinds[place], *both)
            if event in seen:
                repeated.append(place)
            seen.add(event)
    if places:
        columns[places, 2:4] = codes
        stands[repeated] = False
    return stands


def _last(row: Any, columns: Ints, whose: Ints, size: int) -> list[Key]:
    """The place in the order of each customer's last event, standing or not; of who has none it says nothing."""
    events = np.flatnonzero(columns[:, 1] != NONE)
    ends = events[np.searchsorted(whose[events], np.arange(size), side="right") - 1] if len(events) else events
    sources, ids = row["sources"].split("\n"), row["events"].split("\n")
    moments, refunds = columns[ends, 0].tolist(), (columns[ends, 1] == KINDS[REFUND]).tolist()
    return [
        (at, refund, sources[place], ids[place])
        for at, refund, place in zip(moments, refunds, ends.tolist(), strict=True)
    ]


@lru_cache(maxsize=2**14)
def _lines(packed: str) -> tuple[int, ...]:
    """Four numbers for each line: item, category, quantity, amount. What is looked at is the same again and again."""
    lines = orjson.loads(packed) if packed else ()
    return tuple(
        chain.from_iterable(
            (code(item), code(category), quantity, amount) for item, category, quantity, amount in lines
        )
    )


def _changes(row: Any, size: int) -> list[Ints]:
    """The changes (c, 3) of each: at, name, value in order."""
    told = orjson.loads(f"[{row['changes'] or ''}]")
    moments = unpacked(row["changed"]).tolist()
    columns = changes(
        (at, name, value) for at, changed in zip(moments, told, strict=True) for name, value in changed.items()
    )
    whose = np.repeat(unpacked(row["changing"]), list(map(len, told)))
    bounds = np.searchsorted(whose, np.arange(size + 1)).tolist()
    return [columns[bounds[place] : bounds[place + 1]].copy() for place in range(size)]
