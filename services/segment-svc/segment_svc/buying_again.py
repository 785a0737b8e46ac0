"""The condition `repurchase`: within the cycle of an item that is often bought again, since its latest purchase."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from segment_svc.calendar import DAY
from segment_svc.columns import Stretches, covered, in_order, lasts, spread
from segment_svc.nodes import Cycles
from segment_svc.people import CODES, NEVER, Ints
from segment_svc.spells import Truth, lasting, simplest
from segment_svc.steps import Spans, summed
from segment_svc.view import View

COMPLETED = frozenset({"trade.completed"})


class Purchases(NamedTuple):
    """Purchases of items with a cycle, by customer, item and time, each trade once: when, until when it counts, from
    when until when the cycle after it is."""

    who: Ints
    key: Ints
    item: Ints
    at: Ints
    end: Ints
    start: Ints
    beyond: Ints


class Table(NamedTuple):
    """The codes of items in order, with the bounds of their cycles after a purchase in microseconds."""

    item: Ints
    start: Ints
    beyond: Ints


def due_again(view: View, cycles: Cycles | None) -> Truth:
    """When a customer is within the cycle of at least one item."""
    bought = _purchases(view, cycles)
    if bought is None:
        return lasting(np.zeros(view.people.size, np.bool_))
    latest = _latest(bought)
    start = np.maximum(latest.start, bought.start[latest.group])
    end = np.minimum(latest.end, bought.beyond[latest.group])
    live = end > start
    spans = Spans(bought.who[latest.group[live]], start[live], end[live])
    return simplest(summed(view.at, lambda count: count > 0, spans))


def items_due(view: View, cycles: Cycles | None, person: int) -> list[str]:
    """The items in whose cycle a customer is at their present, sorted."""
    bought = _purchases(view, cycles)
    if bought is None:
        return []
    latest, at = _latest(bought), view.at[person]
    group = latest.group
    there = (bought.who[group] == person) & (latest.start <= at) & (at < latest.end)
    there &= (bought.start[group] <= at) & (at < bought.beyond[group])
    return sorted(CODES.texts[code] for code in bought.item[group[there]].tolist())


def _purchases(view: View, cycles: Cycles | None) -> Purchases | None:
    if cycles is None or not cycles.days:
        return None
    table, events, lines = _table(cycles), view.people.events, view.people.lines
    found = view.counted(COMPLETED)
    owner, line = spread(events.first[found.rows], events.lines[found.rows])
    item = lines.item[line]
    place = np.minimum(np.searchsorted(table.item, item), len(table.item) - 1)
    known = np.flatnonzero(table.item[place] == item)
    if not len(known):
        return None
    owner, item, place = owner[known], item[known], place[known]
    key = found.who[owner] * (int(table.item[-1]) + 1) + item
    # By key, then as the events come: in order of time. A trade with two lines of one item is one purchase.
    order = in_order(key)
    owner, item, place, key = owner[order], item[order], place[order], key[order]
    once = np.flatnonzero(lasts(key) | lasts(owner))
    owner, item, place, key = owner[once], item[once], place[once], key[once]
    at = found.at[owner]
    return Purchases(
        found.who[owner], key, item, at, found.end[owner], at + table.start[place], at + table.beyond[place]
    )


def _latest(bought: Purchases) -> Stretches:
    """From when until when each purchase (by its place) is the latest of its item that counts."""
    size = len(bought.key)
    last = lasts(bought.key)
    index = np.arange(size)
    # Later purchases count up to the first that always will.
    stop = np.minimum.accumulate(np.where((bought.end == NEVER) | last, index, size)[::-1])[::-1]
    following = np.minimum(index + 1, size - 1)
    place, later = spread(index + 1, np.where(last, 0, stop[following] - index))
    return covered(
        Stretches(
            np.concatenate((index, place)),
            np.concatenate((bought.at, bought.at[later])),
            np.concatenate((bought.end, bought.end[later])),
        ),
        np.concatenate((np.ones(size, np.int64), np.full(len(place), -1))),
    )


@lru_cache(maxsize=1024)
def _table(cycles: Cycles) -> Table:
    rows = sorted((CODES[item], lower * DAY, (upper + 1) * DAY) for item, (lower, upper) in cycles.days.items())
    return Table(*np.array(rows, np.int64).T.copy())
