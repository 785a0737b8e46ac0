"""What happened on each day of a period, as columns of the persons who did it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segment_svc.calendar import SLOT
from segment_svc.columns import wide
from segment_svc.people import Bools, Ints
from segment_svc.periods import Period
from segment_svc.sheets import COMPLETED, KINDS, LEVELS, LOOK, PAID, SLOTS, VIEWED, Span

Persons: TypeAlias = NDArray[np.int32]
Run: TypeAlias = tuple[int, int, int]
SPARSE = 16
FEW = 2**20
EVERYBODY = np.ones(1, np.bool_)


@dataclass(frozen=True)
class Deals:
    """Payments or completions, with their quarter of an hour since 1970."""

    person: Persons
    slot: Ints
    amount: Ints

    def of(self, which: Bools) -> Deals:
        return Deals(self.person[which], self.slot[which], self.amount[which])


@dataclass(frozen=True)
class Ledger:
    """By level or kind (sheets.py), and by day; a person is a place in `who`.

    Of each day `looks` has the rows of its quarters of an hour.
    """

    who: Ints
    acts: Sequence[Sequence[Persons]]
    deals: Sequence[Sequence[Deals]]
    looks: Sequence[NDArray[Any]]

    def who_did(self, level: int) -> list[Persons]:
        """Of each day the persons who did what the level says, some of them more than once."""
        return [np.concatenate(parts) for parts in zip(*self.acts[: level + 1], strict=True)]

    @cached_property
    def visitors(self) -> Different:
        return distinct(self.who_did(VIEWED), len(self.who))

    @cached_property
    def buyers(self) -> Different:
        return distinct([deals.person for deals in self.deals[PAID]], len(self.who))

    @cached_property
    def traders(self) -> Different:
        return distinct([deals.person for deals in self.deals[COMPLETED]], len(self.who))


@dataclass(frozen=True)
class Different:
    """Which persons were there at any time, and how many, in all and on each day."""

    ever: Bools
    numbers: list[int]


def ledger(found: Sequence[Span], period: Period) -> Ledger:
    """The period's part of what happened in these days and hours."""
    who, persons = numbered([*(span.acts.who for span in found), *(span.deals.who for span in found)])
    acts: list[list[list[Persons]]] = [[[] for _ in period.days] for _ in range(LEVELS)]
    deals: list[list[list[Deals]]] = [[[] for _ in period.days] for _ in range(KINDS)]
    looks: list[list[NDArray[Any]]] = [[] for _ in period.days]
    bounds = np.array(period.bounds)
    for span, actors, traders in zip(found, persons, persons[len(found) :], strict=False):
        runs = list(_runs(span.at, bounds, period.until))
        for level, place, rows in _cut(span.acts.mark, LEVELS, runs):
            acts[level][place].append(actors[rows])
        slots = span.at // SLOT + span.deals.mark % SLOTS
        for kind, place, rows in _cut(span.deals.mark, KINDS, runs):
            deals[kind][place].append(Deals(traders[rows], slots[rows], span.deals.amount[rows]))
        for _, place, rows in _cut(span.looks["slot"].astype(np.int64), 1, runs):
            looks[place].append(span.looks[rows])
    return Ledger(
        who,
        [[np.concatenate([NO_PERSONS, *parts]) for parts in days] for days in acts],
        [[_joined(parts) for parts in days] for days in deals],
        [np.concatenate([NO_LOOKS, *parts]) for parts in looks],
    )


NO_PERSONS = np.empty(0, np.int32)
NO_NUMBERS = np.empty(0, np.int64)
NO_LOOKS = np.empty(0, LOOK)
NO_DEALS = Deals(NO_PERSONS, NO_NUMBERS, NO_NUMBERS)


def _joined(parts: Sequence[Deals]) -> Deals:
    together = [NO_DEALS, *parts]
    return Deals(
        np.concatenate([part.person for part in together]),
        np.concatenate([part.slot for part in together]),
        np.concatenate([part.amount for part in together]),
    )


def _runs(at: int, bounds: Ints, until: int) -> Iterator[Run]:
    """The runs of quarters of an hour from this moment on that lie on one day of the period: that day, first, end."""
    starts = at + SLOT * np.arange(SLOTS)
    places = np.searchsorted(bounds, starts, "right") - 1
    places[starts >= until] = -1
    edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), SLOTS]
    for first, end in pairwise(edges):
        if places[first] >= 0:
            yield int(places[first]), first, end


def _cut(mark: Ints, sorts: int, runs: Sequence[Run]) -> Iterator[tuple[int, int, slice]]:
    """The rows of each sort and day, where rows are in the order of their marks."""
    wanted = [(sort, place, first, end) for sort in range(sorts) for place, first, end in runs]
    edges = np.searchsorted(mark, [sort * SLOTS + slot for sort, _, *slots in wanted for slot in slots]).tolist()
    for (sort, place, *_), start, end in zip(wanted, edges[::2], edges[1::2], strict=True):
        if start < end:
            yield sort, place, slice(start, end)


def numbered(columns: Sequence[Ints]) -> tuple[Ints, list[Persons]]:
    """Different numbers in order, all that the columns have among them, and the places of each column's."""
    there = [column for column in columns if len(column)]
    if not there:
        return NO_NUMBERS, [NO_PERSONS for _ in columns]
    rows = sum(map(len, there))
    least, most = min(int(column.min()) for column in there), max(int(column.max()) for column in there)
    if most - least < max(rows, FEW):
        return np.arange(least, most + 1), [(column - least).astype(np.int32) for column in columns]
    if most - least > SPARSE * rows:
        who, places = np.unique(np.concatenate(columns), return_inverse=True)
        return who, np.split(places.astype(np.int32), np.cumsum([len(column) for column in columns])[:-1])
    # Much faster than to sort them.
    marked = np.zeros(most - least + 1, np.bool_)
    for column in there:
        marked[column - least] = True
    place = np.cumsum(marked, dtype=np.int32) - 1
    return np.flatnonzero(marked) + least, [place[column - least] for column in columns]


def distinct(days: Iterable[Persons], people: int, among: Iterable[Bools] = repeat(EVERYBODY)) -> Different:
    """Which of so many persons the days name; on each day of those among whom it is asked for."""
    ever = np.zeros(people, np.bool_)
    numbers = []
    for persons, whom in zip(days, among, strict=False):
        there = np.zeros(people, np.bool_)
        there[persons] = True
        ever |= there
        numbers.append(int(np.count_nonzero(there if whom is EVERYBODY else there & whom)))
    return Different(ever, [int(np.count_nonzero(ever)), *numbers])


def totals(days: Sequence[Ints]) -> list[int]:
    """The sum of all days, and of each."""
    found = [int(wide(amounts).sum()) for amounts in days]
    return [sum(found), *found]
