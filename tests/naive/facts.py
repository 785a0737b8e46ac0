"""What stands of one customer's events, whatever the order and number of their arrivals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from huitou_events import (
    CustomerErased,
    Event,
    TradeClosed,
    TradeCompleted,
    TradeCreated,
    TradePaid,
    TradeRefunded,
)
from huitou_events.behaviour import Behaviour

CREATED, PAID, COMPLETED, CLOSED = "trade.created", "trade.paid", "trade.completed", "trade.closed"
REFUNDED = "trade.refunded"
TRADES = (CREATED, PAID, COMPLETED, CLOSED)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Place = tuple[int, int, str, str]


@dataclass(frozen=True)
class Line:
    """One line of a trade, of a refund, or what a behaviour was about."""

    item: str | None
    category: str | None
    quantity: int
    amount: int


@dataclass(frozen=True)
class Fact:
    """A trade, a refund or a behaviour that stands; its time in microseconds since 1970."""

    time: int
    type: str
    source: str
    id: str
    amount: int
    lines: tuple[Line, ...]
    trade: str | None = None
    refund: str | None = None
    dwell: int = 0
    visit: str | None = None

    @property
    def place(self) -> Place:
        """Its place in the one order: time, trades before refunds, source, id."""
        return (self.time, 1 if self.type == REFUNDED else 0, self.source, self.id)


def surviving(events: Iterable[Event[Any]]) -> list[Event[Any]]:
    """Each event once, the first to come of a name, and none up to the latest erasure."""
    named: dict[tuple[str, str, str], Event[Any]] = {}
    for event in events:
        named.setdefault((event.shop, event.source, event.id), event)
    erasures = [micros(event.time) for event in named.values() if isinstance(event.data, CustomerErased)]
    erased = max(erasures, default=None)
    return [event for event in named.values() if erased is None or micros(event.time) > erased]


def standing(events: Sequence[Event[Any]]) -> list[Fact]:
    """Facts in their order; of each type of a trade, and of each refund, only the earliest."""
    facts: list[Fact] = []
    seen: set[tuple[str, str, str]] = set()
    for fact in sorted(filter(None, map(fact_of, events)), key=lambda fact: fact.place):
        if fact.trade is not None:
            name = (fact.type, fact.trade, fact.refund or "")
            if name in seen:
                continue
            seen.add(name)
        facts.append(fact)
    return facts


def fact_of(event: Event[Any]) -> Fact | None:
    """The trade, refund or behaviour that an event tells of, if any."""
    data = event.data
    if isinstance(data, TradeCreated | TradePaid | TradeCompleted | TradeClosed):
        return made(event, data.amount, lines_of(data.items), trade=data.trade_id)
    if isinstance(data, TradeRefunded):
        return made(event, data.amount, lines_of(data.items), trade=data.trade_id, refund=data.refund_id)
    if isinstance(data, Behaviour):
        line = Line(data.item_id, data.category_id, data.quantity, data.amount)
        told = made(event, line.amount, (line,))
        return replace(told, dwell=data.dwell_seconds or 0, visit=data.visit_id)
    return None


def made(
    event: Event[Any],
    amount: int,
    lines: tuple[Line, ...],
    *,
    trade: str | None = None,
    refund: str | None = None,
) -> Fact:
    return Fact(micros(event.time), event.type, event.source, event.id, amount, lines, trade, refund)


def lines_of(items: Iterable[Any] | None) -> tuple[Line, ...]:
    return tuple(Line(line.item_id, line.category_id, line.quantity, line.amount) for line in items or ())


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - EPOCH) // timedelta(microseconds=1)
