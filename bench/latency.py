"""From publishing an event to seeing its customer in the audience, at 500 events/s."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import httpx2
from aiokafka import AIOKafkaProducer

from bench.servers import SHOP, Say, migrated, servers, service
from bench.shop import make_audiences
from huitou_events import HEADERS, CartAdded, Event

RATE = 500
SECONDS = 20
WATCHED = 10
AUDIENCES = 20
RULE = {"event": "cart.added", "within": "30d"}


async def main(say: Say) -> None:
    async with servers() as running:
        await migrated("segment", running)
        async with service(running, "segment") as segment:
            await make_audiences(segment, AUDIENCES - 1)
            audience = (await segment.post("/audiences", json={"name": "carts", "rule": RULE})).json()["id"]
            while (await segment.get(f"/audiences/{audience}")).json()["state"] != "live":
                await asyncio.sleep(0.1)
            producer = AIOKafkaProducer(bootstrap_servers=running.kafka)
            await producer.start()
            try:
                seconds = await _stream(producer, segment, audience)
            finally:
                await producer.stop()
    p50, p99 = (seconds[int(len(seconds) * share)] * 1000 for share in (0.5, 0.99))
    say(f"visible after   p50 {p50:.0f} ms   p99 {p99:.0f} ms   ({len(seconds)} watched at {RATE} events/s)")


async def _stream(producer: AIOKafkaProducer, segment: httpx2.AsyncClient, audience: str) -> list[float]:
    """Each event is a new customer's; ten a second are watched until the API shows them."""
    watching, began = [], time.perf_counter()
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        event = _cart(number)
        await producer.send(event.topic, key=event.key, value=event.encode(), headers=HEADERS)
        if number % (RATE // WATCHED) == 0:
            watching.append(asyncio.create_task(_seen(segment, audience, f"c{number}")))
    return sorted(await asyncio.gather(*watching))


async def _seen(segment: httpx2.AsyncClient, audience: str, customer: str) -> float:
    began = time.perf_counter()
    while time.perf_counter() - began < 30:
        answer = await segment.get(f"/audiences/{audience}/members/{customer}")
        if answer.status_code == 200 and answer.json()["member"]:
            return time.perf_counter() - began
        await asyncio.sleep(0.02)
    raise RuntimeError(f"{customer} was not seen within 30 s")


def _cart(number: int) -> Event[Any]:
    fact = CartAdded(customer_id=f"c{number}", item_id=f"i{number % 50}")
    return Event.of(fact, shop=SHOP, source="urn:shop:bench:oms", time=datetime.now(UTC), id=f"cart{number}")
