"""Workers that are killed and joined in the middle of builds, while events go on: members are the naive model's."""

import asyncio
import itertools
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
import httpx2
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from huitou_chassis import Settings, topics
from huitou_chassis.db import database_url, user_url
from huitou_chassis.isolation import User, role
from huitou_events import HEADERS, Event
from huitou_local import ports
from huitou_local.kafka import EmbeddedKafka
from huitou_local.postgres import EmbeddedPostgres
from segment_svc import builds
from segment_svc.main import service
from tests import make
from tests.faults.rig import NAME, Program
from tests.naive.audiences import Customer, Rule, is_member
from tests.naive.facts import micros
from tests.stage import KEY, PASSWORD, prepare
from tests.waiting import until

CUSTOMERS = 2 * builds.MOST + 500
MIDDLE = f"c{2 * builds.MOST:05}"
"""One who is in every audience, and whose turn comes when a part of a build is done: more than `MOST` come before."""
RULES: list[Rule] = [
    {
        "all": [
            {"event": ["cart.added", "page.viewed"], "within": "60d"},
            {"not": {"event": "trade.paid", "within": "90d"}},
        ]
    },
    {"event": ["cart.added", "page.viewed"], "unless_later": {"event": ["trade.paid"], "same": "item"}},
    {"any": [{"event": "cart.added", "quantity": {"at_least": 2}}, {"event": "page.viewed", "days": {"at_least": 1}}]},
]


Fault: TypeAlias = Literal["kill", "join"]
FAULTS: tuple[Fault, ...] = ("kill", "join", "kill")


