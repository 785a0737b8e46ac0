"""The two processes of a service: `api` answers calls, `worker` reads events, relays and runs jobs."""

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import asyncpg
import structlog
import uvicorn
from fastapi import FastAPI

from huitou_chassis import http, jobs, letters, migrations, rereading, telemetry, tracing
from huitou_chassis.consumer import Consumer
from huitou_chassis.relay import Relay
from huitou_chassis.service import Context, Job, Service, running
from huitou_chassis.settings import Settings

RELAY_SECONDS = 0.5
MEASURE_SECONDS = 10
TIDY_SECONDS = 600
REREAD_SECONDS = 60
# Longer than the pools of clients and proxies keep a connection: who closes first must be the one who asks.
KEEP_ALIVE_SECONDS = 75

log = structlog.get_logger()


async def api(service: Service) -> None:
    """Serves the service's API until SIGTERM; calls in hand are finished."""
    settings = service.settings()
    telemetry.configure_logs(service.name, "api")
    telemetry.name_build(service.name, "api")
    stop = _stopped_by_signals(settings.grace_seconds)
    with tracing.exported(service.name, "api", settings.otlp):
        await _answer(service, settings, stop)


async def _answer(service: Service, settings: Settings, stop: asyncio.Event) -> None:
    async with _opened(service, settings, stop, keys=True) as ctx:
        held = service.holds(ctx) if service.holds else contextlib.nullcontext()
        async with held as ctx.held:
            await _serve(http.application(ctx), settings, settings.port, stop)


async def worker(service: Service) -> None:
    """Reads, relays and runs jobs until SIGTERM; the batch in hand is committed. One part failing ends them all."""
    settings = service.settings()
    telemetry.configure_logs(service.name, "worker")
    telemetry.name_build(service.name, "worker")
    _collect_seldom()
    stop = _stopped_by_signals(settings.grace_seconds)
    with tracing.exported(service.name, "worker", settings.otlp):
        await _work(service, settings, stop)


async def _work(service: Service, settings: Settings, stop: asyncio.Event) -> None:
    async with _opened(service, settings, stop) as ctx:
        consumer, leadership = Consumer(ctx), jobs.Leadership(ctx)
        relay = Relay(leadership.leads)
        always = asyncio.Event()
        always.set()
        parts = [
            consumer.run(stop),
            consumer.progress.watch(stop, settings.stall_seconds),
            leadership.run(stop),
            jobs.run(ctx, Job("relay", relay.run, every=RELAY_SECONDS), leadership.leads, stop, wake=leadership.said),
            jobs.run(ctx, Job("dead-letters", letters.measure, every=MEASURE_SECONDS), leadership.leads, stop),
            jobs.run(ctx, Job("dead-letters-done", letters.tidy, every=TIDY_SECONDS), leadership.leads, stop),
            jobs.run(ctx, Job("rereading", rereading.advance, every=REREAD_SECONDS), leadership.leads, stop),
            *(
                jobs.run(ctx, job, always if job.by_all else leadership.leads, stop, taking=consumer.taking)
                for job in service.jobs
            ),
        ]
        if settings.health_port:
            parts.append(_serve(http.health_application(ctx, consumer), settings, settings.health_port, stop))
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(lasting(part, stop))
        finally:
            await relay.close()


async def lasting(part: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Runs the part until `stop` is set; RuntimeError if it ends before, or is cancelled from within.

    A group of tasks takes no notice of either, and the rest of the process would go on without the part.
    """
    task, name = asyncio.current_task(), getattr(part, "__qualname__", "a part")
    try:
        await part
    except asyncio.CancelledError as error:
        if task is None or task.cancelling():
            raise
        raise RuntimeError(f"{name} was cancelled from within") from error
    if not stop.is_set():
        raise RuntimeError(f"{name} ended by itself")


@contextlib.asynccontextmanager
async def _opened(
    service: Service, settings: Settings, stop: asyncio.Event, *, keys: bool = False
) -> AsyncIterator[Context]:
    """Waits for the database and its migrations, then opens what the process needs."""
    while not stop.is_set():
        try:
            await migrations.check(service, settings)
            break
        except (OSError, TimeoutError, asyncpg.PostgresError, migrations.Behind) as error:
            log.warning("PostgreSQL is waited for", error=str(error) or type(error).__name__)
            await jobs.wait(stop, 0.5)
    if stop.is_set():
        raise SystemExit(0)
    async with running(service, settings, keys=keys) as ctx:
        yield ctx


async def _serve(app: FastAPI, settings: Settings, port: int, stop: asyncio.Event) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.grace_seconds),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
    if not stop.is_set():
        raise RuntimeError(f"nothing can be served at {settings.host}:{port}")


class _Server(uvicorn.Server):
    """Leaves the signals to this module."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def _collect_seldom() -> None:
    """A batch makes some 100,000 objects and no cycles; looking for cycles as often as by default costs a third."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)


def _stopped_by_signals(grace: float) -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C. What is not finished after `grace` seconds is left as after a crash."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if not stop.is_set():
            stop.set()
            # A thread, since a server that does not answer may hold up the loop's end.
            leaving = threading.Timer(grace + 1, _leave)
            leaving.daemon = True
            leaving.start()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told)
    return stop


def _leave() -> None:
    log.warning("not finished in time, left as after a crash")
    os._exit(1)
