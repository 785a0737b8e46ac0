"""item.updated -> price: what items cost by the shop's catalogue, and since when (discounts.py)"""

from typing import Any

from huitou_chassis import Tx
from huitou_events import Event


async def record(events: list[Event[Any]], tx: Tx) -> None:
    """An event without a price leaves it as it was."""
    rows = [
        (event.shop, event.data.item_id, event.us, event.source, event.id, event.data.price)
        for event in events
        if event.data.price is not None
    ]
    if rows:
        columns = ("shop_id", "item_id", "at", "source", "event_id", "price")
        await tx.add("price", columns, rows)
