"""The worker as a process on a real broker: killed at every step it loses nothing and doubles nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from huitou_chassis import Settings, failpoints, topics
from huitou_chassis.db import database_url
from huitou_events import HEADERS, Event, decode
from tests import make
from tests.chassis.tally.service import service
from tests.stage import prepare
from tests.waiting import until

SHOP = "killed"
"""Of its own: the worker reads all that other tests have published, too."""
CUSTOMERS, TRADES = 40, 25


class Worker:
    """The tally's worker, started again whenever it dies, as a supervisor would."""

    def __init__(self, kafka: str, postgres: str, folder: Path) -> None:
        self.folder = folder
        self._env = os.environ | {
            "HUITOU_KAFKA": kafka,
            "HUITOU_POSTGRES": postgres,
            "HUITOU_DATABASES": "worker",
            "HUITOU_FAILPOINTS": str(folder),
            "HUITOU_BATCH": "100",
        }
        self.process: asyncio.subprocess.Process | None = None
        self.deaths = 0

    async def keep(self) -> None:
        while True:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chassis.tally", env=self._env
            )
            if await self.process.wait() == 0:
                return
            self.deaths += 1

    async def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)


@asynccontextmanager
async def working(kafka: str, postgres: str, folder: Path) -> AsyncIterator[Worker]:
    worker = Worker(kafka, postgres, folder)
    keeping = asyncio.create_task(worker.keep())
    try:
        yield worker
    finally:
        await worker.stop()
        await asyncio.wait_for(keeping, 30)


async def publish(kafka: str, events: list[Event[Any]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    try:
        sent = [await producer.send(e.topic, key=e.key, value=e.encode(), headers=HEADERS) for e in events]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def published(kafka: str, topic: str, count: int) -> list[Event[Any]]:
    """Everything of the shop on a topic, read until there are events of `count` different ids."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    found: list[Event[Any]] = []

    async def enough() -> bool:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            events = (decode(r.topic, r.key, r.value, r.headers) for r in records)
            found.extend(event for event in events if event.shop == SHOP)
        return len({event.id for event in found}) >= count

    try:
        await until(enough)
    finally:
        await consumer.stop()
    return found


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[str]:
    """The address of the worker's fresh database."""
    await prepare(service, postgres, "worker")
    yield database_url(postgres, "worker_tally")


async def test_a_worker_killed_at_every_step_counts_each_trade_once(
    kafka: str, postgres: str, database: str, tmp_path: Path
) -> None:
    await topics.create(Settings(kafka=kafka))
    events = [
        make.completed(shop=SHOP, customer=f"c{c}", trade=f"c{c}-t{t}", id=f"c{c}-t{t}")
        for t in range(TRADES)
        for c in range(CUSTOMERS)
    ]
    connection = await asyncpg.connect(database)

    async def counted() -> bool:
        found = await connection.fetchval("SELECT coalesce(sum(trades), 0) FROM tally WHERE shop_id = $1", SHOP)
        return bool(found == len(events))

    async with working(kafka, postgres, tmp_path) as worker:
        share = len(events) // len(failpoints.POINTS)
        for place, point in enumerate(failpoints.POINTS):
            armed = tmp_path / f"tally.{point}"
            armed.touch()
            await publish(kafka, [*events[place * share : (place + 1) * share], *events[:20]])
            await until(partial(_gone, armed))
        await until(counted)
        assert worker.deaths == len(failpoints.POINTS)
        said = await published(kafka, "loyalty.members", len(events))
    assert len({event.id for event in said}) == len(events)
    rows = await connection.fetch("SELECT trades FROM tally WHERE shop_id = $1", SHOP)
    assert [row[0] for row in rows] == [TRADES] * CUSTOMERS
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    await connection.close()


async def _gone(armed: Path) -> bool:
    return not armed.exists()
