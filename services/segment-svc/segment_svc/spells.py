"""Yes-or-no values that turn at most from no to yes to no, as two columns: most are such, and these combine fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from segment_svc.columns import firsts
from segment_svc.people import NEVER, Bools, Ints
from segment_svc.steps import Steps, combined, negated

EARLIEST = -(2**62)
_NOBODY = np.empty(0, np.int64)


class Spell(NamedTuple):
    """For each customer (size,) it is so from `start` until just before `end`, as far as the future goes."""

    start: Ints
    end: Ints


Truth: TypeAlias = Spell | Steps


class Course(NamedTuple):
    """How a value goes from each customer's present to a later moment, both included: what it is at the present
    (size,), the turns after that, by customer and in order, and the first one beyond (size,), else NEVER."""

    value: Bools
    who: Ints
    moment: Ints
    until: Ints


def lasting(value: Bools) -> Spell:
    """A value that time does not change."""
    return Spell(np.where(value, EARLIEST, NEVER), np.full(len(value), NEVER))


def outcome(truth: Truth, at: Ints) -> tuple[Bools, Ints]:
    """The value at each customer's present, and the first moment after it at which it turns, else NEVER."""
    if isinstance(truth, Steps):
        until = np.full(len(at), NEVER)
        first = np.flatnonzero(firsts(truth.who))
        until[truth.who[first]] = truth.moment[first]
        return truth.value, until
    start, end = truth
    value = (start <= at) & (at < end)
    return value, np.where(value, end, np.where((at < start) & (start < end), start, NEVER))


def course(truth: Truth, at: Ints, limit: Ints) -> Course:
    """The value from each customer's present until their limit (size,)."""
    if isinstance(truth, Spell):
        value, until = outcome(truth, at)
        if (until > limit).all():
            return Course(value, _NOBODY, _NOBODY, until)
        truth = _steps(truth, at)
    within = truth.moment <= limit[truth.who]
    taken, beyond = np.flatnonzero(within), np.flatnonzero(~within)
    beyond = beyond[firsts(truth.who[beyond])]
    until = np.full(len(at), NEVER)
    until[truth.who[beyond]] = truth.moment[beyond]
    return Course(truth.value, truth.who[taken], truth.moment[taken], until)


def opposite(truth: Truth, at: Ints) -> Truth:
    """What is so whenever the other is not."""
    if isinstance(truth, Steps):
        return negated(truth)
    return _outside(truth, at) or negated(_steps(truth, at))


def every(truths: Sequence[Truth], at: Ints) -> Truth:
    """All of them are so."""
    spells = [truth for truth in truths if isinstance(truth, Spell)]
    steps = [truth for truth in truths if isinstance(truth, Steps)]
    if not spells:
        return simplest(combined(at, steps, len(steps)))
    whole = spells[0]
    for spell in spells[1:]:
        whole = Spell(np.maximum(whole.start, spell.start), np.minimum(whole.end, spell.end))
    return simplest(combined(at, [_steps(whole, at), *steps], 1 + len(steps))) if steps else whole


def some(truths: Sequence[Truth], at: Ints) -> Truth:
    """At least one of them is so: not every opposite."""
    if all(isinstance(truth, Spell) for truth in truths):
        return opposite(every([opposite(truth, at) for truth in truths], at), at)
    steps = [truth if isinstance(truth, Steps) else _steps(truth, at) for truth in truths]
    return simplest(combined(at, steps, 1))


def simplest(steps: Steps) -> Truth:
    """The same as a spell, if it turns no more than a spell does."""
    falls = np.flatnonzero(~steps.rises)
    rises = np.flatnonzero(steps.rises)
    ending, beginning = steps.who[falls], steps.who[rises]
    once = firsts(ending).all() and firsts(beginning).all()
    if not once or steps.value[beginning].any():
        return steps
    spell = lasting(steps.value)
    spell.start[beginning] = steps.moment[rises]
    spell.end[ending] = steps.moment[falls]
    return spell


def _outside(spell: Spell, at: Ints) -> Spell | None:
    """The opposite, unless it would be two spells for somebody."""
    start, end = spell
    begun = start <= at
    empty = start >= end
    if not (begun | empty | (end == NEVER)).all():
        return None
    return Spell(np.where(begun, end, EARLIEST), np.where(begun | empty, NEVER, start))


def _steps(spell: Spell, at: Ints) -> Steps:
    start, end = spell
    value = (start <= at) & (at < end)
    coming = (at < start) & (start < end)
    moments = np.stack((start, end), axis=1)
    turns = np.stack((coming, (value | coming) & (end < NEVER)), axis=1)
    who, column = np.nonzero(turns)
    return Steps(value, who, moments[turns], column == 0)
