"""From publishing an event to its customer's membership, among 100 audiences and 1,000 events/s."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import httpx2
from aiokafka import AIOKafkaProducer

from bench.population import SOURCE, populate
from bench.servers import SHOP, Say, Servers, connected, migrated, servers, service
from bench.shop import live, make_audience, make_audiences
from bench.traffic import strangers, visitors
from huitou_events import HEADERS, CartAdded, Event

RATE = 1000
SECONDS = 30
WATCHED = 20
AUDIENCES = 100
GIVEN_UP = 60.0
LINGER_MS = 5
LOOK_SECONDS = 0.02
Mix: TypeAlias = Callable[[int, str], Iterator[Event[Any]]]


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("segment", running)
        await populate(running, customers)
        async with service(running, "segment") as segment:
            await make_audiences(segment, AUDIENCES - 2)
            say(f"{customers:,} customers, {AUDIENCES} audiences, {RATE:,} events/s for {SECONDS} s:")
            for mix in (visitors, strangers):
                seconds = await _measured(running, segment, customers, mix)
                p50, p99 = (seconds[int(len(seconds) * share)] * 1000 for share in (0.5, 0.99))
                say(f"{mix.__name__}: visible after p50 {p50:.0f} ms, p99 {p99:.0f} ms ({len(seconds)} watched)")


async def _measured(running: Servers, segment: httpx2.AsyncClient, customers: int, mix: Mix) -> list[float]:
    """How long each customer who was watched for took to be a member, in seconds, the shortest first."""
    item = f"watched among {mix.__name__}"
    audience = await make_audience(segment, item, {"event": "cart.added", "item": [item], "within": "30d"})
    await live(segment, audience)
    producer = AIOKafkaProducer(bootstrap_servers=running.kafka, linger_ms=LINGER_MS)
    await producer.start()
    watch = Watch(audience)
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch.look(running))
            await _stream(producer, watch, customers, item, mix(customers, mix.__name__))
            await watch.all_seen()
            watching.cancel()
    finally:
        await producer.stop()
    return sorted(watch.took)


class Watch:
    """Looks every 20 ms, with one query for all, which of the customers watched for are members by now."""

    def __init__(self, audience: str) -> None:
        self._audience = audience
        self._waiting: dict[str, float] = {}
        self.took: list[float] = []

    def expect(self, customer: str) -> None:
        self._waiting[customer] = time.perf_counter()

    async def look(self, running: Servers) -> None:
        async with connected(running) as connection:
            while True:
                rows = await connection.fetch(
                    "SELECT customer_id FROM member WHERE shop_id = $1 AND audience_id = $2"
                    " AND customer_id = ANY($3::text[])",
                    SHOP,
                    self._audience,
                    list(self._waiting),
                )
                now = time.perf_counter()
                self.took += [now - self._waiting.pop(row[0]) for row in rows]
                await asyncio.sleep(LOOK_SECONDS)

    async def all_seen(self) -> None:
        began = time.perf_counter()
        while self._waiting:
            if time.perf_counter() - began > GIVEN_UP:
                raise RuntimeError(f"{len(self._waiting)} customers were not seen within {GIVEN_UP:.0f} s")
            await asyncio.sleep(0.05)


async def _stream(
    producer: AIOKafkaProducer, watch: Watch, customers: int, item: str, others: Iterator[Event[Any]]
) -> None:
    """So many events a second of the shop's customers; a few of them are watched for."""
    began = time.perf_counter()
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        event = next(others)
        if number % (RATE // WATCHED) == 0:
            customer = f"c{number * 7919 % customers}"
            fact = CartAdded(customer_id=customer, item_id=item)
            event = Event.of(fact, shop=SHOP, source=SOURCE, time=datetime.now(UTC), id=f"{item}{number}")
            watch.expect(customer)
        await producer.send(event.topic, key=event.key, value=event.encode(), headers=HEADERS)
