"""Conditions on attributes that change by events or by the calendar: when what is known passes a test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segment_svc.birthdays import near, reached
from segment_svc.calendar import years
from segment_svc.columns import spread
from segment_svc.conditions import FLAGS
from segment_svc.nodes import Birthday, Bounds, Is, Known, OneOf, Test
from segment_svc.people import CODES, NEVER, UNKNOWN, Bools, Ints
from segment_svc.spells import EARLIEST, Truth, lasting, opposite, simplest
from segment_svc.steps import Spans, summed, within
from segment_svc.view import View


def attribute(view: View, name: str, test: Test) -> Truth:
    """When the attribute passes the test; an unknown one passes none but `known: false`."""
    if name == "age":
        return _age(view, test)
    who, start, end, value = view.valid(name)
    passing = _passes(name, value, test)
    spans = Spans(who[passing], start[passing], end[passing])
    nothing = np.array([0 if name in FLAGS else UNKNOWN])
    if _passes(name, nothing, test).all():
        spans = _before(view, spans, who, start)
    return simplest(summed(view.at, lambda count: count > 0, spans))


def _before(view: View, spans: Spans, who: Ints, start: Ints) -> Spans:
    """The spans and, for everybody, the time before their first change."""
    size = view.people.size
    first = np.full(size, NEVER)
    np.minimum.at(first, who, start)
    return Spans(
        np.concatenate((spans.who, np.arange(size))),
        np.concatenate((spans.start, np.full(size, EARLIEST))),
        np.concatenate((spans.end, first)),
    )


def _passes(name: str, value: Ints, test: Test) -> Bools:
    known = value != UNKNOWN
    if name == "gender":
        known &= value != CODES["unknown"]
    passed: Bools
    match test:
        case Known(wanted):
            passed = np.full(len(value), wanted) if name in FLAGS else known == wanted
        case Is(wanted):
            passed = (value == 1) == wanted
        case OneOf(values):
            passed = np.isin(value, [CODES[one] if isinstance(one, str) else one for one in values])
            if name == "gender" and "unknown" in values:
                passed |= ~known
        case Bounds():
            passed = known & within(test, value)
    return passed


def _age(view: View, test: Test) -> Truth:
    if test == Known(False):
        return opposite(_age(view, Known(True)), view.at)
    who, start, end, born = view.valid("birthday")
    rows = np.flatnonzero((born > 0) & (end > view.at[who]))
    who, start, end, born = who[rows], start[rows], end[rows], born[rows]
    parts = []
    for low, high in _ranges(test):
        since = reached(born, low, view.zone)
        until = end if high is None else np.minimum(end, reached(born, high + 1, view.zone))
        parts.append(Spans(who, np.maximum(start, since), until))
    return _during(view, parts)


def _during(view: View, parts: Sequence[Spans]) -> Truth:
    """When at least one of the spans holds."""
    if not any(len(part.who) for part in parts):
        return lasting(np.zeros(view.people.size, np.bool_))
    spans = Spans(*(np.concatenate([part[column] for part in parts]) for column in range(3)))
    return simplest(summed(view.at, lambda count: count > 0, spans))


def _ranges(test: Test) -> Iterator[tuple[int, int | None]]:
    match test:
        case Bounds(low, high):
            if high is None or high >= 0:
                yield max(low or 0, 0), high
        case OneOf(values):
            yield from ((int(age), int(age)) for age in values if int(age) >= 0)
        case _:
            yield 0, None


def celebrating(view: View, rule: Birthday) -> Truth:
    """When the next birthday is near, or today."""
    who, start, end, born = view.valid("birthday")
    rows = np.flatnonzero((born != UNKNOWN) & (end > view.at[who]))
    # Whose birthday is whose, and from which year on one looks ahead: one may be told long after the present.
    ahead = years(np.maximum(view.at[who[rows]], start[rows]))
    pairs, which = np.unique(np.stack((born[rows], ahead)), axis=1, return_inverse=True)
    found = [near(day, rule, view.zone, year) for day, year in pairs.T.tolist()]
    number = np.array([len(spans) for spans in found], np.int64)
    flat = np.array([span for spans in found for span in spans], np.int64).reshape(-1, 2)
    owner, place = spread((np.cumsum(number) - number)[which], number[which])
    since, until = np.maximum(start[rows][owner], flat[place, 0]), np.minimum(end[rows][owner], flat[place, 1])
    live = until > since
    return _during(view, [Spans(who[rows][owner][live], since[live], until[live])])
