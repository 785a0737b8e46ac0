"""Kafka that is away, hangs, has forgotten or is not there yet: nothing lost, nothing doubled, back in seconds."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from huitou_chassis import Settings, topics
from huitou_local import ports
from huitou_local.kafka import EmbeddedKafka
from huitou_local.postgres import EmbeddedPostgres
from tests.faults.cluster import clustered
from tests.faults.conftest import Measured
from tests.faults.rig import GRACE_SECONDS, Rig
from tests.waiting import until

BACK_WITHIN = 5
GROUP = "tally-worker"
PLACES = [TopicPartition("shop.trades", number) for number in range(topics.PARTITIONS)]


async def test_a_broker_that_is_away_for_half_a_minute(rig: Rig, measured: Measured) -> None:
    worker = await rig.worker()
    slowest = 0.0
    async with rig.streaming():
        for _ in range(3):
            await rig.until_taken()
            rig.kafka.kill()
            await rig.kafka.wait()
            await asyncio.sleep(30)
            await rig.kafka.start()
            slowest = max(slowest, await rig.until_taken())
    assert slowest < BACK_WITHIN
    assert worker.deaths == 0
    measured(
        "3 broker killed",
        "three times, 30 s down each",
        f"the stream was back at most {slowest:.1f} s after it answered",
    )


async def test_a_broker_that_hangs(rig: Rig, measured: Measured) -> None:
    worker = await rig.worker("a")
    leaving = await rig.worker("b")
    async with rig.streaming():
        await rig.until_taken()
        assert rig.kafka.pid
        os.kill(rig.kafka.pid, signal.SIGSTOP)
        try:
            left = await leaving.stop()
            await asyncio.sleep(30 - left)
        finally:
            os.kill(rig.kafka.pid, signal.SIGCONT)
        back = await rig.until_taken()
    assert left < GRACE_SECONDS + 3
    assert back < 15
    assert worker.deaths == 0
    measured(
        "12 black hole before Kafka",
        "broker stopped (SIGSTOP) for 30 s",
        f"a worker's stop took {left:.1f} s; stream back after {back:.1f} s",
    )


async def test_services_before_servers_and_topics(tmp_path: Path, measured: Measured) -> None:
    kafka = EmbeddedKafka(tmp_path / "kafka", ports.free())
    postgres = EmbeddedPostgres(tmp_path / "postgres", ports.free(), fast=True)
    async with AsyncExitStack() as stack:
        # Started once, so that the addresses and passwords are there; the worker comes while both are away.
        await postgres.start()
        rig = Rig(kafka, postgres, stack)
        await postgres.stop()
        worker = await rig.program("worker", "a")
        await asyncio.sleep(5)
        assert not await worker.ready()
        await postgres.start()
        await kafka.start()
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(kafka.stop)
        await rig.migrated()
        await asyncio.sleep(5)
        assert not await worker.ready()
        await topics.create(Settings(kafka=kafka.address))
        began = time.monotonic()
        await until(worker.ready, within=30)
        took = time.monotonic() - began
        await rig.publish(100)
        await until(rig.counted)
        assert worker.deaths == 0
    measured(
        "4 services first",
        "PostgreSQL, then Kafka, then the topics came later",
        f"waited, not ready; ready {took:.1f} s after the topics were there, no restart",
    )


async def test_records_that_were_deleted_unread_raise_the_alarm(rig: Rig, measured: Measured) -> None:
    worker = await rig.worker()
    await rig.publish(200)
    await until(rig.counted)
    await worker.stop()
    await rig.publish(200)
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.kafka.address)
    await admin.start()
    deleted = await admin.delete_records({place: RecordsToDelete(-1) for place in PLACES})
    await admin.close()
    assert deleted
    rig.published.clear()
    for customer, trades in await rig.fetch("SELECT customer_id, trades FROM tally"):
        rig.published[customer] = trades
    again = await rig.worker()
    await rig.publish(200)
    await until(rig.counted)

    async def alarm() -> bool:
        return await again.metric("huitou_records_lost_total") == 400

    await until(alarm)
    measured(
        "8 offsets out of range",
        "400 records deleted before they were read",
        "huitou_records_lost_total = 400; the rest was read",
    )


async def test_everything_is_read_again_from_the_first_record(rig: Rig, measured: Measured) -> None:
    worker = await rig.worker()
    await rig.publish(2000)
    await until(rig.counted)
    await worker.stop()
    await rig.read_from(GROUP, 0)
    again = await rig.worker()
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.address)
    await admin.start()

    async def read() -> bool:
        offsets = await admin.list_consumer_group_offsets(GROUP, partitions=PLACES)
        return bool(sum(offset.offset for offset in offsets.values()) == 4000)

    await until(read)
    await admin.close()
    assert await again.metric("huitou_records_total") == 4000
    assert await rig.counted()
    measured("24 replay from offset 0", "4,000 records read again", "no count changed")


async def test_three_brokers_one_after_the_other(tmp_path: Path, measured: Measured) -> None:
    async with (
        clustered(tmp_path) as brokers,
        EmbeddedPostgres(tmp_path / "postgres", fast=True) as postgres,
        AsyncExitStack() as stack,
    ):
        rig = Rig(brokers.nodes[0], postgres, stack, bootstrap=brokers.address)
        await topics.create(Settings(kafka=brokers.address), replication=3)
        await rig.migrated()
        await rig.worker()
        longest = 0.0
        async with rig.streaming():
            for node in brokers.nodes:
                await rig.until_taken()
                node.kill()
                await node.wait()
                longest = max(longest, await rig.until_taken())
                await asyncio.sleep(5)
                await node.start()
                await until(brokers.in_sync, within=60)

    measured(
        "three brokers",
        "each killed and brought back in turn under load, replication 3",
        f"longest pause {longest:.1f} s; nothing lost or doubled",
    )
