"""Conditions on events: how much a customer's events within a window come to, as spans of time with weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segment_svc.columns import Stretches, covered, firsts, spread, united
from segment_svc.nodes import Aged, Occurred, Since, Window
from segment_svc.people import CODES, NONE, Ints
from segment_svc.remaining import remaining
from segment_svc.steps import Spans
from segment_svc.view import Chosen, View


class Held(NamedTuple):
    """Events (rows of the people's events) from when to when they are in the window and not fully refunded."""

    rows: Ints
    who: Ints
    start: Ints
    end: Ints


class Parts(NamedTuple):
    """Lines (rows of the people's lines) that count, of which of the events held, from when to when."""

    place: Ints
    line: Ints
    start: Ints
    end: Ints


def measured(view: View, condition: Occurred) -> Spans:
    """What the condition measures; its value at a moment is the sum of the weights there."""
    held = _held(view.counted(condition.events), condition.window)
    match condition.measure:
        case "amount":
            return _amount(view, condition, held)
        case "quantity":
            parts = _parts(view, condition, held)
            weight = view.people.lines.quantity[parts.line]
            return Spans(held.who[parts.place], parts.start, parts.end, weight)
        case "items":
            return _items(view, held, _parts(view, condition, held))
        case "dwell_seconds":
            found = _occurring(view, condition, held)
            weight = view.people.events.dwell[held.rows[found.group]]
            return Spans(held.who[found.group], found.start, found.end, weight)
        case "visits":
            return _visits(view, held, _occurring(view, condition, held))
        case "days":
            found = _occurring(view, condition, held)
            return _distinct(held.who[found.group], view.days[held.rows[found.group]], found)
        case _:
            found = _occurring(view, condition, held)
            return Spans(held.who[found.group], found.start, found.end)


def turnover(view: View, condition: Occurred) -> Spans:
    """The amounts of the condition's trades less all of their refunds, even of those that are fully refunded."""
    held = _held(view.chosen(condition.events), condition.window)
    return _worth(view, held, Stretches(np.arange(len(held.rows)), held.start, held.end))


def _held(found: Chosen, window: Window) -> Held:
    """The events from when to when they are in the window, without those that have left it."""
    match window:
        case Aged(oldest, newest):
            inside = (found.age < oldest) if oldest > newest else np.zeros(len(found.age), np.bool_)
            if newest:
                # A trade that is refunded before it is so old never comes in.
                inside &= found.end - newest > found.at
            found = found.some(inside)
            return Held(found.rows, found.who, found.at + newest, np.minimum(found.at + oldest, found.end))
        case Since(moment):
            found = found.some(found.at >= moment)
    return Held(found.rows, found.who, found.at, found.end)


def _parts(view: View, condition: Occurred, held: Held) -> Parts:
    """The lines that match, as long as nothing later replaces them."""
    events, lines = view.people.events, view.people.lines
    place, line = spread(events.first[held.rows], events.lines[held.rows])
    for names, column in ((condition.items, lines.item), (condition.categories, lines.category)):
        if names is not None:
            matching = np.isin(column[line], [CODES[name] for name in names])
            place, line = place[matching], line[matching]
    if condition.unless_later is None:
        return Parts(place, line, held.start[place], held.end[place])
    left = remaining(view, held.rows[place], line, condition.unless_later)
    place, line = place[left.group], line[left.group]
    start, end = np.maximum(left.start, held.start[place]), np.minimum(left.end, held.end[place])
    live = end > start
    return Parts(place[live], line[live], start[live], end[live])


def _occurring(view: View, condition: Occurred, held: Held) -> Stretches:
    """The places of the events held, from when to when at least one of their lines counts."""
    whole = Stretches(np.arange(len(held.rows)), held.start, held.end)
    filtered = condition.items is not None or condition.categories is not None
    if not filtered and condition.unless_later is None:
        return whole
    parts = _parts(view, condition, held)
    if condition.unless_later is None:
        return Stretches(*(column[parts.place[firsts(parts.place)]] for column in whole))
    found = united(Stretches(parts.place, parts.start, parts.end))
    return found if filtered else _joined(found, _lineless(view, held, whole))


def _items(view: View, held: Held, parts: Parts) -> Spans:
    item = view.people.lines.item[parts.line]
    named = item >= 0
    found = Stretches(parts.place[named], parts.start[named], parts.end[named])
    return _distinct(held.who[found.group], item[named], found)


def _visits(view: View, held: Held, found: Stretches) -> Spans:
    visit = view.people.events.visit[held.rows[found.group]]
    named = visit != NONE
    found = Stretches(*(column[named] for column in found))
    # Small numbers instead, that may stand beside whose they are.
    _, visit = np.unique(visit[named], return_inverse=True)
    return _distinct(held.who[found.group], visit, found)


def _distinct(who: Ints, value: Ints, found: Stretches) -> Spans:
    """Each value of a customer's, while at least one of its spans holds."""
    most = int(value.max(initial=0)) + 1
    pairs = united(Stretches(who * most + value, found.start, found.end))
    return Spans(pairs.group // most, pairs.start, pairs.end)


def _amount(view: View, condition: Occurred, held: Held) -> Spans:
    whole = Stretches(np.arange(len(held.rows)), held.start, held.end)
    filtered = condition.items is not None or condition.categories is not None
    if not filtered and condition.unless_later is None:
        return _worth(view, held, whole)
    parts = _parts(view, condition, held)
    worth = _lines_worth(view, held, parts)
    if filtered:
        return worth
    # While no line is left out the trade's own amount stands instead of the sum of its lines.
    number = view.people.events.lines[held.rows]
    intact = covered(Stretches(parts.place, parts.start, parts.end), 1, number)
    own = _worth(view, held, _joined(intact, _lineless(view, held, whole)))
    owner, line = spread(view.people.events.first[held.rows[intact.group]], number[intact.group])
    same = _lines_worth(view, held, Parts(intact.group[owner], line, intact.start[owner], intact.end[owner]))
    return _added(worth, own, same._replace(weight=_negative(same)))


def _worth(view: View, held: Held, found: Stretches) -> Spans:
    """The amounts of events, less their refunds."""
    events = view.people.events
    rows, who = held.rows[found.group], held.who[found.group]
    gross = Spans(who, found.start, found.end, events.amount[rows])
    place, refund = view.refunds.links(rows)
    if not len(place):
        return gross
    start = np.maximum(found.start[place], events.at[refund])
    return _added(gross, Spans(who[place], start, found.end[place], -events.amount[refund]))


def _lines_worth(view: View, held: Held, parts: Parts) -> Spans:
    """The amounts of lines, less what refunds take off them."""
    who = held.who[parts.place]
    gross = Spans(who, parts.start, parts.end, view.people.lines.amount[parts.line])
    losses = view.refunds.losses(np.unique(held.rows[parts.place]))
    if not len(losses.line):
        return gross
    first = np.searchsorted(losses.line, parts.line, "left")
    place, loss = spread(first, np.searchsorted(losses.line, parts.line, "right") - first)
    start = np.maximum(parts.start[place], losses.at[loss])
    return _added(gross, Spans(who[place], start, parts.end[place], -losses.amount[loss]))


def _lineless(view: View, held: Held, whole: Stretches) -> Stretches:
    """An event without lines has none that could be left out."""
    bare = view.people.events.lines[held.rows] == 0
    return Stretches(*(column[bare] for column in whole))


def _joined(*parts: Stretches) -> Stretches:
    return Stretches(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _added(*parts: Spans) -> Spans:
    who, start, end = (np.concatenate([part[column] for part in parts]) for column in range(3))
    return Spans(who, start, end, np.concatenate([part.weight for part in parts if part.weight is not None]))


def _negative(spans: Spans) -> Ints:
    return np.empty(0, np.int64) if spans.weight is None else -spans.weight
