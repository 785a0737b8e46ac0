"""unless_later: how long each line of an event is left in, until something later for the same item replaces it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segment_svc.columns import Stretches, covered, in_order, lasts, spread
from segment_svc.people import NEVER, Ints
from segment_svc.view import View


class Replacing(NamedTuple):
    """A later event for an item: who and what in one number, from when to when it replaces, its row."""

    key: Ints
    at: Ints
    end: Ints
    row: Ints


def remaining(view: View, rows: Ints, lines: Ints, later: frozenset[str]) -> Stretches:
    """For each of these lines, by its place among them, when it is left in, from its event (the row) on."""
    events = view.people.events
    if not len(lines):
        return Stretches(lines, lines, lines)
    key = _keys(view, rows, lines, -1)
    since = np.full(view.people.size, NEVER)
    np.minimum.at(since, events.who[rows], events.at[rows])
    replacing = _replacing(view, later, since, np.unique(key))
    place, by = _pairs(key, events.at[rows], rows, replacing)
    touched = np.zeros(len(lines), np.bool_)
    touched[place] = True
    whole, broken = np.flatnonzero(~touched), np.flatnonzero(touched)
    parts = covered(
        Stretches(
            np.concatenate((broken, place)),
            np.concatenate((events.at[rows[broken]], replacing.at[by])),
            np.concatenate((np.full(len(broken), NEVER), replacing.end[by])),
        ),
        np.concatenate((np.ones(len(broken), np.int64), np.full(len(place), -1))),
    )
    return Stretches(
        np.concatenate((whole, parts.group)),
        np.concatenate((events.at[rows[whole]], parts.start)),
        np.concatenate((np.full(len(whole), NEVER), parts.end)),
    )


def _replacing(view: View, later: frozenset[str], since: Ints, keys: Ints) -> Replacing:
    """The events of these types from each customer's `since` on, for one of the keys, by key and time."""
    found = view.replacing(later)
    found = found.some(found.at >= since[found.who])
    events = view.people.events
    owner, line = spread(events.first[found.rows], events.lines[found.rows])
    key = _keys(view, found.rows[owner], line, -2)
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    known = np.flatnonzero(keys[place] == key)
    known = known[in_order(key[known])]
    owner, key = owner[known], key[known]
    # A trade with two lines of one item replaces once.
    once = np.flatnonzero(lasts(key) | lasts(owner))
    owner, key = owner[once], key[once]
    return Replacing(key, found.at[owner], found.end[owner], found.rows[owner])


def _keys(view: View, rows: Ints, lines: Ints, nothing: int) -> Ints:
    """For each line a number for its customer and item together, or `nothing` if it has no item."""
    items = view.people.lines.item
    most = int(items.max(initial=0)) + 1
    return np.where(items[lines] < 0, nothing, view.people.events.who[rows] * most + items[lines])


def _pairs(key: Ints, at: Ints, rows: Ints, replacing: Replacing) -> tuple[Ints, Ints]:
    """Each line with what replaces it, up to the first that never ends: a place, a place among the replacing."""
    size = len(replacing.key)
    if not size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    both = np.concatenate((key, replacing.key))
    replaces = np.repeat([False, True], (len(key), size))
    order = np.lexsort((replaces, np.concatenate((at, replacing.at)), both))
    before = np.empty(len(order), np.int64)
    before[order] = np.cumsum(replaces[order])
    first = before[: len(key)]
    index = np.arange(size + 1)
    stops = np.append((replacing.end == NEVER) | lasts(replacing.key), True)
    stop = np.minimum.accumulate(np.where(stops, index, size)[::-1])[::-1]
    # An event does not replace itself, so what it would stop at itself may go on.
    row = np.append(replacing.row, -1)
    final = stop[first]
    final = np.where(row[final] == rows, stop[np.minimum(final + 1, size)], final)
    place, by = spread(first, np.minimum(final + 1, size) - first)
    another = (replacing.key[by] == key[place]) & (replacing.row[by] != rows[place])
    return place[another], by[another]
