"""What an event adds to a customer's history: one entry, with no personal data but what rules ask for."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from huitou_events import (
    CustomerUpdated,
    Event,
    MemberJoined,
    MembershipEnded,
    PointsChanged,
    ShopFollowed,
    ShopUnfollowed,
    TierChanged,
    TradeRefunded,
    micros,
)
from huitou_events.behaviour import Behaviour
from segment_svc.nodes import REFUND
from segment_svc.people import KINDS, Change, Line, Occurrence

Value: TypeAlias = str | int | bool | None
NOTHING: Mapping[str, Value] = {}
ONE = Line(None)
PLAIN = ("gender", "birthday", "country", "province", "city", "language", "source")


class Entry(NamedTuple):
    """One event as it is kept: `at` in microseconds since 1970, money in the minor unit."""

    shop: str
    customer: str
    at: int
    source: str
    id: str
    type: str
    trade: str | None = None
    refund: str | None = None
    amount: int = 0
    lines: tuple[Line, ...] = ()
    changes: Mapping[str, Value] = NOTHING
    dwell: int = 0
    visit: str | None = None

    @property
    def order(self) -> tuple[int, bool, str, str]:
        """Its place in the one order: time, trades before refunds, source, id."""
        return (self.at, self.refund is not None, self.source, self.id)

    @property
    def occurrence(self) -> Occurrence | None:
        """What conditions on events see of it; None for a type that they cannot name."""
        if self.type not in KINDS:
            return None
        told = (self.at, self.type, self.source, self.id, self.amount, self.trade, self.refund, self.lines)
        return Occurrence(*told, self.dwell, self.visit)

    @property
    def signals(self) -> list[str]:
        """What it touches: audiences that read its type, or an attribute that it changes."""
        return [self.type, *(f"={name}" for name in self.changes)] if self.changes else [self.type]

    @property
    def changed(self) -> list[Change]:
        return [Change(self.at, name, value) for name, value in self.changes.items()]


def entry(event: Event[Any]) -> Entry:
    """The entry of an event that is about a customer."""
    data = event.data
    kind = type(data)
    trade, refund, amount, lines = _content(data)
    dwell, visit = (data.dwell_seconds or 0, data.visit_id) if data.topic == Behaviour.topic else (0, None)
    changes = CHANGES[kind](data) if kind in CHANGES else NOTHING
    return Entry(
        event.shop,
        data.customer_id,
        event.us,
        event.source,
        event.id,
        data.type,
        trade,
        refund,
        amount,
        lines,
        changes,
        dwell,
        visit,
    )


def _content(data: Any) -> tuple[str | None, str | None, int, tuple[Line, ...]]:
    """Trade, refund, amount and lines of a fact, by its topic: asking a payload for its class is slow."""
    if data.topic == TradeRefunded.topic:
        lines = tuple([Line(line.item_id, line.category_id, line.quantity, line.amount) for line in data.items or ()])
        return data.trade_id, data.refund_id if data.type == REFUND else None, data.amount, lines
    if data.topic == Behaviour.topic:
        return None, None, data.amount, (Line(data.item_id, data.category_id, data.quantity, data.amount),)
    return None, None, 0, (ONE,) if data.type in KINDS else ()


def _updated(data: CustomerUpdated) -> dict[str, Value]:
    named = data.model_fields_set
    changes: dict[str, Value] = {name: getattr(data, name) for name in PLAIN if name in named}
    if changes.get("gender") == "unknown":
        changes["gender"] = None
    if "registered_at" in named:
        changes["registered_at"] = micros(data.registered_at) if data.registered_at else None
    if "phone" in named:
        changes["has_phone"] = data.phone is not None
    if "consent" in named:
        changes["sms_consent"] = data.consent is not None and data.consent.sms
    return changes


CHANGES: dict[type[Any], Callable[[Any], dict[str, Value]]] = {
    CustomerUpdated: _updated,
    ShopFollowed: lambda data: {"fan": True},
    ShopUnfollowed: lambda data: {"fan": False},
    MemberJoined: lambda data: {"member": True, "tier": data.tier},
    TierChanged: lambda data: {"tier": data.after},
    MembershipEnded: lambda data: {"member": False, "tier": None},
    PointsChanged: lambda data: {"points": data.balance},
}
