"""What is known of customers, as columns: each history in two small arrays, many laid end to end.

All columns are int64. Moments are microseconds since 1970, money is in the minor unit, text is a code, `NONE` is
nothing. A history keeps only the events that stand: of several with one trade and type (or one trade and refund) the
earliest by (time, trades before refunds, source, id).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import count
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from segment_svc.nodes import EVENTS, LEVELS, REFUND, SCORES

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Key: TypeAlias = tuple[int, int, str, str]

NEVER = 2**63 - 1
NONE = -1
UNKNOWN = -(2**63)
"""The value of a change that takes a value away."""

KINDS = {event: code for code, event in enumerate(EVENTS)}
CHANGING = (
    "gender",
    "birthday",
    "country",
    "province",
    "city",
    "language",
    "source",
    "registered_at",
    "has_phone",
    "sms_consent",
    "member",
    "fan",
    "points",
    "tier",
    *SCORES,
    *LEVELS,
)
"""The names that a change may have."""
_CHANGE_CODES = {name: code for code, name in enumerate(CHANGING)}


class Codes(dict[str, int]):
    """Numbers for texts, given as they are first seen; one set for the process, so that all columns agree.

    It holds what rules compare (items, categories, places, tiers) and never trades, whose number has no end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[int, str] = {}
        self._next = count()

    def __missing__(self, text: str) -> int:
        # Two threads may come here with one text: the first entry stands and the other number stays unused.
        code = self.setdefault(text, next(self._next))
        self.texts[code] = text
        return code


CODES = Codes()


class Line(NamedTuple):
    """One line of a trade or refund, or what a behaviour was about."""

    item: str | None
    category: str | None = None
    quantity: int = 1
    amount: int = 0


class Occurrence(NamedTuple):
    """One event of the customer's, named by (source, id). A behaviour has exactly one line, with or without an item."""

    at: int
    kind: str
    source: str
    id: str
    amount: int = 0
    trade: str | None = None
    refund: str | None = None
    lines: tuple[Line, ...] = ()
    dwell: int = 0
    visit: str | None = None

    @property
    def order(self) -> Key:
        return (self.at, self.kind == REFUND, self.source, self.id)


class Change(NamedTuple):
    """From a moment on, an attribute has this value; None takes it away.

    has_phone, sms_consent, member and fan are booleans; points an integer; registered_at microseconds since 1970;
    birthday the text of the event (YYYY-MM-DD or --MM-DD); the others text.
    """

    at: int
    name: str
    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class History:
    """One customer's standing events in order: `rows` (n, 8) of at, kind, trade, refund, amount, number of lines,
    seconds of dwell, visit, and their `lines` (m, 4) of item, category, quantity, amount, end to end.

    `names` gives this customer's trades and refunds their codes; it only grows, so a history and what was appended
    to it share it. `last` is the place in the order of the last event, standing or not.
    """

    rows: Ints
    lines: Ints
    names: dict[str, int]
    last: Key

    @classmethod
    def of(cls, occurrences: Iterable[Occurrence] = ()) -> History:
        """A history from events in any order."""
        blank = blank_history()
        return blank.append(occurrences) or blank

    def append(self, occurrences: Iterable[Occurrence]) -> History | None:
        """The history with new events, or None if one of them comes before what is there: then build it again."""
        added = sorted(occurrences, key=lambda occurrence: occurrence.order)
        if not added:
            return self
        if added[0].order <= self.last:
            return None
        rows: list[tuple[int, ...]] = []
        lines: list[tuple[int, ...]] = []
        standing: set[tuple[int, int, int]] = set()
        named = len(self.names)
        for occurrence in added:
            kind, trade, refund = KINDS[occurrence.kind], self._code(occurrence.trade), self._code(occurrence.refund)
            if trade != NONE:
                # Of a trade that was never named nothing stands.
                if (kind, trade, refund) in standing or (trade < named and self._stands(kind, trade, refund)):
                    continue
                standing.add((kind, trade, refund))
            rest = (len(occurrence.lines), occurrence.dwell, visit_code(occurrence.visit))
            rows.append((occurrence.at, kind, trade, refund, occurrence.amount, *rest))
            lines += [
                (code(item), code(category), quantity, amount) for item, category, quantity, amount in occurrence.lines
            ]
        return History(_joined(self.rows, rows), _joined(self.lines, lines), self.names, added[-1].order)

    def _code(self, name: str | None) -> int:
        return NONE if name is None else self.names.setdefault(name, len(self.names))

    def _stands(self, kind: int, trade: int, refund: int) -> bool:
        rows = self.rows
        return bool(((rows[:, 1] == kind) & (rows[:, 2] == trade) & (rows[:, 3] == refund)).any())


