"""What customers do in a shop just now: at random, each event another customer's, or in visits."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeAlias

from aiokafka import AIOKafkaProducer

from bench.floor import BATCH
from bench.population import CATEGORIES, ITEMS, KINDS, SOURCE, WEIGHTS
from bench.servers import SHOP
from huitou_events import HEADERS, CartAdded, Event, FavouriteAdded, Line, PageViewed, TradeCompleted, TradePaid

FACTS = {"page.viewed": PageViewed, "cart.added": CartAdded, "favourite.added": FavouriteAdded}
TRADES = {"trade.paid": TradePaid, "trade.completed": TradeCompleted}
AT_ONCE = 500
LONGEST_VISIT = 12
VISIT_WEIGHTS = (85, 8, 3, 2, 2)
Weights: TypeAlias = Sequence[int]


def strangers(customers: int, name: str) -> Iterator[Event[Any]]:
    """Each event is another customer's, who was away for months: half of it pages, a quarter trades.

    The hardest there is: nearly each event is a customer's return, and moves them in three or four audiences.
    """
    chance = random.Random(name)
    for place in count():
        yield happening(chance, f"c{chance.randrange(customers)}", datetime.now(UTC), f"{name}{place}")


def visitors(customers: int, name: str) -> Iterator[Event[Any]]:
    """As in a shop: 500 customers are there at a time, each visit is of 4 to 12 events, one in 25 is a trade's."""
    chance = random.Random(name)
    there: dict[int, tuple[str, int]] = {}
    for place in count():
        seat = chance.randrange(AT_ONCE)
        customer, left = there.get(seat, ("", 0))
        if not left:
            customer, left = f"c{chance.randrange(customers)}", chance.randint(4, LONGEST_VISIT)
        there[seat] = (customer, left - 1)
        visit, now = f"{name}{customer}", datetime.now(UTC)
        yield happening(chance, customer, now, f"{name}{place}", visit=visit, weights=VISIT_WEIGHTS)


def happening(
    chance: random.Random, customer: str, at: datetime, name: str, *, visit: str = "", weights: Weights = WEIGHTS
) -> Event[Any]:
    """One event; `name` makes its id and that of its trade."""
    kind = chance.choices(KINDS, weights)[0]
    item = int(ITEMS * chance.random() ** 2)
    if kind in FACTS:
        category = f"k{item % CATEGORIES}"
        seen = FACTS[kind](customer_id=customer, item_id=f"i{item}", category_id=category, visit_id=visit or f"v{name}")
        return Event.of(seen, shop=SHOP, source=SOURCE, time=at, id=name)
    amount = chance.randint(1000, 60_000)
    line = Line(item_id=f"i{item}", category_id=f"k{item % CATEGORIES}", amount=amount)
    trade = TRADES[kind](customer_id=customer, trade_id=f"t{name}", amount=amount, currency="CNY", items=(line,))
    return Event.of(trade, shop=SHOP, source=SOURCE, time=at, id=name)


async def publish(kafka: str, published: Sequence[Event[Any]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5)
    await producer.start()
    try:
        for start in range(0, len(published), BATCH):
            part = published[start : start + BATCH]
            sent = [await producer.send(e.topic, key=e.key, value=e.encode(), headers=HEADERS) for e in part]
            for one in sent:
                await one
    finally:
        await producer.stop()
