"""One service on a database of its own, driven from outside: deliver events, call the API, move the clock."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any

import asyncpg
import httpx2
from pydantic import SecretStr

from huitou_chassis import Clock, Context, Record, Service, Settings, http, keys, migrations
from huitou_chassis.batch import process
from huitou_chassis.db import Database, database_url, user_url
from huitou_chassis.isolation import User, role
from huitou_chassis.outbox import unpack
from huitou_chassis.service import running
from huitou_events import HEADERS, Event, decode, duration, micros, moment
from tests import make

KEY = "huitou_test_key"
SECRET = "a secret of the tests"
PASSWORD = "a password of the tests"
Delivered = Event[Any] | tuple[str, bytes | None, bytes | None]


class FrozenClock(Clock):
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.at = micros(now)

    @property
    def settable(self) -> bool:
        return True

    def us(self) -> int:
        return self.at

    def set_forward(self, us: int) -> None:
        if us < self.at:
            raise ValueError("the clock never goes back")
        self.at = us


class Stage:
    """A service as its users see it: `ctx` is the worker's, `api` that of the calls, which go to `shop`."""

    def __init__(
        self, ctx: Context, api: Context, client: httpx2.AsyncClient, clock: FrozenClock, administrator: str
    ) -> None:
        self.ctx = ctx
        self._administrator = administrator
        self.api = api
        self.clock = clock
        self.shop = make.SHOP
        self.client = client
        self._offset = 0

    @property
    def db(self) -> Database:
        return self.ctx.db

    async def administer(self, statement: str, *, tampering: bool = False) -> Any:
        """The value of a statement that only an administrator of the database may make; tampering, no trigger runs."""
        connection = await asyncpg.connect(self._administrator)
        try:
            if tampering:
                await connection.execute("SET session_replication_role = replica")
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def deliver(self, *events: Delivered) -> None:
        """One batch, as the consumer takes it."""
        await process(self.ctx, [self._record(event) for event in events])

    async def emitted(self) -> list[Event[Any]]:
        """What the service said since the last look, in order; dead letters stay."""
        rows = await self.db.pool.fetch(
            "WITH said AS (DELETE FROM outbox WHERE headers IS NULL RETURNING *) SELECT * FROM said ORDER BY id"
        )
        said = [decode(row["topic"], row["key"], row["value"], HEADERS) for row in rows]
        assert {type(event.data) for event in said} <= set(self.ctx.service.facts), "said and not declared in main.py"
        return said

    async def dead(self) -> list[tuple[str, str, str, bytes | None]]:
        """(topic, reason, detail, value) of every dead letter so far."""
        rows = await self.db.pool.fetch("SELECT topic, value, headers FROM outbox WHERE topic LIKE '%.dlq' ORDER BY id")
        letters = []
        for row in rows:
            why = {
                name: value.decode() for name, value in unpack(row["headers"]) if value and name.startswith("huitou-")
            }
            letters.append((row["topic"], why["huitou-reason"], why["huitou-detail"], row["value"]))
        return letters

    async def set_now(self, now: datetime) -> None:
        self.clock.set_forward(micros(now))

    async def advance(self, length: str) -> datetime:
        """Moves the clock, and nothing else."""
        self.clock.at += duration(length)
        return moment(self.clock.at)

    async def run_job(self, name: str) -> None:
        """One job, until it says that there is no more to do."""
        job = next(job for job in self.ctx.service.jobs if job.name == name)
        while await job.run(self.ctx):
            pass

    async def settle(self) -> None:
        """Every job, until none has more to do."""
        for job in self.ctx.service.jobs:
            await self.run_job(job.name)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self._call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx2.Response:
        return await self._call("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx2.Response:
        return await self._call("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx2.Response:
        return await self._call("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx2.Response:
        return await self._call("DELETE", path, **options)

    async def _call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return await self.client.request(method, f"/v1/shops/{self.shop}{path}", **options)

    def _record(self, event: Delivered) -> Record:
        self._offset += 1
        if isinstance(event, tuple):
            topic, key, value = event
        else:
            topic, key, value = event.topic, event.key, event.encode()
        return Record(topic, 0, self._offset, self._offset, key, value, HEADERS)


@asynccontextmanager
async def stage(service: Service, server: str, name: str, **settings: Any) -> AsyncIterator[Stage]:
    """The service on the migrated database of that name on the server, which is emptied afterwards."""
    made: dict[User, Settings] = {
        process: service.settings(
            postgres=SecretStr(user_url(server, role(f"{name}_{service.name}", process), PASSWORD)),
            databases=name,
            secret=SecretStr(SECRET),
            api_key=SecretStr(KEY),
            **settings,
        )
        for process in ("worker", "api")
    }
    database = database_url(server, f"{name}_{service.name}")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(empty, database)
        ctx = await stack.enter_async_context(running(service, made["worker"]))
        ctx.clock = clock = FrozenClock(make.NOW)
        api = await stack.enter_async_context(running(service, made["api"], keys=True))
        api.clock = clock
        api.held = await stack.enter_async_context(service.holds(api) if service.holds else nullcontext())
        transport = httpx2.ASGITransport(app=http.application(api), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {KEY}"}
        client = httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers)
        yield Stage(ctx, api, await stack.enter_async_context(client), clock, database)


async def prepare(service: Service, server: str, name: str) -> None:
    """A migrated database with its users for stages of the service, and the key of the tests."""
    password = SecretStr(PASSWORD)
    administrator = service.settings(
        postgres=SecretStr(server), databases=name, api_password=password, worker_password=password
    )
    await migrations.migrate(service, administrator)
    await keys.ensure(server, KEY)


async def empty(url: str) -> None:
    """Faster than a new database a test by a factor of ten."""
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%_version'"
    )
    # The audit log refuses to be emptied.
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(f"TRUNCATE {', '.join(row[0] for row in tables)} RESTART IDENTITY")
    await connection.close()
