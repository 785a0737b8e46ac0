"""The people of the tables: what happened to many customers is read as columns at once, then cut into persons.

PostgreSQL packs all rows into a few values: taking rows apart one by one costs several times as much.
"""

from collections.abc import Sequence
from itertools import compress, repeat
from typing import Any, NamedTuple

import numpy as np
import orjson

from huitou_chassis import Tx
from segment_svc.columns import unpacked
from segment_svc.customers import KEYS, Key, columns
from segment_svc.nodes import REFUND
from segment_svc.people import (
    KINDS,
    NEVER,
    NONE,
    Bools,
    History,
    Ints,
    Person,
    blank_history,
    changes,
)
from segment_svc.stored_lines import lines

NOBODYS: frozenset[str] = frozenset()
MOST = 2_000
"""So many customers are read at once: what is packed into one value must stay far below its limit of 1 GB."""
# No id, type or JSON has a line feed in it, or is empty; what is nothing is an empty text here. Within a customer, the
# rows come as the primary key has them, which needs no sorting.
ENTRIES = f"""
    SELECT string_agg(int8send(coalesce(length(h.numbers), 0)), '' ORDER BY k.place) AS sizes,
        string_agg(h.numbers, '' ORDER BY k.place) AS numbers, string_agg(h.texts, E'\n' ORDER BY k.place) AS texts
    FROM unnest({KEYS}) WITH ORDINALITY AS k (shop_id, customer_id, place)
    CROSS JOIN LATERAL (
        SELECT string_agg(int8send(at) || int8send(amount) || int8send(coalesce(dwell_seconds, 0)), '') AS numbers,
            string_agg(
                concat(type, E'\n', trade_id, E'\n', refund_id, E'\n', visit_id, E'\n', lines, E'\n', changes), E'\n'
            ) AS texts
        FROM (
            SELECT * FROM history AS h WHERE h.shop_id = k.shop_id AND h.customer_id = k.customer_id
            ORDER BY at, source, event_id
        ) AS o
    ) AS h
"""
NUMBERS, TEXTS = 3, 6
BEHIND = (2, "", "")
"""The rest of a place in the order, behind whatever happened at a moment: which was the last of it is not read."""


class Entries(NamedTuple):
    """Rows of history in the one order: whose, when, how much, for how long; and their texts."""

    whose: Ints
    at: Ints
    amount: Ints
    dwell: Ints
    kind: Ints
    trades: list[str]
    refunds: list[str]
    visits: list[str]
    lines: list[str]
    changes: list[str]


async def people(tx: Tx, keys: Sequence[Key]) -> list[Person]:
    """The people with these keys, in their order."""
    found: list[Person] = []
    for start in range(0, len(keys), MOST):
        found += await _people(tx, keys[start : start + MOST])
    return found


async def _people(tx: Tx, keys: Sequence[Key]) -> list[Person]:
    wanted = columns(keys)
    (row,) = await tx.fetch(ENTRIES, *wanted)
    entries = _entries(row)
    tags: dict[int, set[str]] = {}
    for place, tag in await tx.fetch(
        f"""
        SELECT k.place - 1, t.tag
        FROM unnest({KEYS}) WITH ORDINALITY AS k (shop_id, customer_id, place)
        JOIN tag AS t USING (shop_id, customer_id)
        """,
        *wanted,
    ):
        tags.setdefault(place, set()).add(tag)
    size = len(keys)
    both = zip(_histories(entries, size), _changes(entries, size), strict=True)
    return [
        Person(history, changed, frozenset(tags[place]) if place in tags else NOBODYS)
        for place, (history, changed) in enumerate(both)
    ]


def _entries(row: Any) -> Entries:
    counts = unpacked(row["sizes"]) // (8 * NUMBERS)
    whose = np.repeat(np.arange(len(counts)), counts)
    at, amount, dwell = unpacked(row["numbers"]).reshape(-1, NUMBERS).T
    fields = row["texts"].split("\n") if row["texts"] else []
    types, *texts = (fields[place::TEXTS] for place in range(TEXTS))
    kind = np.fromiter(map(KINDS.get, types, repeat(NONE)), np.int64, len(types))
    return _refunds_after_trades(Entries(whose, at, amount, dwell, kind, *texts))


def _refunds_after_trades(entries: Entries) -> Entries:
    """The order of the table, but for refunds: of one moment they come last."""
    whose, at, refund = entries.whose, entries.at, entries.kind == KINDS[REFUND]
    early = refund[:-1] & ~refund[1:] & (at[:-1] == at[1:]) & (whose[:-1] == whose[1:])
    if not early.any():
        return entries
    order = np.lexsort((refund, at, whose))
    places = order.tolist()
    return Entries._make(
        column[order] if isinstance(column, np.ndarray) else [column[place] for place in places] for column in entries
    )


def _histories(entries: Entries, size: int) -> list[History]:
    """A history each, from entries in their order."""
    whose = entries.whose
    of_each, parts = lines(entries.lines)
    columns = np.full((len(whose), 8), NONE, np.int64)
    columns[:, 0], columns[:, 1], columns[:, 4], columns[:, 6] = entries.at, entries.kind, entries.amount, entries.dwell
    columns[:, 5] = of_each
    columns[:, 7] = _visits(entries.visits)
    names: list[dict[str, int]] = [{} for _ in range(size)]
    stands = _named(entries, columns, names)
    last = _last(entries, size)
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
            (last[place], *BEHIND),
        )
        if bounds[place] < bounds[place + 1]
        else blank_history()
        for place in range(size)
    ]


def _visits(names: Sequence[str]) -> Ints:
    """Their codes (people.visit_code), all at once; that of no name is 0."""
    codes = np.fromiter(map(hash, names), np.int64, len(names)) & NEVER
    codes[codes == 0] = NONE
    return codes


def _named(entries: Entries, columns: Ints, names: Sequence[dict[str, int]]) -> Bools:
    """Gives trades and refunds their customer's codes; which rows stand: events, of a trade and type the first."""
    stands: Bools = columns[:, 1] != NONE
    kinds, whose = columns[:, 1].tolist(), entries.whose.tolist()
    places: list[int] = []
    codes: list[tuple[int, int]] = []
    repeated: list[int] = []
    seen: set[tuple[int, int, int, int]] = set()
    for place, (trade, refund) in enumerate(zip(entries.trades, entries.refunds, strict=True)):
        if (not trade and not refund) or kinds[place] == NONE:
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


def _last(entries: Entries, size: int) -> list[int]:
    """The moment of each customer's last event, standing or not; of who has none it says nothing."""
    events = np.flatnonzero(entries.kind != NONE)
    if not len(events):
        return [0] * size
    ends = np.searchsorted(entries.whose[events], np.arange(size), side="right") - 1
    moments: list[int] = entries.at[events[ends]].tolist()
    return moments


def _changes(entries: Entries, size: int) -> list[Ints]:
    """The changes (c, 3) of each: at, name, value in order."""
    some = np.fromiter(map(bool, entries.changes), np.bool_, len(entries.changes))
    told = orjson.loads(f"[{','.join(compress(entries.changes, some))}]")
    moments = entries.at[some].tolist()
    columns = changes(
        (at, name, value) for at, changed in zip(moments, told, strict=True) for name, value in changed.items()
    )
    whose = np.repeat(entries.whose[some], list(map(len, told)))
    bounds = np.searchsorted(whose, np.arange(size + 1)).tolist()
    return [columns[bounds[place] : bounds[place + 1]].copy() for place in range(size)]