class Shop:
    """A shop whose customers do things at random; what was published is remembered for the naive model."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._chance, self._numbers = random.Random("builds"), itertools.count()
        self.events: dict[str, list[Event[Any]]] = defaultdict(list)

    async def publish(self, customers: Sequence[str]) -> None:
        events = [self._event(name) for name in customers]
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, enable_idempotence=True, linger_ms=5)
        await producer.start()
        sent = [await producer.send(e.topic, key=e.key, value=e.encode(), headers=HEADERS) for e in events]
        await asyncio.gather(*sent)
        await producer.stop()
        for event in events:
            self.events[event.subject].append(event)

    async def stream(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            names = {f"c{self._chance.randrange(CUSTOMERS):05}" for _ in range(50)} - {MIDDLE}
            await self.publish(sorted(names))

    def inside(self, rule: Rule) -> set[str]:
        """Who is in an audience of this rule now, by the naive model."""
        now, zone = micros(datetime.now(UTC)), ZoneInfo("Asia/Shanghai")
        return {name for name, events in self.events.items() if is_member(rule, Customer(events, zone), now)}

    def _event(self, name: str) -> Event[Any]:
        chance, id = self._chance, f"e{next(self._numbers)}"
        if name == MIDDLE:
            return make.page(customer=name, item_id="i1", time=datetime.now(UTC) - timedelta(hours=1), id=id)
        # Never just now: the naive model is asked at one moment, and nothing turns in the minutes around it.
        at = datetime.now(UTC) - timedelta(days=chance.choice([1, 5, 20, 40, 80, 100]), hours=chance.randint(1, 11))
        item = f"i{chance.randint(1, 3)}"
        match chance.randrange(4):
            case 0:
                return make.page(customer=name, item_id=item, time=at, id=id)
            # Nobody begins by paying, so that most are in each audience.
            case 1 if name in self.events:
                return make.paid(customer=name, trade=id, items=[make.line(item)], amount=100, time=at, id=id)
        return make.cart(customer=name, item=item, quantity=chance.randint(1, 2), time=at, id=id)


class Rig:
    """Servers, an API and two workers of segment-svc, which are started again when they die."""

    def __init__(self, kafka: str, postgres: str) -> None:
        self.kafka, self._postgres = kafka, postgres
        self.api = self._program("api", "api")
        self.workers = [self._program("worker", name) for name in ("a", "b")]

    def _program(self, kind: User, instance: str) -> Program:
        url = user_url(self._postgres, role(f"{NAME}_segment", kind), PASSWORD)
        return Program(kind, instance, self.kafka, url, command=("-m", "huitou_chassis.cli", "segment"))

    async def join(self) -> None:
        """One more worker, which takes over partitions."""
        self.workers.append(await self._program("worker", "c").start())
        await until(self.workers[-1].ready, within=60)

    async def create(self, rule: Rule) -> str:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as client:
            url = f"http://{ports.HOST}:{self.api.port}/v1/shops/{make.SHOP}/audiences"
            answer = await client.post(url, json={"name": "built", "rule": rule})
        assert answer.status_code == 201, answer.text
        audience: str = answer.json()["id"]
        return audience

    async def connect(self) -> "asyncpg.Connection[Any]":
        """As the superuser."""
        return await asyncpg.connect(database_url(self._postgres, f"{NAME}_segment"), timeout=5)

    async def look(self, statement: str, *values: object) -> Any:
        connection = await self.connect()
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    async def said(self) -> dict[tuple[str, str], list[bool]]:
        """What was said of each audience and customer, in order: entered or left."""
        consumer = AIOKafkaConsumer("segment.audiences", bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        found: dict[tuple[str, str], list[bool]] = defaultdict(list)
        seen: set[str] = set()
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for event in (orjson.loads(record.value) for record in records if record.value):
                    # A relay that dies says again what it said last, under the same id.
                    if event["id"] not in seen:
                        data = event["data"]
                        entered = event["type"] == "audience.entered"
                        found[data["audience_id"], data["customer_id"]].append(entered)
                    seen.add(event["id"])
        await consumer.stop()
        return found


@asynccontextmanager
async def rigged(folder: Path) -> AsyncIterator[Rig]:
    async with (
        EmbeddedKafka(folder / "kafka") as kafka,
        EmbeddedPostgres(folder / "postgres", fast=True) as postgres,
    ):
        await topics.create(Settings(kafka=kafka.address))
        await prepare(service, postgres.url, NAME)
        rig = Rig(kafka.address, postgres.url)
        try:
            for program in (rig.api, *rig.workers):
                await program.start()
            for program in (rig.api, *rig.workers):
                await until(program.ready, within=60)
            yield rig
        finally:
            for program in (rig.api, *rig.workers):
                await program.stop()


@pytest.mark.timeout(240)
async def test_workers_killed_and_exchanged_in_the_middle_of_builds(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        shop = Shop(rig.kafka)
        await shop.publish([f"c{number:05}" for number in range(CUSTOMERS)])
        await until(lambda: rig.look("SELECT count(*) = $1 FROM customer", CUSTOMERS), within=60)
        stop = asyncio.Event()
        streaming = asyncio.create_task(shop.stream(stop))
        rules = {}
        for rule, fault in zip(RULES, FAULTS, strict=True):
            rules[await _built(rig, rule, fault)] = rule
        stop.set()
        await streaming
        published = sum(map(len, shop.events.values()))
        await until(lambda: rig.look("SELECT count(*) = $1 FROM history", published), within=60)
        await until(lambda: rig.look("SELECT count(*) = 0 FROM outbox"), within=60)
        said = await rig.said()
        for audience, rule in rules.items():
            expected = shop.inside(rule)
            rows = await rig.look("SELECT array_agg(customer_id) FROM member WHERE audience_id = $1", audience)
            assert set(rows) == expected
            heard = {who: moves for (one, who), moves in said.items() if one == audience}
            assert {who for who, moves in heard.items() if moves[-1]} == expected
            assert all(moves[0] and all(a != b for a, b in itertools.pairwise(moves)) for moves in heard.values())


async def _built(rig: Rig, rule: Rule, fault: Fault) -> str:
    """A new audience that is live, though its workers were struck when only a part of its members was found."""
    blocking = await rig.connect()
    async with blocking.transaction():
        await blocking.execute("SELECT FROM customer WHERE customer_id = $1 FOR UPDATE", MIDDLE)
        audience = await rig.create(rule)
        # The build waits for that customer, in the middle of its transaction.
        await until(lambda: rig.look("SELECT reached <> '' FROM audience WHERE audience_id = $1", audience))
        await until(lambda: rig.look("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        if fault == "kill":
            for worker in rig.workers:
                worker.tell(signal.SIGKILL)
        else:
            await rig.join()
        assert await rig.look("SELECT state FROM audience WHERE audience_id = $1", audience) == "building"
    await blocking.close()
    await until(lambda: rig.look("SELECT state = 'live' FROM audience WHERE audience_id = $1", audience), within=60)
    return audience
