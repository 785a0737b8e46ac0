"""The tally's processes on servers of their own, a stream that runs meanwhile, and the count at the end."""

import asyncio
import itertools
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from huitou_chassis import Settings, topics
from huitou_chassis.db import database_url, user_url
from huitou_chassis.isolation import User, role
from huitou_events import HEADERS, Event
from huitou_local import ports
from huitou_local.kafka import EmbeddedKafka
from huitou_local.postgres import EmbeddedPostgres
from tests import make
from tests.chassis.tally.service import service
from tests.stage import KEY, PASSWORD, SECRET, prepare
from tests.waiting import until

NAME = "faults"
GRACE_SECONDS = 8
CUSTOMERS = 23


TALLY = ("-m", "tests.chassis.tally")


class Program:
    """A worker or an API of the tally, or of what `command` names; it is started again when it dies, as a supervisor
    would."""

    def __init__(self, kind: str, instance: str, kafka: str, postgres: str, *, command: Sequence[str] = TALLY) -> None:
        self._command = (sys.executable, *command, kind)
        self.port = ports.free()
        self._env = os.environ | {
            "HUITOU_KAFKA": kafka,
            "HUITOU_POSTGRES": postgres,
            "HUITOU_DATABASES": NAME,
            "HUITOU_SECRET": SECRET,
            "HUITOU_API_KEY": KEY,
            "HUITOU_INSTANCE": instance,
            "HUITOU_GRACE_SECONDS": str(GRACE_SECONDS),
            "HUITOU_PORT" if kind == "api" else "HUITOU_HEALTH_PORT": str(self.port),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False
        self.deaths = 0

    async def start(self) -> "Program":
        self._keeping = asyncio.create_task(self._keep())
        await until(self._started)
        return self

    async def stop(self) -> float:
        """SIGTERM; the seconds that it took."""
        assert self._process and self._keeping
        began = time.monotonic()
        self._stopping = True
        self.tell(signal.SIGTERM)
        await asyncio.wait_for(self._keeping, 60)
        return time.monotonic() - began

    def tell(self, what: signal.Signals) -> None:
        assert self._process
        if self._process.returncode is None:
            self._process.send_signal(what)

    @property
    def memory(self) -> int:
        """Bytes in memory now."""
        assert self._process
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    async def get(self, path: str) -> httpx2.Response | None:
        """None when it does not answer."""
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=40) as client:
            try:
                return await client.get(f"http://{ports.HOST}:{self.port}{path}")
            except httpx2.TransportError:
                return None

    async def ready(self) -> bool:
        answer = await self.get("/readyz")
        return answer is not None and answer.status_code == 200

    async def metric(self, name: str) -> float:
        """The sum over all labels; 0 where there is none yet."""
        answer = await self.get("/metrics")
        assert answer is not None
        lines = (line for line in answer.text.splitlines() if line.startswith(name))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    async def _started(self) -> bool:
        return self._process is not None

    async def _keep(self) -> None:
        while True:
            self._process = await asyncio.create_subprocess_exec(*self._command, env=self._env)
            if await self._process.wait() == 0 or self._stopping:
                return
            self.deaths += 1


