"""Values over time, as columns: amounts that hold for a while are summed into steps, and yes-or-no steps combined.

Each customer has an own present, `at`. What lies before it is folded into the value there; only what comes later is
kept as moments, so the cost follows what can still change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from segment_svc.columns import firsts, lasts, total, wide
from segment_svc.nodes import Bounds, OneOf, Test
from segment_svc.people import NEVER, Bools, Ints

Verdict: TypeAlias = Callable[..., Bools]


class Spans(NamedTuple):
    """Customer `who` has `weight` (1 if None) from `start` until just before `end`."""

    who: Ints
    start: Ints
    end: Ints
    weight: Ints | None = None


class Steps(NamedTuple):
    """A yes-or-no value: at each customer's present (size,), and the later moments, by customer and in order, at
    which it turns; `rises` says that it turns to yes."""

    value: Bools
    who: Ints
    moment: Ints
    rises: Bools


_ONE = np.int64(1)


def chosen(spans: Spans, which: Bools) -> Spans:
    """Some of the spans."""
    # Taking by place is several times faster than by a mask in which yes and no alternate.
    places = np.flatnonzero(which)
    weight = None if spans.weight is None else spans.weight[places]
    return Spans(spans.who[places], spans.start[places], spans.end[places], weight)


def present(spans: Spans, at: Ints) -> Ints:
    """The weight that each customer has at their present; Python integers if 64 bits may not hold it."""
    return _summed(chosen(spans, (spans.start <= at[spans.who]) & (at[spans.who] < spans.end)), len(at))


def summed(at: Ints, verdict: Verdict, *measures: Spans) -> Steps:
    """Whether the sums of the measures at each moment pass the verdict."""
    if len(measures) == 1:
        base, who, moment, delta = _split(measures[0], at)
        return _steps(at, [base], who, moment, [delta], verdict)
    bases, *later = zip(*(_split(spans, at) for spans in measures), strict=True)
    who, moment = np.concatenate(later[0]), np.concatenate(later[1])
    deltas = [
        np.concatenate([delta if n == place else np.zeros(len(delta), np.int64) for n, delta in enumerate(later[2])])
        for place in range(len(measures))
    ]
    return _steps(at, bases, who, moment, deltas, verdict)


def combined(at: Ints, rules: Sequence[Steps], need: int) -> Steps:
    """Whether at least `need` of the rules hold."""
    if len(rules) == 1:
        return rules[0]
    base = np.zeros(len(at), np.int64)
    reach = np.zeros(len(at), np.int64)
    for rule in rules:
        base += rule.value
        able = rule.value.copy()
        able[rule.who] = True
        reach += able
    who = np.concatenate([rule.who for rule in rules])
    moment = np.concatenate([rule.moment for rule in rules])
    rises = np.concatenate([rule.rises for rule in rules])
    # Who cannot come to enough rules, whatever the time, has no moments to look at.
    hopeful = (reach >= need)[who]
    if not hopeful.all():
        who, moment, rises = who[hopeful], moment[hopeful], rises[hopeful]
    return _steps(at, [base], who, moment, [rises * 2 - 1], lambda count: count >= need)


def negated(rule: Steps) -> Steps:
    return Steps(~rule.value, rule.who, rule.moment, ~rule.rises)


def _split(spans: Spans, at: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """What holds now, and the moments at which it becomes more or less."""
    now = at[spans.who]
    live = (spans.end > now) & (spans.end > spans.start)
    if not live.all():
        spans = chosen(spans, live)
        now = now[live]
    begun = spans.start <= now
    ending = np.flatnonzero(spans.end != NEVER)
    # Spans that count as one each have no sums to overflow.
    weight = np.broadcast_to(_ONE, len(spans.who)) if spans.weight is None else wide(spans.weight)
    if begun.all():
        return _summed(spans, len(at)), spans.who[ending], spans.end[ending], -weight[ending]
    coming = np.flatnonzero(~begun)
    return (
        _summed(chosen(spans, begun), len(at)),
        np.concatenate((spans.who[coming], spans.who[ending])),
        np.concatenate((spans.start[coming], spans.end[ending])),
        np.concatenate((weight[coming], -weight[ending])),
    )


def _summed(spans: Spans, size: int) -> Ints:
    if spans.weight is None:
        return np.bincount(spans.who, minlength=size).astype(np.int64, copy=False)
    return total(spans.who, spans.weight, size)


def _steps(at: Ints, bases: Sequence[Ints], who: Ints, moment: Ints, deltas: Sequence[Ints], verdict: Verdict) -> Steps:
    value = verdict(*bases).astype(np.bool_, copy=False)
    if not len(who):
        return Steps(value, who, moment, np.empty(0, np.bool_))
    order = _order(at, who, moment)
    if order is not None:
        who, moment, deltas = who[order], moment[order], [delta[order] for delta in deltas]
    first = firsts(who)
    # What happens at one moment happens at once: the sum counts after its last row.
    last = np.flatnonzero(lasts(moment) | np.append(first[1:], True))
    person = (np.cumsum(first) - 1)[last]
    begins = np.flatnonzero(first)
    whose = who[begins]
    sums = []
    for base, delta in zip(bases, deltas, strict=True):
        running = np.cumsum(delta)
        sums.append(running[last] + (base[whose] - running[begins] + delta[begins])[person])
    after = verdict(*sums).astype(np.bool_, copy=False)
    before = np.empty(len(last), np.bool_)
    before[1:] = after[:-1]
    before[firsts(person)] = value[whose]
    turns = np.flatnonzero(after != before)
    last = last[turns]
    return Steps(value, who[last], moment[last], after[turns])


def _order(at: Ints, who: Ints, moment: Ints) -> Ints | None:
    """The order by customer and moment, None if they have it already. One key for both is much faster to sort; it
    counts from each customer's present and fits unless some moment lies centuries ahead."""
    ahead = moment - at[who]
    room = 63 - len(at).bit_length()
    if int(ahead.max()) >> room:
        return np.lexsort((moment, who))
    key = (who << room) | ahead
    if (key[1:] >= key[:-1]).all():
        return None
    return np.argsort(key)


def within(test: Test, figure: Ints) -> Bools:
    """Whether numbers pass a test of numbers."""
    match test:
        case Bounds(low, high):
            passed = np.ones(len(figure), np.bool_)
            if low is not None:
                passed &= (figure >= low).astype(np.bool_)
            if high is not None:
                passed &= (figure <= high).astype(np.bool_)
            return passed
        case OneOf(values):
            return np.isin(figure, np.array(list(values)))
    raise TypeError(f"no test of numbers: {test}")
