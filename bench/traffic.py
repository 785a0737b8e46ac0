"""What customers do in a shop just now: at random, each event another customer's, or in visits."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
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


def strangers(number: int, customers: int, name: str) -> list[Event[Any]]:
    """Each event is another customer's, who was away for months: half of it pages, a quarter trades.

    The hardest there is: nearly each event is a customer's return, and moves them in three or four audiences.
    """
    chance, now = random.Random(name), datetime.now(UTC)
    return [happening(chance, f"c{chance.randrange(customers)}", now, f"{name}{place}") for place in range(number)]


def visitors(number: int, customers: int, name: str) -> list[Event[Any]]:
    """As in a shop: 500 customers are there at a time, each visit is of 4 to 12 events, one in 25 is a trade's."""
    return list(islice(_visited(customers, name), number))


def _visited(customers: int, name: str) -> Iterator[Event[Any]]:
    chance, now = random.Random(name), datetime.now(UTC)
    there: dict[int, tuple[str, int]] = {}
    place = 0
    while True:
        seat = chance.randrange(AT_ONCE)
        customer, left = there.get(seat, ("", 0))
        if not left:
            customer, left = f"c{chance.randrange(customers)}", chance.randint(4, LONGEST_VISIT)
        there[seat] = (customer, left - 1)
        yield happening(chance, customer, now, f"{name}{place}", visit=f"{name}{customer}", weights=VISIT_WEIGHTS)
        place += 1


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
