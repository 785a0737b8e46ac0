"""The consumer's client may fail in ways that it does not get over by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer

from huitou_chassis import Settings, topics
from huitou_chassis.consumer import Consumer
from tests import make
from tests.chassis.test_worker import publish
from tests.stage import Stage
from tests.waiting import until


async def test_a_client_whose_coordination_has_ended_is_replaced(
    kafka: str, tally: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topics.create(Settings(kafka=kafka))
    monkeypatch.setattr(tally.ctx, "settings", tally.ctx.settings.model_copy(update={"kafka": kafka}))
    clients: list[AIOKafkaConsumer] = []
    made = Consumer._client

    def client(self: Consumer) -> AIOKafkaConsumer:
        clients.append(made(self))
        return clients[-1]

    monkeypatch.setattr(Consumer, "_client", client)
    consumer, stop = Consumer(tally.ctx), asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    await asyncio.wait_for(consumer.ready.wait(), 30)

    def broken(*_: object) -> bool:
        raise RuntimeError("broken on purpose")

    coordinator = clients[0]._coordinator
    coordinator.need_rejoin = broken
    coordinator.request_rejoin()
    await until(lambda: _done(coordinator._coordination_task))
    await publish(kafka, [make.completed(customer="late", trade="late", id="late")])

    async def counted() -> bool:
        return bool(await tally.db.pool.fetchval("SELECT count(*) FROM tally WHERE customer_id = 'late'"))

    await until(counted)
    stop.set()
    await running
    assert len(clients) == 2


async def test_a_client_that_commits_no_offsets_is_replaced_however_it_ends(
    kafka: str, tally: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topics.create(Settings(kafka=kafka))
    monkeypatch.setattr(tally.ctx, "settings", tally.ctx.settings.model_copy(update={"kafka": kafka}))
    monkeypatch.setattr("huitou_chassis.consumer.COMMIT_SECONDS", 0.5)
    clients: list[AIOKafkaConsumer] = []
    made = Consumer._client

    def client(self: Consumer) -> AIOKafkaConsumer:
        clients.append(made(self))
        if len(clients) == 1:
            clients[0].commit = _never
            clients[0].stop = partial(_ends_cancelled, clients[0].stop)
        return clients[-1]

    monkeypatch.setattr(Consumer, "_client", client)
    consumer, stop = Consumer(tally.ctx), asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    await publish(kafka, [make.completed(customer="never", trade="never", id="never")])

    async def committed() -> bool:
        return len(clients) == 2 and consumer.progress.behind() == 0 and consumer.ready.is_set()

    await until(committed)
    stop.set()
    await running
    assert await tally.db.pool.fetchval("SELECT trades FROM tally WHERE customer_id = 'never'") == 1


async def _ends_cancelled(stop: Callable[[], Awaitable[None]]) -> None:
    await stop()
    raise asyncio.CancelledError


async def _never(*_: object) -> None:
    await asyncio.Event().wait()


async def _done(task: asyncio.Task[None]) -> bool:
    """Takes the error, too: left for the garbage collector, its report would come in the middle of another test."""
    return task.done() and task.exception() is not None
