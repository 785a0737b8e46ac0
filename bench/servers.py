"""Servers for one run, durable as in production, and the processes that are measured."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx2
from pydantic import SecretStr

from huitou_chassis import Service, Settings, keys, migrations, topics
from huitou_chassis.db import database_url
from huitou_local.kafka import EmbeddedKafka
from huitou_local.ports import free
from huitou_local.postgres import EmbeddedPostgres

SHOP = "bench"
KEY = "huitou_bench_key"
SECRET = "a secret of the benchmarks"
ROOM = {"shared_buffers": "2GB", "effective_cache_size": "8GB", "max_wal_size": "8GB"}
"""What docs/deploy.md advises for a shop of this size; the servers of the demo make do with less."""

Say: TypeAlias = Callable[[str], None]
"""Where a benchmark puts its lines."""


@dataclass(frozen=True)
class Servers:
    kafka: str
    postgres: str
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """What a process of a service is told."""
        return {
            "HUITOU_KAFKA": self.kafka,
            "HUITOU_POSTGRES": self.postgres,
            "HUITOU_SECRET": SECRET,
            "HUITOU_API_KEY": KEY,
        }


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Kafka and PostgreSQL in a folder that is removed at the end, with every topic."""
    with tempfile.TemporaryDirectory(prefix="huitou-bench-") as folder:
        home = Path(folder)
        async with (
            EmbeddedKafka(home / "kafka") as kafka,
            EmbeddedPostgres(home / "postgres", settings=ROOM) as postgres,
        ):
            await topics.create(Settings(kafka=kafka.address))
            await keys.ensure(postgres.url, KEY)
            yield Servers(kafka.address, postgres.url, home)


async def migrated(name: str, running: Servers) -> Service:
    """The service by its name, with its database made."""
    (plugin,) = entry_points(group="huitou.services", name=name)
    service: Service = plugin.load()
    await migrations.migrate(service, service.settings(postgres=SecretStr(running.postgres)))
    return service


@asynccontextmanager
async def connected(running: Servers) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """A connection to segment's database."""
    connection = await asyncpg.connect(database_url(running.postgres, "huitou_segment"))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def process(running: Servers, *command: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`huitou COMMAND…` while the block runs; its log goes to a file of the run."""
    name = "-".join(command)
    with (running.home / f"{name}.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "huitou_chassis.cli", *command),
            env=os.environ | running.env | env,
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


@asynccontextmanager
async def service(running: Servers, name: str, *, worker: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
    """The API of a service, and its worker if wanted: a client on the shop of the benchmarks."""
    port = str(free())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(process(running, name, "api", HUITOU_PORT=port))
        if worker:
            await stack.enter_async_context(process(running, name, "worker"))
        client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/v1/shops/{SHOP}", headers={"Authorization": f"Bearer {KEY}"}, timeout=30
        )
        await stack.enter_async_context(client)
        await _ready(client, f"http://127.0.0.1:{port}/readyz")
        yield client


async def _ready(client: httpx2.AsyncClient, address: str) -> None:
    for _ in range(300):
        try:
            if (await client.get(address)).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{address} does not answer")
