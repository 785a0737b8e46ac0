"""trade.created, trade.paid, trade.completed, trade.closed -> orders -> coupon.locked, coupon.redeemed, coupon.released
message.suppressed, .sent, .delivered, .failed, .clicked -> deliveries -> effects of plans
"""

from typing import Any

from campaign_svc import deliveries, orders
from campaign_svc.orders import Trade
from huitou_chassis import Tx
from huitou_events import Event


async def follow_orders(events: list[Event[Trade]], tx: Tx) -> None:
    """Orders with a coupon code -> claims; the others do not concern coupons."""
    await orders.follow(tx, events)


async def note_deliveries(events: list[Event[Any]], tx: Tx) -> None:
    """What became of the messages of plans; nothing is said."""
    await deliveries.note(tx, events)
