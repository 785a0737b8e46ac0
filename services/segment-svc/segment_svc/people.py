"""What is known of customers, as columns: each history in two small arrays, many laid end to end.

All columns are int64. Moments are microseconds since 1970, money is in the minor unit, text is a code, `NONE` is
nothing. A history keeps only the events that stand: of several with one trade and type (or one trade and refund) the
earliest by (time, trades before refunds, source, id).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from segment_svc.nodes import EVENTS, REFUND

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Key: TypeAlias = tuple[int, bool, str, str]

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
)
"""The names that a change may have."""


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
    """One customer's standing events in order: `rows` (n, 6) of at, kind, trade, refund, amount, number of lines, and
    their `lines` (m, 4) of item, category, quantity, amount, end to end."""

    rows: Ints
    lines: Ints
    names: dict[str, int]
    last: Key

    @classmethod
    def of(cls, occurrences: Iterable[Occurrence] = ()) -> History:
        """A history from events in any order."""
        raise NotImplementedError

    def append(self, occurrences: Iterable[Occurrence]) -> History | None:
        """The history with new events, or None if one of them comes before what is there: then build it again."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Person:
    """One customer: events, attributes over time as an array (c, 3) of at, name, value in order, tags now."""

    history: History
    changes: Ints
    tags: frozenset[str] = frozenset()


def changes(found: Iterable[Change]) -> Ints:
    """Changes in their order (time, source, id) as the array that a Person holds."""
    raise NotImplementedError


@dataclass(frozen=True)
class People:
    """Customers of one shop laid end to end; `who` is a customer's place in the list they came in."""

    size: int
    zone: ZoneInfo

    @classmethod
    def of(cls, people: Sequence[Person], timezone: ZoneInfo) -> People:
        raise NotImplementedError
