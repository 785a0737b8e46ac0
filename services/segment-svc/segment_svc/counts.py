"""Conditions that only count events: a few of each customer's events tell all there is to know.

With so many events needed, each one and those that follow it are enough from the last of them until the first leaves
the window. Where these times follow each other without a gap they are one spell, however many events lie ahead.
"""

from __future__ import annotations

import numpy as np

from segment_svc.nodes import Aged, Occurred, Since
from segment_svc.people import NEVER, Ints
from segment_svc.spells import EARLIEST, Spell, Truth, every, lasting, opposite
from segment_svc.view import Latest, View


def counted(view: View, rule: Occurred) -> Truth | None:
    """When the condition holds; None if it is not of this simple kind, or if there are gaps in it for somebody."""
    plain = rule.measure == "count" and rule.items is None and rule.categories is None and rule.unless_later is None
    if not plain or (isinstance(rule.window, Aged) and rule.window.newest > 0):
        return None
    latest = view.latest(rule.events)
    if latest is None:
        return None
    low, high = rule.bounds.at_least, rule.bounds.at_most
    enough = lasting(np.ones(view.people.size, np.bool_)) if low is None else _at_least(view, latest, rule, low)
    if high is None or enough is None:
        return enough
    many = _at_least(view, latest, rule, high + 1)
    return None if many is None else every([enough, opposite(many, view.at)], view.at)


def _at_least(view: View, latest: Latest, rule: Occurred, number: int) -> Spell | None:
    """When there are at least so many."""
    size = view.people.size
    if number == 0 or not len(latest.at):
        return lasting(np.full(size, number == 0))
    first = latest.first
    match rule.window:
        case Aged(oldest, _):
            return _in_window(view.at, latest, oldest, number)
        case Since(moment):
            first = latest.beyond - np.bincount(latest.who[latest.at >= moment], minlength=size)
    return Spell(_moment(latest, first + number - 1), np.full(size, NEVER))


def _in_window(present: Ints, latest: Latest, oldest: int, number: int) -> Spell | None:
    """When there are so many in the last `oldest` microseconds."""
    last = latest.beyond - number
    end = np.where(last >= latest.first, latest.at[np.maximum(last, 0)] + oldest, EARLIEST)
    if not len(latest.ahead):
        return Spell(np.full(len(end), EARLIEST), end)
    if _gaps(present, latest, oldest, number):
        return None
    left = latest.at + oldest > present[latest.who]
    begun = latest.coming - number
    now = (begun >= latest.first) & left[np.maximum(begun, 0)]
    # The first event that is still in the window, so that enough are there only with one that lies ahead.
    first = np.maximum(begun + 1, latest.first)
    if number > 1:
        first = np.maximum(first, latest.beyond - np.bincount(latest.who[left], minlength=len(end)))
    return Spell(np.where(now, EARLIEST, _moment(latest, first + number - 1)), end)


def _gaps(present: Ints, latest: Latest, oldest: int, number: int) -> bool:
    """Whether for somebody there will be enough, then too few, then enough again."""
    rows = latest.ahead
    first, at = latest.first[latest.who[rows]], latest.at[rows]
    for place, until in ((rows - number, at), (rows - number + 1, at + 1)):
        leaves = latest.at[np.maximum(place, 0)] + oldest
        if ((place >= first) & (leaves > present[latest.who[rows]]) & (leaves < until)).any():
            return True
    return False


def _moment(latest: Latest, place: Ints) -> Ints:
    """When the events at these places happened, NEVER where they are not the customer's any more."""
    return np.where(place < latest.beyond, latest.at[np.minimum(place, len(latest.at) - 1)], NEVER)