class Rig:
    """Servers, programs and the stream."""

    def __init__(
        self, kafka: EmbeddedKafka, postgres: EmbeddedPostgres, stack: AsyncExitStack, *, bootstrap: str = ""
    ) -> None:
        self.kafka = kafka
        self._bootstrap = bootstrap
        self.postgres = postgres
        self.published: Counter[str] = Counter()
        self._stack = stack
        self._numbers = itertools.count(1)

    @property
    def address(self) -> str:
        """The bootstrap servers; `bootstrap` where they are several."""
        return self._bootstrap or self.kafka.address

    async def prepared(self) -> "Rig":
        await topics.create(Settings(kafka=self.address))
        await self.migrated()
        return self

    async def migrated(self) -> None:
        await prepare(service, self.postgres.url, NAME)

    async def program(self, kind: User = "worker", instance: str = "0", *, port: int | None = None) -> Program:
        """Started now and stopped at the end, if it was not before; `port`: of a proxy in front of PostgreSQL."""
        made = Program(kind, instance, self.address, self._url(kind, port))
        self._stack.push_async_callback(_ended, made)
        return await made.start()

    async def worker(self, instance: str = "0", *, port: int | None = None) -> Program:
        """One that is ready."""
        made = await self.program("worker", instance, port=port)
        await until(made.ready, within=60)
        return made

    async def publish(self, number: int, *, hot: str = "") -> None:
        """New trades, each of them twice, until the broker has them. Every second one is `hot`'s, if that is given."""
        events = []
        for place in range(number):
            made = next(self._numbers)
            customer = hot if hot and place % 2 else f"c{made % CUSTOMERS}"
            events += 2 * [make.completed(customer=customer, trade=f"t{made}", id=f"e{made}")]
            self.published[customer] += 1
        await until(partial(self._sent, events), within=120)

    @asynccontextmanager
    async def streaming(self, *, every: float = 0.1, number: int = 20) -> AsyncIterator[None]:
        """Trades without end meanwhile; at the end each of them is counted once."""
        stop = asyncio.Event()
        running = asyncio.create_task(self._stream(stop, every, number))
        try:
            yield
        finally:
            stop.set()
            await running
        await until(self.counted, within=120)

    async def counted(self) -> bool:
        """Every trade has been counted, none twice, and all that was to be said is said."""
        rows = await self.fetch("SELECT customer_id, trades FROM tally")
        waiting = await self.fetch("SELECT 1 FROM outbox LIMIT 1")
        counts = dict(map(tuple, rows))
        over = {customer: (number, self.published[customer]) for customer, number in counts.items()}
        assert all(number <= wanted for number, wanted in over.values()), f"counted twice: {over}"
        return counts == dict(self.published) and not waiting

    async def total(self) -> int:
        rows = await self.fetch("SELECT coalesce(sum(trades), 0)::int FROM tally")
        return int(rows[0][0])

    async def connect(self) -> "asyncpg.Connection[Any]":
        """As the superuser."""
        return await asyncpg.connect(database_url(self.postgres.url, f"{NAME}_tally"), timeout=5)

    async def fetch(self, statement: str) -> list[asyncpg.Record]:
        connection = await self.connect()
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    async def said(self, topic: str, key: bytes) -> list[bytes | None]:
        """The values on the topic under the key."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.address, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found = []
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in records if record.key == key]
            return found
        finally:
            await consumer.stop()

    async def read_from(self, group: str, offset: int) -> None:
        """Sets where the group goes on in the trades, as soon as it has no member."""
        places = [TopicPartition("shop.trades", number) for number in range(topics.PARTITIONS)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address, group_id=group, enable_auto_commit=False)
        await consumer.start()
        consumer.assign(places)

        async def committed() -> bool:
            try:
                await consumer.commit(dict.fromkeys(places, offset))
            except KafkaError:
                return False
            return True

        await until(committed)
        await consumer.stop()

    async def waits_for_a_lock(self) -> bool:
        """Whether a process of the tally does."""
        return bool(await self.fetch("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    async def until_taken(self, within: float = 120) -> float:
        """The seconds from now until the trade of a new customer has been counted."""
        began, customer = time.monotonic(), f"new{next(self._numbers)}"
        await self.publish(2, hot=customer)

        async def there() -> bool:
            try:
                return bool(await self.fetch(f"SELECT 1 FROM tally WHERE customer_id = '{customer}'"))
            except (OSError, TimeoutError, asyncpg.PostgresError):
                return False

        await until(there, within=within, every=0.02)
        return time.monotonic() - began

    async def _stream(self, stop: asyncio.Event, every: float, number: int) -> None:
        while not stop.is_set():
            await self.publish(number)
            await asyncio.sleep(every)

    async def _sent(self, events: list[Event[Any]]) -> bool:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.address, enable_idempotence=True, request_timeout_ms=5000, linger_ms=5
        )
        try:
            await producer.start()
            sent = [await producer.send(e.topic, key=e.key, value=e.encode(), headers=HEADERS) for e in events]
            await asyncio.gather(*sent)
        except (KafkaError, OSError):
            return False
        finally:
            await producer.stop()
        return True

    def _url(self, kind: User, port: int | None) -> str:
        url = user_url(self.postgres.url, role(f"{NAME}_tally", kind), PASSWORD)
        return url if port is None else url.replace(f":{self.postgres.port}/", f":{port}/")


@asynccontextmanager
async def rigged(folder: Path) -> AsyncIterator[Rig]:
    """Fresh servers, and nothing that runs on them yet."""
    async with (
        EmbeddedKafka(folder / "kafka") as kafka,
        EmbeddedPostgres(folder / "postgres", fast=True) as postgres,
        AsyncExitStack() as stack,
    ):
        yield await Rig(kafka, postgres, stack).prepared()


async def _ended(program: Program) -> None:
    program.tell(signal.SIGCONT)
    if program._keeping and not program._keeping.done():
        await program.stop()
