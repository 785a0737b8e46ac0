"""kill -9 anywhere, with a stream running: nothing lost, nothing doubled, and the stream is back in seconds."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.errors import KafkaError

from huitou_chassis import failpoints
from huitou_events import Event
from tests import make
from tests.flow import shop as shops
from tests.flow.platform import Platform
from tests.waiting import until

SERVICES = ("segment", "loyalty", "campaign", "notify")
BACK_WITHIN = 5.0


class Stream:
    """Trades of a shop, one after another, each published until the broker has it, and each of them twice."""

    def __init__(self, platform: Platform, shop: str, now: datetime) -> None:
        self._platform = platform
        self._numbers = itertools.count(1)
        self._time = now - timedelta(days=1)
        self.shop = shop
        self.published: Counter[str] = Counter()

    async def trade(self, customer: str) -> None:
        name = f"{customer}-{next(self._numbers)}"
        event = make.completed(customer=customer, shop=self.shop, trade=name, id=name, amount=100, time=self._time)
        await until(partial(self._sent, [event, event]), within=60)
        self.published[customer] += 1

    async def run(self, stop: asyncio.Event) -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            await self.trade(f"k{number % 17}")

    async def counted(self) -> bool:
        """Every published trade has reached its member, once."""
        members = await self._platform.items("loyalty", self.shop, "/members")
        return {m["customer_id"]: m["trades"] for m in members if m["customer_id"] in self.published} == self.published

    async def until_taken(self) -> float:
        """The seconds from now until the trade of a new customer has made them a member."""
        began, customer = time.monotonic(), f"new-{next(self._numbers)}"
        await self.trade(customer)

        async def member() -> bool:
            answer = await self._platform.call("GET", "loyalty", self.shop, f"/members/{customer}")
            return answer.status_code == 200

        await until(member)
        return time.monotonic() - began

    async def _sent(self, events: list[Event[Any]]) -> bool:
        try:
            await self._platform.publish(events)
        except KafkaError:
            return False
        return True


@asynccontextmanager
async def streaming(platform: Platform, shop: str) -> AsyncIterator[Stream]:
    """A stream that runs meanwhile; at the end everything published counts exactly once."""
    await shops.opened(platform, shop)
    stream = Stream(platform, shop, await platform.now())
    stop = asyncio.Event()
    running = asyncio.create_task(stream.run(stop))
    try:
        yield stream
    finally:
        stop.set()
        await running
    await until(stream.counted, within=120)


@pytest.mark.timeout(480)
async def test_workers_killed_at_every_step_lose_and_double_nothing(platform: Platform) -> None:
    async with asyncio.TaskGroup() as group:
        for service in SERVICES:
            group.create_task(_killed_at_every_step(platform, service))


async def _killed_at_every_step(platform: Platform, service: str) -> None:
    """Of one service, while the others are killed, too."""
    shop, now = f"kill-{service}", await platform.now()
    first = 1000 * (1 + SERVICES.index(service))
    people, strangers = range(first, first + 40), itertools.count(100 * first)
    audience = await shops.opened(platform, shop)
    await platform.publish([event for number in people for event in shops.customer(shop, number, now)])

    async def all_in() -> bool:
        return len(await platform.items("segment", shop, f"/audiences/{audience}/members")) == len(people)

    await until(all_in, within=120)
    plan = await shops.plan(platform, shop, audience, coupon_id=await shops.coupon(platform, shop))
    async with streaming(platform, f"{shop}-stream") as stream:
        for point in failpoints.POINTS:
            armed = platform.failpoints / f"{service}.{point}"
            armed.touch()

            async def died(armed: Path = armed) -> bool:
                await _stir(platform, stream.shop, next(strangers))
                return not armed.exists()

            await until(died, within=120, every=0.3)

    async def over() -> bool:
        return bool((await shops.effects(platform, shop, plan))["reached"] == len(people))

    await until(over, within=120)
    phones = {shops.phone(number) for number in people}
    sent = Counter(message["to"] for message in await platform.messages() if message["to"] in phones)
    assert sent == dict.fromkeys(phones, 1)
    assert (await shops.effects(platform, shop, plan))["claimed"] == len(people)
    assert await all_in()


async def _stir(platform: Platform, shop: str, number: int) -> None:
    """Something new for every worker: a member who enters an audience, a claim, an opt-out."""
    await platform.publish(shops.customer(shop, number, await platform.now()))
    made = await shops.coupon(platform, shop)
    body = {"customer_id": f"c{number}"}
    await platform.call("POST", "campaign", shop, f"/coupons/{made}/claims", json=body)
    await platform.call("POST", "notify", shop, "/opt-outs", json=body)


@pytest.mark.parametrize("server", ["kafka", "postgres"])
async def test_a_killed_server_loses_nothing_and_the_stream_is_back_in_seconds(platform: Platform, server: str) -> None:
    async with streaming(platform, f"kill-{server}") as stream:
        await stream.until_taken()
        for _ in range(2):
            platform.kill(server)
            await until(partial(_accepts, platform, server, False), every=0.01)
            await until(partial(_accepts, platform, server, True), within=60)
            assert await stream.until_taken() < BACK_WITHIN


async def _accepts(platform: Platform, server: str, wanted: bool) -> bool:
    """Whether it takes connections, or does not, as wanted. PostgreSQL's port is open while it still recovers."""
    try:
        if server == "postgres":
            await (await asyncpg.connect(platform.endpoints["postgres"], timeout=5)).close()
        else:
            host, _, port = platform.endpoints["kafka"].partition(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return not wanted
    return wanted
