"""Workers that come, go, stand still and come back: each trade is counted once, and the stream goes on."""

import asyncio
import signal
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.faults.conftest import Measured
from tests.faults.rig import GRACE_SECONDS, Rig
from tests.waiting import until

SESSION_SECONDS = 10


async def taken_over(rig: Rig, owner: str) -> bool:
    """Whether this instance reads every partition of the trades."""
    rows = await rig.fetch("SELECT owner FROM assignment WHERE topic = 'shop.trades'")
    return {row[0] for row in rows} == {owner}


async def test_a_worker_that_stood_still_writes_nothing_when_it_comes_back(rig: Rig, measured: Measured) -> None:
    first = await rig.worker("a")
    await rig.publish(200)
    await until(rig.counted)
    blocking = await rig.connect()
    # The batch in hand waits for this row, so that the worker stands still within a transaction.
    async with blocking.transaction():
        await blocking.execute("UPDATE tally SET trades = trades WHERE customer_id = 'c1'")
        await rig.publish(200)
        await until(lambda: rig.waits_for_a_lock())
        first.tell(signal.SIGSTOP)
    await blocking.close()
    began = time.monotonic()
    second = await rig.worker("b")
    await until(lambda: taken_over(rig, "b"), within=90)
    moved = time.monotonic() - began
    await until(rig.counted, within=60)
    first.tell(signal.SIGCONT)
    await rig.publish(200)
    await until(rig.counted, within=60)
    # It joins again, and both read.
    await until(first.ready, within=60)
    await rig.publish(200)
    await until(rig.counted, within=60)
    assert second.deaths == 0
    measured(
        "7 zombie",
        "worker stopped (SIGSTOP) within a transaction, its partitions moved, continued",
        f"taken over after {moved:.0f} s; nothing doubled, nothing lost",
    )


async def test_workers_come_and_go_every_two_seconds(rig: Rig, measured: Measured) -> None:
    await rig.worker("steady")
    longest, seen, since = 0.0, 0, time.monotonic()
    until_then = time.monotonic() + 60
    async with rig.streaming():
        number = 0
        passing = None
        while time.monotonic() < until_then:
            number += 1
            if passing is None:
                passing = await rig.program("worker", f"passing{number}")
            else:
                passing.tell(signal.SIGTERM)
                passing = None
            for _ in range(10):
                await asyncio.sleep(0.2)
                total = await rig.total()
                if total > seen:
                    seen, since = total, time.monotonic()
                longest = max(longest, time.monotonic() - since)
    assert longest < 25
    measured(
        "5 rebalance storm",
        f"a second worker came or went every 2 s for 60 s ({number} times), each under a new name",
        f"longest time without progress {longest:.1f} s; nothing lost or doubled",
    )


async def test_partitions_are_added_while_workers_run(rig: Rig, measured: Measured) -> None:
    await rig.worker("a")
    async with rig.streaming():
        admin = AIOKafkaAdminClient(bootstrap_servers=rig.kafka.address)
        await admin.start()
        await admin.create_partitions({"shop.trades": NewPartitions(8)})
        await admin.close()
        began = time.monotonic()

        async def read() -> bool:
            rows = await rig.fetch("SELECT count(*) FROM assignment WHERE topic = 'shop.trades'")
            return int(rows[0][0]) == 8

        await until(read, within=90)
        took = time.monotonic() - began
    measured("6 added partitions", "shop.trades 4 → 8 under load", f"read after {took:.0f} s without a restart")


async def test_a_worker_that_is_blocked_past_its_session_is_not_thrown_out_again_and_again(
    rig: Rig, measured: Measured
) -> None:
    worker = await rig.worker("a")
    async with rig.streaming():
        await rig.until_taken()
        worker.tell(signal.SIGSTOP)
        await asyncio.sleep(SESSION_SECONDS + 5)
        worker.tell(signal.SIGCONT)
        took = await rig.until_taken()
        rows = await rig.fetch("SELECT max(epoch) FROM assignment")
    assert took < 15
    assert rows[0][0] <= 3
    measured("9 blocked loop", "the only worker stood still for 15 s", f"the stream was back {took:.1f} s later")


async def test_workers_are_restarted_in_turn(rig: Rig, measured: Measured) -> None:
    workers = {name: await rig.worker(name) for name in ("a", "b")}
    slowest = 0.0
    async with rig.streaming():
        for name in ("a", "b", "a", "b"):
            slowest = max(slowest, await workers[name].stop())
            workers[name] = await rig.worker(name)
            await rig.until_taken()
    assert slowest < GRACE_SECONDS
    assert all(worker.deaths == 0 for worker in workers.values())
    measured("2 rolling restart", "two workers by SIGTERM in turn, twice", f"the slowest left after {slowest:.1f} s")


@pytest.mark.parametrize("hot", [False, True], ids=["flood", "hot key"])
async def test_a_flood_drains_within_bounded_memory(rig: Rig, measured: Measured, hot: bool) -> None:
    usual, times = 500, 20
    worker = await rig.worker("a")
    await rig.publish(usual)
    await until(rig.counted)
    before, largest = worker.memory, 0
    began = time.monotonic()
    for _ in range(12):
        await rig.publish(usual * times // 4, hot="hot" if hot else "")
        largest = max(largest, worker.memory)
    sent = time.monotonic() - began
    await until(rig.counted, within=180)
    drained = time.monotonic() - began - sent
    assert largest < before + 300 * 1024**2
    measured(
        "25 hot key" if hot else "26 flood",
        f"{12 * usual * times // 4:,} trades within {sent:.0f} s" + (", half of them of one customer" if hot else ""),
        f"drained {drained:.1f} s after the last; memory +{(largest - before) / 1024**2:.0f} MiB",
    )
