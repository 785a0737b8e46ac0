"""The whole installation as its users have it: `huitou up`, the topics, the APIs, and pids to kill."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from huitou_events import HEADERS, Event, micros
from tests.collector import Collector
from tests.waiting import until

READY_WITHIN = 120


class Platform:
    """A running installation. Each test takes a shop of its own; the clock is shared."""

    def __init__(self, home: Path, endpoints: dict[str, str], client: httpx2.AsyncClient, collector: Collector) -> None:
        self.home = home
        self.endpoints = endpoints
        self.client = client
        self.collector = collector
        self.failpoints = home / "failpoints"

    async def call(self, method: str, service: str, shop: str, path: str, **options: Any) -> httpx2.Response:
        url = f"{self.endpoints[service]}/v1/shops/{shop}{path}"
        return await self.client.request(method, url, **options)

    async def items(self, service: str, shop: str, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            params = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
            answer = await self.call("GET", service, shop, path, params=params)
            assert answer.status_code == 200, answer.text
            found += answer.json()["items"]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return found

    async def now(self) -> datetime:
        answer = await self.client.get(f"{self.endpoints['segment']}/dev/clock")
        return datetime.fromisoformat(answer.json()["now"])

    async def us(self) -> int:
        """The same in µs since 1970."""
        return micros(await self.now())

    async def advance(self, length: str) -> datetime:
        answer = await self.client.put(f"{self.endpoints['notify']}/dev/clock", json={"advance": length})
        assert answer.status_code == 200, answer.text
        return datetime.fromisoformat(answer.json()["now"])

    async def publish(self, events: Iterable[Event[Any]]) -> None:
        await self.send([(event.topic, event.key, event.encode()) for event in events])

    async def send(self, records: Sequence[tuple[str, bytes | None, bytes | None]]) -> None:
        """Records as they are; returns when the broker has them all."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.endpoints["kafka"], enable_idempotence=True, max_request_size=2_000_000
        )
        try:
            await producer.start()
            sent = [await producer.send(topic, key=key, value=value, headers=HEADERS) for topic, key, value in records]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    @asynccontextmanager
    async def reading(self, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            *topics, bootstrap_servers=self.endpoints["kafka"], auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def messages(self) -> list[dict[str, Any]]:
        """Every message that the operator took."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            answer = await self.client.get(
                f"{self.endpoints['operator']}/messages", params={"cursor": cursor} if cursor else {}
            )
            found += answer.json()["items"]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return found

    def pid(self, name: str) -> int:
        """The process `kafka`, `postgres`, `segment-worker`, … as it runs now."""
        (file,) = self.home.rglob(f"{name}.pid")
        return int(file.read_text().split()[0])

    def kill(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGKILL)


@asynccontextmanager
async def running(home: Path, collector: Collector) -> AsyncIterator[Platform]:
    """`huitou up` on the folder with traces to the collector, stopped by SIGTERM at the end."""
    failpoints = home / "failpoints"
    failpoints.mkdir(parents=True, exist_ok=True)
    # A killed supervisor leaves its own behind, which would be taken for the new one's.
    (home / "endpoints.json").unlink(missing_ok=True)
    env = os.environ | {"HUITOU_HOME": str(home), "HUITOU_FAILPOINTS": str(failpoints), "HUITOU_OTLP": collector.url}
    with (home / "up.log").open("ab") as log:
        supervisor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "huitou_chassis.cli", "up"), env=env, stdout=log, stderr=log
        )
    try:
        endpoints = await _announced(home, supervisor)
        headers = {"Authorization": f"Bearer {endpoints['api_key']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as client:
            yield Platform(home, endpoints, client, collector)
    finally:
        if supervisor.returncode is None:
            supervisor.send_signal(signal.SIGTERM)
        await asyncio.wait_for(supervisor.wait(), 60)


async def _announced(home: Path, supervisor: asyncio.subprocess.Process) -> dict[str, str]:
    async def there() -> dict[str, str]:
        assert supervisor.returncode is None, (home / "up.log").read_text()
        file = home / "endpoints.json"
        found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        return found

    return await until(there, within=READY_WITHIN)


def noon_zone(now: datetime) -> str:
    """A time zone in which it is about noon, so that quiet hours do not hold up a message."""
    ahead = round((timedelta(hours=12) - timedelta(hours=now.hour, minutes=now.minute)).total_seconds() / 3600)
    # Etc/GMT-3 is three hours ahead of Greenwich.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
