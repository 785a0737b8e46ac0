"""Events with harmless defaults, so that a test names only what it is about."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from huitou_events import (
    CartAdded,
    CustomerUpdated,
    Event,
    Fact,
    Line,
    PageViewed,
    TradeClosed,
    TradeCompleted,
    TradeCreated,
    TradePaid,
    TradeRefunded,
)

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
SHOP = "s1"
OMS = "urn:shop:s1:oms"


def ago(**length: float) -> datetime:
    """NOW less a timedelta: ago(days=3)."""
    return NOW - timedelta(**length)


def event(
    fact: Fact, *, shop: str = SHOP, time: datetime = NOW, id: str | None = None, source: str = OMS
) -> Event[Any]:
    return Event.of(fact, shop=shop, source=source, time=time, id=id)


def line(item: str = "i1", amount: int = 100, quantity: int = 1, category: str | None = None) -> Line:
    return Line(item_id=item, category_id=category, quantity=quantity, amount=amount)


def _trade(
    kind: type[Fact],
    *,
    customer: str = "ada",
    trade: str = "t1",
    amount: int = 100,
    items: Sequence[Line] | None = None,
    currency: str = "CNY",
    shop: str = SHOP,
    time: datetime = NOW,
    id: str | None = None,
    source: str = OMS,
    **more: Any,
) -> Event[Any]:
    lines = tuple(items) if items is not None else (line(amount=amount),)
    fact = kind(customer_id=customer, trade_id=trade, amount=amount, currency=currency, items=lines, **more)
    return event(fact, shop=shop, time=time, id=id, source=source)


def created(**values: Any) -> Event[Any]:
    return _trade(TradeCreated, **values)


def paid(**values: Any) -> Event[Any]:
    return _trade(TradePaid, **values)


def completed(**values: Any) -> Event[Any]:
    return _trade(TradeCompleted, **values)


def closed(**values: Any) -> Event[Any]:
    return _trade(TradeClosed, **values)


def refunded(*, refund: str = "r1", items: Sequence[Line] | None = None, **values: Any) -> Event[Any]:
    """A refund without items unless they are given."""
    return _trade(TradeRefunded, refund_id=refund, items=items or (), **values)


def cart(*, customer: str = "ada", item: str = "i1", time: datetime = NOW, shop: str = SHOP, **more: Any) -> Event[Any]:
    return event(CartAdded(customer_id=customer, item_id=item, **more), time=time, shop=shop)


def page(*, customer: str = "ada", time: datetime = NOW, shop: str = SHOP, **more: Any) -> Event[Any]:
    return event(PageViewed(customer_id=customer, **more), time=time, shop=shop)


def customer(name: str = "ada", *, time: datetime = NOW, shop: str = SHOP, **fields: Any) -> Event[Any]:
    """customer.updated with just these fields; the others stay unchanged."""
    return event(CustomerUpdated(customer_id=name, **fields), time=time, shop=shop)
