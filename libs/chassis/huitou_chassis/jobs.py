"""Jobs that run once across replicas: the worker that holds the lock of its service's database leads, and runs them.

The lock is a session's: when its connection dies, another worker takes over. For a moment two may then run one job, so
a job claims its rows under locks as well.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from huitou_chassis import outbox, telemetry, tracing
from huitou_chassis.batch import ATTEMPTS, LONGEST_PAUSE, TRANSIENT
from huitou_chassis.db import COMMAND_SECONDS, CONNECT_SECONDS, database_url
from huitou_chassis.service import Context, Job

LEADER = 0x68756974
TRY_SECONDS = 0.5
IDLE_SECONDS = 5
LONGEST_REST = 1.0

log = structlog.get_logger()


class Leadership:
    """Whether this worker leads; tried for again and again. `said` is set when something was put into the outbox."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.leads = asyncio.Event()
        self.said = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._hold(stop)
            except (*TRANSIENT, asyncpg.PostgresError) as error:
                log.warning("leading is tried again", error=type(error).__name__)
            finally:
                self.leads.clear()
                telemetry.LEADS.set(0)
            await wait(stop, TRY_SECONDS)

    async def _hold(self, stop: asyncio.Event) -> None:
        server = self._ctx.settings.postgres.get_secret_value()
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            database_url(server, self._ctx.settings.database(self._ctx.service.name)),
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={
                # A leader that stands still, though its connection lives, leads no more.
                "idle_session_timeout": f"{IDLE_SECONDS}s",
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "2",
            },
        )
        try:
            await connection.add_listener(outbox.CHANNEL, lambda *_: self.said.set())
            while not stop.is_set():
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER):
                    log.info("leads")
                    await self._watch(connection, stop)
                    return
                await wait(stop, TRY_SECONDS)
        finally:
            await connection.close(timeout=2)

    async def _watch(self, connection: "asyncpg.Connection[Any]", stop: asyncio.Event) -> None:
        self.leads.set()
        telemetry.LEADS.set(1)
        while not stop.is_set():
            await connection.fetchval("SELECT 1", timeout=CONNECT_SECONDS)
            await wait(stop, TRY_SECONDS)


async def run(
    ctx: Context,
    job: Job,
    leads: asyncio.Event,
    stop: asyncio.Event,
    *,
    wake: asyncio.Event | None = None,
    taking: Callable[[], bool] = lambda: False,
) -> None:
    """Runs the job whenever this worker leads, and at once when `wake` is set; with its share while `taking` says
    that events are taken. One that keeps failing ends the process, to be started again."""
    failed = 0
    # There from the start: what counts up from nothing is no increase to who watches.
    failures, seconds = telemetry.JOB_FAILURES.labels(job.name), telemetry.JOB_SECONDS.labels(job.name)
    while not stop.is_set():
        if not leads.is_set():
            await wait(stop, TRY_SECONDS / 5)
            continue
        began = time.perf_counter()
        if wake is not None:
            wake.clear()
        try:
            with tracing.doing(f"{ctx.service.name} {job.name}"):
                more = await job.run(ctx)
            failed = 0
        except Exception as error:
            failed += 1
            failures.inc()
            helped_by_waiting = isinstance(error, TRANSIENT) or getattr(error, "retriable", False)
            log.warning("job is tried again", job=job.name, error=repr(error), exc_info=not helped_by_waiting)
            if failed >= ATTEMPTS and not helped_by_waiting:
                raise
            await wait(stop, min(LONGEST_PAUSE, 0.05 * 2 ** min(failed, 6)))
            continue
        took = time.perf_counter() - began
        seconds.observe(took)
        if not more:
            await wait(stop, job.every, wake)
        elif job.share < 1 and taking():
            await wait(stop, min(LONGEST_REST, took / job.share - took))


async def wait(stop: asyncio.Event, seconds: float, wake: asyncio.Event | None = None) -> None:
    """Sleeps, but not past `stop` or `wake`."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
