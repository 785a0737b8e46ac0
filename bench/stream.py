"""Events a second from Kafka to committed state, against a floor that only dedupes and counts."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bench.floor import BATCH, TOPICS, floor
from bench.population import CATEGORIES, ITEMS, KINDS, SOURCE, WEIGHTS, populate
from bench.servers import SHOP, Say, Servers, migrated, process, servers, service
from bench.shop import make_audiences, make_programme
from huitou_chassis.db import database_url
from huitou_events import HEADERS, CartAdded, Event, FavouriteAdded, Line, PageViewed, TradeCompleted, TradePaid

EVENTS = 150_000
WARM = 30_000
AUDIENCES = 100
UNTOUCHED = 900
PARTITIONS = 4
FACTS = {"page.viewed": PageViewed, "cart.added": CartAdded, "favourite.added": FavouriteAdded}
TRADES = {"trade.paid": TradePaid, "trade.completed": TradeCompleted}


def events(number: int, customers: int, name: str) -> list[Event[Any]]:
    """What customers do in a shop just now, at random: half of it pages, a quarter trades."""
    chance, now = random.Random(name), datetime.now(UTC)
    return [happening(chance, f"c{chance.randrange(customers)}", now, f"{name}{place}") for place in range(number)]


def happening(chance: random.Random, customer: str, at: datetime, name: str) -> Event[Any]:
    """One event; `name` makes its id and that of its trade."""
    kind = chance.choices(KINDS, WEIGHTS)[0]
    item = int(ITEMS * chance.random() ** 2)
    if kind in FACTS:
        category = f"k{item % CATEGORIES}"
        seen = FACTS[kind](customer_id=customer, item_id=f"i{item}", category_id=category, visit_id=f"v{name}")
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
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def rate(running: Servers, service: str, topics: Sequence[str], number: int, *, warm: int = WARM) -> float:
    """Starts the service's worker and measures from its commit of the first `warm` events to its last of `number`."""
    async with process(running, service, "worker") as child:
        first, began, start = 0.0, 0, -1
        async for done in _progress(running.kafka, f"{service}-worker", topics):
            if child.returncode is not None:
                raise RuntimeError(f"{service} worker ended: see its log in {running.home}")
            start = done if start < 0 else start
            if done - start >= warm and not first:
                first, began = time.perf_counter(), done
            if done - start >= number:
                return (done - began) / (time.perf_counter() - first)
    raise RuntimeError("the worker was not watched to its end")


async def _progress(kafka: str, group: str, topics: Sequence[str]) -> AsyncIterator[int]:
    """How many records of the topics the group has taken, looked at every 20 ms."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
    try:
        while True:
            offsets = await admin.list_consumer_group_offsets(group, partitions=places)
            yield sum(max(0, offsets[place].offset) for place in places)
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("loyalty", running)
        await migrated("segment", running)
        async with service(running, "loyalty") as loyalty:
            await make_programme(loyalty)
        seconds = await populate(running.postgres, customers)
        say(f"{customers:,} customers with {customers * 10:,} events, loaded by COPY in {seconds:.0f} s")
        async with service(running, "segment") as segment:
            seconds = await make_audiences(segment, AUDIENCES)
        say(f"{AUDIENCES} audiences of three conditions built in {seconds:.0f} s")
        published = events(EVENTS, customers, "first")
        await publish(running.kafka, published)
        base = await floor(running, EVENTS)
        say(f"floor                      {base:>8,.0f} events/s")
        first = await rate(running, "segment", TOPICS, EVENTS)
        say(f"segment, {AUDIENCES} audiences     {first:>8,.0f} events/s   ratio {first / base:.2f}")
        await _add_untouched(running)
        await publish(running.kafka, events(EVENTS, customers, "second"))
        second = await rate(running, "segment", TOPICS, EVENTS)
        much = f"{AUDIENCES + UNTOUCHED} audiences, of which the events touch {AUDIENCES}"
        say(f"segment, {much}: {second:,.0f} events/s")
        await publish(running.kafka, events(EVENTS, customers, "third"))
        await _build_beside(say, running, second)
        trades = sum(event.topic == "shop.trades" for event in published)
        reached = await rate(running, "loyalty", ["shop.trades"], trades, warm=trades // 5)
        say(f"loyalty, trades            {reached:>8,.0f} events/s   ratio {reached / base:.2f}")


async def _build_beside(say: Say, running: Servers, alone: float) -> None:
    """A new audience while events are taken, and what that leaves of the stream's rate."""
    async with service(running, "segment") as segment:
        watched = _progress(running.kafka, "segment-worker", TOPICS)
        start = await anext(watched)
        async for done in watched:
            if done - start >= WARM:
                break
        first, began = done, time.perf_counter()
        seconds = await make_audiences(segment, 1, after=AUDIENCES)
        done = await anext(watched)
        beside = (done - first) / (time.perf_counter() - began)
    say(
        f"a new audience meanwhile: live after {seconds:.0f} s, {beside:,.0f} events/s beside it ({beside / alone:.2f})"
    )


async def _add_untouched(running: Servers) -> None:
    """Audiences that no event of the run has anything to do with."""
    connection = await asyncpg.connect(database_url(running.postgres, "huitou_segment"))
    try:
        await connection.execute(
            """
            INSERT INTO audience (shop_id, audience_id, name, rule, state, created_us)
            SELECT $1, 'aud_untouched' || n, 'untouched', json_build_object('all', json_build_array(
                json_build_object('event', 'coupon.claimed', 'within', n || 'd'), json_build_object('tag', 'tag ' || n),
                json_build_object('event', 'message.clicked', 'within', 2 * n || 'd'))), 'live', 0
            FROM generate_series(1, $2) AS n
            """,
            SHOP,
            UNTOUCHED,
        )
        await connection.execute("UPDATE roster SET version = nextval('stamp') WHERE shop_id = $1", SHOP)
    finally:
        await connection.close()