def blank_history() -> History:
    """That of who did nothing yet."""
    return History(_NO_ROWS, _NO_LINES, {}, (-NEVER, False, "", ""))


_NO_ROWS = np.empty((0, 8), np.int64)
_NO_LINES = np.empty((0, 4), np.int64)


def visit_code(name: str | None) -> int:
    """A number for a visit, the same in all of this process.

    The names of all visits, kept as those of trades are, would take more room than the events. Only visits of one
    customer are told apart: that two of a million have the same 63 bits has a chance of one in ten million.
    """
    return NONE if name is None else hash(name) & NEVER


def code(text: str | None) -> int:
    """A number for what rules compare, NONE for nothing."""
    return NONE if text is None else CODES[text]


def _joined(there: Ints, added: Sequence[tuple[int, ...]]) -> Ints:
    if not added:
        return there
    fresh = np.array(added, np.int64)
    return np.concatenate((there, fresh)) if len(there) else fresh


@dataclass(frozen=True, slots=True)
class Person:
    """One customer: events, attributes over time as an array (c, 3) of at, name, value in order, tags now."""

    history: History
    changes: Ints
    tags: frozenset[str] = frozenset()


def changes(found: Iterable[tuple[int, str, str | int | bool | None]]) -> Ints:
    """Changes in their order (time, source, id) as the array that a Person holds."""
    rows = [(at, _CHANGE_CODES[name], _value(name, value)) for at, name, value in found]
    return np.array(rows, np.int64).reshape(-1, 3)


def _value(name: str, value: str | int | bool | None) -> int:
    if value is None:
        return UNKNOWN
    if not isinstance(value, str):
        return int(value)
    if name != "birthday":
        return CODES[value]
    # The number of its day; one without a year is minus month * 100 + day, and tells no age.
    if value.startswith("-"):
        return -(int(value[2:4]) * 100 + int(value[5:7]))
    return date.fromisoformat(value).toordinal()


class Events(NamedTuple):
    """One entry an event (n,): whose, when, what; `first` and `lines` say where its lines are and how many;
    `dwell` for how many seconds, `visit` in which visit."""

    who: Ints
    at: Ints
    kind: Ints
    trade: Ints
    refund: Ints
    amount: Ints
    lines: Ints
    first: Ints
    dwell: Ints
    visit: Ints


class Lines(NamedTuple):
    """One entry a line of an event (m,)."""

    item: Ints
    category: Ints
    quantity: Ints
    amount: Ints


class Changes(NamedTuple):
    """One entry a change of an attribute (c,)."""

    who: Ints
    at: Ints
    name: Ints
    value: Ints


@dataclass(frozen=True)
class People:
    """Customers laid end to end; `who` is a customer's place in the list they came in, and all columns go by it."""

    zone: ZoneInfo
    persons: Sequence[Person]

    @classmethod
    def of(cls, people: Sequence[Person], timezone: ZoneInfo) -> People:
        """Customers who live by the calendar of one time zone."""
        return cls(timezone, people)

    @property
    def size(self) -> int:
        return len(self.persons)

    @cached_property
    def events(self) -> Events:
        rows = [person.history.rows for person in self.persons]
        at, kind, trade, refund, amount, lines, dwell, visit = _columns(rows, 8)
        return Events(_whose(rows), at, kind, trade, refund, amount, lines, np.cumsum(lines) - lines, dwell, visit)

    @cached_property
    def lines(self) -> Lines:
        return Lines(*_columns([person.history.lines for person in self.persons], 4))

    @cached_property
    def changes(self) -> Changes:
        rows = [person.changes for person in self.persons]
        return Changes(_whose(rows), *_columns(rows, 3))


def _columns(parts: Sequence[Ints], width: int) -> Ints:
    whole = np.concatenate(parts) if parts else np.empty((0, width), np.int64)
    return np.ascontiguousarray(whole.T)


def _whose(parts: Sequence[Ints]) -> Ints:
    return np.repeat(np.arange(len(parts)), np.array([len(part) for part in parts], np.int64))
