"""Conditions that only count events up to now: each customer's k-th latest event tells all there is to know."""

from __future__ import annotations

import numpy as np

from segment_svc.nodes import Aged, Occurred, Since
from segment_svc.people import NEVER, Ints
from segment_svc.spells import EARLIEST, Spell
from segment_svc.view import Latest, View


def counted(view: View, rule: Occurred) -> Spell | None:
    """When the condition holds; None if it is not of this simple kind, or if something lies in the future."""
    plain = rule.measure == "count" and rule.items is None and rule.categories is None and rule.unless_later is None
    if not plain or (isinstance(rule.window, Aged) and rule.window.newest > 0):
        return None
    latest = view.latest(rule.events)
    if latest is None:
        return None
    low, high = rule.bounds.at_least, rule.bounds.at_most
    end = np.full(view.people.size, NEVER) if low is None else _at_least(latest, rule, low)
    start = np.full(view.people.size, EARLIEST) if high is None else _at_least(latest, rule, high + 1)
    return Spell(start, end)


def _at_least(latest: Latest, rule: Occurred, number: int) -> Ints:
    """Until when there are at least so many: until the one that makes up the number leaves the window."""
    if number == 0:
        return np.full(len(latest.first), NEVER)
    place = latest.beyond - number
    there = place >= latest.first
    if not len(latest.at):
        return np.full(len(place), EARLIEST)
    at = latest.at[np.maximum(place, 0)]
    match rule.window:
        case Aged(oldest, _):
            return np.where(there, at + oldest, EARLIEST)
        case Since(moment):
            return np.where(there & (at >= moment), NEVER, EARLIEST)
    return np.where(there, NEVER, EARLIEST)
