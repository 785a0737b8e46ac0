"""Events a second from Kafka to committed state, against a floor that only dedupes and counts."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bench.floor import BATCH, TOPIC, floor
from bench.servers import SHOP, Say, Servers, migrated, process, servers, service
from bench.shop import make_audiences, make_programme
from huitou_events import HEADERS, Event, Line, TradeCompleted, TradePaid

EVENTS = 150_000
WARM = 50_000
CUSTOMERS = 20_000
AUDIENCES = 20
NOW = datetime.now(UTC)


def trade(number: int) -> Event[Any]:
    """The paid and completed trades of 20,000 customers in turn, two lines each; the first make them known."""
    customer, order = f"c{number % CUSTOMERS}", number // 2
    kind = TradePaid if number % 2 == 0 else TradeCompleted
    lines = (Line(item_id=f"i{order % 500}", amount=2000), Line(item_id=f"i{order % 77}", amount=900))
    fact = kind(customer_id=customer, trade_id=f"t{number}", amount=2900, currency="CNY", items=lines)
    at = NOW - timedelta(minutes=(EVENTS - number) / 5)
    return Event.of(fact, shop=SHOP, source="urn:shop:bench:oms", time=at, id=f"e{number}")


async def publish(kafka: str, events: list[Event[Any]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5)
    await producer.start()
    try:
        for start in range(0, len(events), BATCH):
            part = events[start : start + BATCH]
            sent = [await producer.send(e.topic, key=e.key, value=e.encode(), headers=HEADERS) for e in part]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def rate(running: Servers, service: str, topic: str, events: int) -> float:
    """Starts the service's worker and measures from its commit of the first `WARM` events to its last."""
    async with process(running, service, "worker") as child:
        first = last = 0.0
        begun = 0
        async for done in _progress(running.kafka, f"{service}-worker", topic):
            if child.returncode is not None:
                raise RuntimeError(f"{service} worker ended: see its log in {running.home}")
            if done >= WARM and not first:
                first, begun = time.perf_counter(), done
            if done >= events:
                last = time.perf_counter()
                break
        return (events - begun) / (last - first)


async def _progress(kafka: str, group: str, topic: str) -> AsyncIterator[int]:
    """How many records of the topic the group has taken, looked at every 20 ms."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    places = [TopicPartition(topic, number) for number in range(4)]
    try:
        while True:
            offsets = await admin.list_consumer_group_offsets(group, partitions=places)
            yield sum(max(0, offsets[place].offset) for place in places)
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


async def main(say: Say) -> None:
    async with servers() as running:
        await migrated("loyalty", running)
        await migrated("segment", running)
        async with service(running, "loyalty") as loyalty:
            await make_programme(loyalty)
        async with service(running, "segment") as segment:
            await make_audiences(segment, AUDIENCES)
        say(f"publishing {EVENTS:,} trade events of {CUSTOMERS:,} customers")
        await publish(running.kafka, [trade(number) for number in range(EVENTS)])
        base = await floor(running, EVENTS)
        say(f"floor                      {base:>8,.0f} events/s")
        for name in ("segment", "loyalty"):
            reached = await rate(running, name, TOPIC, EVENTS)
            what = f"{name} ({AUDIENCES} audiences)" if name == "segment" else name
            say(f"{what:<26} {reached:>8,.0f} events/s   ratio {reached / base:.2f}")
