"""An installation on this machine: servers, then services, kept running, and stopped in the reverse order."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points

import httpx2

from huitou_chassis import keys, migrations, topics
from huitou_chassis.settings import Settings
from huitou_local import processes
from huitou_local.home import Home
from huitou_local.kafka import EmbeddedKafka
from huitou_local.keeping import Program, kept
from huitou_local.postgres import EmbeddedPostgres
from huitou_local.processes import Process, Servers
from huitou_local.steps import Say, Steps

KAFKA_PORT = 9092
POSTGRES_PORT = 5432
READY_WITHIN = 120


class Supervisor:
    """Runs one home. Use `running` once; `hurry` cuts short what is being stopped."""

    def __init__(self, home: Home, steps: Steps) -> None:
        self._home = home
        self._steps = steps
        self._programs: list[Program] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[dict[str, str]]:
        """The endpoints, while everything runs and answers; raises Busy if another runs on this home."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self._home.locked())
            servers = await self._start_servers(stack)
            await self._prepare(servers)
            urls = processes.addresses()
            await self._start_services(stack, processes.planned(self._home, servers, urls))
            own = {"kafka": servers.kafka, "postgres": servers.postgres}
            endpoints = {**own, **urls, "api_key": self._home.secret("api_key")}
            stack.enter_context(self._home.announced(endpoints))
            yield endpoints

    def hurry(self) -> None:
        """Kill what is still there: only the next start takes longer for it."""
        for program in self._programs:
            program.kill()

    async def _start_servers(self, stack: AsyncExitStack) -> Servers:
        """Those that the environment names, or our own."""
        kafka, postgres = os.environ.get("HUITOU_KAFKA"), os.environ.get("HUITOU_POSTGRES")
        if not kafka:
            # Our own broker is for this machine only, and open.
            os.environ.pop("HUITOU_KAFKA_SECURITY", None)
        with self._steps.step("Kafka and PostgreSQL start") as say:
            broker = EmbeddedKafka(
                self._home.path / "kafka",
                KAFKA_PORT,
                logs=self._home.logs,
                progress=lambda done, total: say(f"jar {done} of {total} of Kafka, this once"),
            )
            database = EmbeddedPostgres(self._home.path / "postgres", POSTGRES_PORT, logs=self._home.logs)
            own: list[Program] = [*([] if kafka else [broker]), *([] if postgres else [database])]
            await self._keep(stack, own)
        return Servers(kafka or broker.address, postgres or database.url)

    async def _prepare(self, servers: Servers) -> None:
        """Topics, databases and the installation's key, where they are missing."""
        with self._steps.step("Topics and databases"):
            await topics.create(Settings(kafka=servers.kafka))
            for name in processes.SERVICES:
                (plugin,) = entry_points(group="huitou.services", name=name)
                settings = {
                    "postgres": servers.postgres,
                    "api_password": processes.password(self._home, name, "api"),
                    "worker_password": processes.password(self._home, name, "worker"),
                }
                await migrations.migrate(plugin.load(), Settings.model_validate(settings))
            await keys.ensure(servers.postgres, self._home.secret("api_key"))

    async def _start_services(self, stack: AsyncExitStack, planned: Sequence[Process]) -> None:
        with self._steps.step("Services start") as say:
            await self._keep(stack, [process.child for process in planned])
            await ready(planned, say)

    async def _keep(self, stack: AsyncExitStack, programs: Sequence[Program]) -> None:
        self._programs += programs
        await stack.enter_async_context(kept(programs))


async def ready(planned: Sequence[Process], say: Say) -> None:
    """Returns when each process says so; RuntimeError with the last words of those that don't in time."""
    waiting = list(planned)
    deadline = time.monotonic() + READY_WITHIN
    async with httpx2.AsyncClient(timeout=2) as client:
        while waiting:
            answers = await asyncio.gather(*(says_ready(client, process.ready) for process in waiting))
            waiting = [process for process, answer in zip(waiting, answers, strict=True) if not answer]
            say(f"waiting for {', '.join(process.child.name for process in waiting)}")
            if waiting and time.monotonic() > deadline:
                words = "\n".join(f"{one.child.log}: {one.child.last_words()}" for one in waiting)
                raise RuntimeError(f"not ready after {READY_WITHIN} s:\n{words}")
            await asyncio.sleep(0.1)


async def says_ready(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
