"""trade.paid, trade.completed, trade.closed, trade.refunded, customer.updated, customer.erased -> facts -> standing ->
member.joined, tier.changed, membership.ended"""

from collections.abc import Iterable
from typing import Any

from huitou_chassis import Tx
from huitou_events import Event
from loyalty_svc import facts, membership
from loyalty_svc.models import Who
from loyalty_svc.standing import Fact


async def record_trades(events: list[Event[Any]], tx: Tx) -> None:
    """Says member.joined and tier.changed, which segment-svc takes as a customer's tier."""
    shops = await tx.shops({event.shop for event in events})
    accepted = []
    for event in events:
        currency = shops[event.shop].currency
        # A refund need not name its currency: it is that of its trade.
        if event.data.currency not in (currency, None):
            tx.reject(event, "wrong-currency", f"currency: the shop counts in {currency}")
        else:
            accepted.append(event)
    await record(accepted, tx)


async def record(events: Iterable[Event[Any]], tx: Tx) -> None:
    """Says membership.ended for whom an erasure takes out, member.joined for whom a registration takes in."""
    news: dict[Who, list[Fact]] = {}
    for event in events:
        fact = facts.of(event)
        if fact is not None:
            news.setdefault((event.shop, event.data.customer_id), []).append(fact)
    if news:
        await membership.settle(tx, news)
