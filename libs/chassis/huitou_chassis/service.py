"""What a service is made of, and what its code is handed while it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import APIRouter

from huitou_chassis import outgoing, shops, telemetry
from huitou_chassis.cipher import Cipher
from huitou_chassis.clock import Clock
from huitou_chassis.db import CALL_COMMAND_SECONDS, COMMAND_SECONDS, Database, Tx, database_url, open_pool
from huitou_chassis.errors import Unavailable
from huitou_chassis.failpoints import Failpoints
from huitou_chassis.keys import KEYS_DATABASE, Keys
from huitou_chassis.settings import Settings
from huitou_events import Event, Fact, ShopUpdated

Handler = Callable[[list[Event[Any]], Tx], Awaitable[None]]
CALL_SECONDS = 5


@dataclass(frozen=True)
class Job:
    """Work that one worker at a time does again and again, or all of them do who find some.

    `run` answers True when there is more to do at once; else it is called again after `every` real seconds. While
    events are taken, it has this `share` of the time.
    """

    name: str
    run: Callable[["Context"], Awaitable[bool]]
    every: float
    by_all: bool = False
    share: float = 1


@dataclass(frozen=True)
class Service:
    """A service's table of contents: what is not in it does not happen.

    `watches` names topics of which nothing is taken, but what cannot be understood is found and told. `after` names,
    for a topic, those whose earlier records of the same customer are always taken before.
    """

    name: str
    title: str
    migrations: str
    routers: Sequence[APIRouter] = ()
    consumes: Mapping[type[Fact], Handler] = field(default_factory=dict)
    emits: Sequence[type[Fact]] = ()
    watches: Sequence[str] = ()
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    settings: type[Settings] = Settings
    verify: Callable[["Context", str, str | None], Awaitable[list[str]]] | None = None
    holds: Callable[["Context"], AbstractAsyncContextManager[object]] | None = None

    @property
    def group(self) -> str:
        return f"{self.name}-worker"

    @property
    def handlers(self) -> dict[type[Fact], Handler]:
        """Handlers by payload; every service takes the shops' settings."""
        return {ShopUpdated: shops.record, **self.consumes}

    @property
    def facts(self) -> list[type[Fact]]:
        """What it says; every service says the shops' settings."""
        return [ShopUpdated, *self.emits]

    @property
    def topics(self) -> list[str]:
        return sorted({fact.topic for fact in self.handlers} | set(self.watches))


class Context:
    """One process of a service while it runs: its database, clock, keys, and the way to other services."""

    db: Database
    keys: Keys

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.clock = Clock(settings.dev_clock)
        self.cipher = Cipher(settings.secret.get_secret_value())
        self.failpoints = Failpoints(settings.failpoints, service.name)
        self.held: object = None
        self._client = outgoing.Client(timeout=CALL_SECONDS)

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
    ) -> httpx2.Response:
        """Calls another service's API with the installation's key; Unavailable when it does not answer in 5 s."""
        base: str = getattr(self.settings, f"{service}_url")
        headers = {"Authorization": f"Bearer {self.settings.api_key.get_secret_value()}"}
        try:
            return await self._client.request(
                method, base + path, params=params, json=json, headers=headers, extensions=outgoing.to(service)
            )
        except httpx2.TransportError as error:
            raise Unavailable(f"{service} does not answer ({type(error).__name__}); try again soon") from error

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def running(service: Service, settings: Settings, *, keys: bool = False) -> AsyncIterator[Context]:
    """Opens what a process of the service needs, the API's with the keys of callers; closes it at the end."""
    server = settings.postgres.get_secret_value()
    ctx = Context(service, settings)
    # Who calls waits for less than a batch may take.
    seconds = CALL_COMMAND_SECONDS if keys else COMMAND_SECONDS
    database = database_url(server, settings.database(service.name))
    pools = [await open_pool(database, size=settings.pool, name=service.name, command_seconds=seconds)]
    ctx.db = Database(pools[0], ctx)
    telemetry.watch_pool("service", pools[0])
    try:
        if keys:
            found = database_url(server, KEYS_DATABASE)
            pools.append(await open_pool(found, size=2, name=service.name, command_seconds=seconds))
            ctx.keys = Keys(pools[1])
            telemetry.watch_pool("keys", pools[1])
        yield ctx
    finally:
        await ctx.close()
        for pool in pools:
            await _close(pool)


async def _close(pool: Any) -> None:
    """Closing waits for a connection to come back; a dead server must not hold up the end of the process."""

    try:
        await asyncio.wait_for(pool.close(), 5)
    except TimeoutError:
        pool.terminate()
