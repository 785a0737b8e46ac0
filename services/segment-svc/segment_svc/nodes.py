"""What an audience rule is made of, once parsed: a tree of frozen values that compare and hash by content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias
from zoneinfo import ZoneInfo

TRADES = ("trade.created", "trade.paid", "trade.completed", "trade.closed")
REFUND = "trade.refunded"
BEHAVIOURS = (
    "cart.added",
    "cart.removed",
    "favourite.added",
    "favourite.removed",
    "page.viewed",
    "shop.followed",
    "shop.unfollowed",
    "customer.signed_in",
    "poster.shown",
    "poster.clicked",
)
BENEFITS = ("coupon.claimed", "coupon.locked", "coupon.redeemed", "coupon.released", "coupon.expired")
DELIVERIES = (
    "message.suppressed",
    "message.sent",
    "message.delivered",
    "message.failed",
    "message.clicked",
    "recipient.opted_out",
)
EVENTS = (*TRADES, REFUND, *BEHAVIOURS, *BENEFITS, *DELIVERIES)
"""The events that a condition may name. A place in this tuple is the event's code in the columns of `people`."""

SCORES = ("recency", "frequency", "monetary")
LEVELS = ("consumption_level", "loyalty_level")
VIEW = "page.viewed"
OF_VIEWS = ("dwell_seconds", "visits")
"""Measures of views of pages alone."""
MEASURES = ("count", "amount", "quantity", "items", "days", *OF_VIEWS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number lies within bounds, both inclusive; a moment is a number of microseconds since 1970."""

    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value is one of these."""

    values: frozenset[str] | frozenset[int]


@dataclass(frozen=True, slots=True)
class Is:
    """A yes-or-no attribute has this value."""

    value: bool


@dataclass(frozen=True, slots=True)
class Known:
    """An attribute has a value at all, or (False) has none."""

    value: bool


Test: TypeAlias = Bounds | OneOf | Is | Known


@dataclass(frozen=True, slots=True)
class Aged:
    """Events that are at least `newest` and less than `oldest` old, in microseconds."""

    oldest: int
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Since:
    """Events from this moment on, in microseconds since 1970."""

    moment: int


Window: TypeAlias = Aged | Since | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every rule holds."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one rule holds."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The rule does not hold."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is known of a customer passes a test; what is unknown passes none but `known: false`."""

    name: str
    test: Test


@dataclass(frozen=True, slots=True)
class Tagged:
    """The customer has a tag; `rule` is the rule by which the shop keeps it, if any, once `expand` has looked it up."""

    tag: str
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class InTier:
    """The customer's tier is one of these."""

    tiers: frozenset[str]


@dataclass(frozen=True, slots=True)
class InAudience:
    """The rule of another audience holds; `rule` is that rule once `expand` has looked it up."""

    audience: str
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Birthday:
    """The customer's next birthday by a calendar begins within so many microseconds, or is today."""

    within: int
    calendar: str = "solar"


@dataclass(frozen=True, slots=True)
class Scored:
    """Each of the customer's scores of the latest snapshot that is named is one of these."""

    recency: frozenset[int] | None = None
    frequency: frozenset[int] | None = None
    monetary: frozenset[int] | None = None

    @property
    def given(self) -> list[tuple[str, frozenset[int]]]:
        """The scores that are named, with what they may be."""
        parts = (("recency", self.recency), ("frequency", self.frequency), ("monetary", self.monetary))
        return [(name, values) for name, values in parts if values is not None]


@dataclass(frozen=True, slots=True)
class Cycles:
    """Items that are often bought again: how many days after a purchase their cycle begins, and on the end of which day
    it ends. As there may be many, they are compared by the `digest` of all."""

    digest: bytes = b""
    days: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, days: Mapping[str, tuple[int, int]]) -> Cycles:
        """The cycles of these items."""
        return cls(sha256(repr(sorted(days.items())).encode()).digest(), days) if days else cls()


@dataclass(frozen=True, slots=True)
class Repurchase:
    """The customer is within the cycle of such an item since their latest purchase of it, once `expand` has looked the
    shop's cycles up."""

    cycles: Cycles | None = None


@dataclass(frozen=True, slots=True)
class Occurred:
    """A measure of the customer's events within a window lies within bounds."""

    events: frozenset[str]
    measure: str = "count"
    bounds: Bounds = Bounds(at_least=1)
    window: Window = None
    items: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    unless_later: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class InZone:
    """A condition that goes by the days of this zone while the shop has another."""

    rule: Attribute | Birthday | Occurred
    zone: ZoneInfo


Condition: TypeAlias = Attribute | Tagged | InTier | InAudience | Birthday | Scored | Repurchase | Occurred
Rule: TypeAlias = AllOf | AnyOf | Not | InZone | Condition
