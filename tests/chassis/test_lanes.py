"""Lanes: each takes its records in their order and by itself, however long another is held up."""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from aiokafka import ConsumerRecord, TopicPartition

from huitou_chassis import Settings, topics
from huitou_chassis.consumer import Consumer
from huitou_chassis.fencing import Epochs, Place, take
from huitou_chassis.lanes import WORTHWHILE, Lanes
from huitou_chassis.precedence import Fetched
from huitou_events import HEADERS
from tests import make
from tests.chassis.test_worker import publish
from tests.stage import Stage
from tests.waiting import until

TOPIC = "shop.trades"


def records(lane: int, names: Sequence[str], *, start: int = 0) -> list[ConsumerRecord]:
    """A trade each of the lane's customer, from the offset on."""
    events = [make.completed(customer=f"lane {lane}", trade=name, id=name) for name in names]
    return [
        ConsumerRecord(TOPIC, lane, start + place, 0, 0, one.key, one.encode(), None, 0, 0, HEADERS)
        for place, one in enumerate(events)
    ]


async def fenced(tally: Stage) -> Epochs:
    return await take(tally.db, [Place(TOPIC, lane) for lane in range(4)], "tests")


async def counted(tally: Stage, lane: int) -> int:
    found: int | None = await tally.db.pool.fetchval("SELECT trades FROM tally WHERE customer_id = $1", f"lane {lane}")
    return found or 0


async def test_a_lane_that_is_held_up_holds_up_no_other(tally: Stage) -> None:
    taken: list[Fetched] = []

    async def note(batch: Fetched) -> None:
        taken.append(batch)

    epochs = await fenced(tally)
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(tally.ctx, group, lambda _: None, note)
        lanes.add(records(0, ["first"]), epochs)
        await until(lambda: _is(counted(tally, 0), 1))
        async with tally.db.pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE tally SET trades = trades WHERE customer_id = 'lane 0'")
            lanes.add(records(0, ["held up"], start=1), epochs)
            many = [f"many {number}" for number in range(WORTHWHILE)]
            lanes.add(records(1, many), epochs)
            await until(lambda: _is(counted(tally, 1), WORTHWHILE))
            few = ["a few", "a few more"]
            lanes.add(records(2, few[:1]), epochs)
            lanes.add(records(2, few[1:], start=1), epochs)
            assert [set(batch) for batch in taken] == [{TopicPartition(TOPIC, 0)}, {TopicPartition(TOPIC, 1)}]
        await lanes.at_rest()
    assert [await counted(tally, lane) for lane in (0, 1, 2)] == [2, WORTHWHILE, 2]
    # What was not worth a transaction of its own waited for one that was under way, and came in one.
    assert [len(batch.get(TopicPartition(TOPIC, 2), ())) for batch in taken[2:]] == [0, 2]


async def test_a_lane_is_taken_in_its_order_and_no_more_at_once_than_a_batch_may_have(tally: Stage) -> None:
    taken: list[int] = []

    async def note(batch: Fetched) -> None:
        (part,) = batch.values()
        taken.extend(record.offset for record in part)
        assert len(part) <= 50

    tally.ctx.settings = tally.ctx.settings.model_copy(update={"batch": 50})
    names = [f"trade {number}" for number in range(333)]
    epochs = await fenced(tally)
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(tally.ctx, group, lambda _: None, note)
        for start in range(0, len(names), 37):
            await lanes.until_wanted()
            lanes.add(records(0, names[start : start + 37], start=start), epochs)
        await lanes.at_rest()
    assert taken == list(range(len(names)))
    assert await counted(tally, 0) == len(names)


async def test_what_waited_when_partitions_moved_is_fetched_again(kafka: str, tally: Stage) -> None:
    await topics.create(Settings(kafka=kafka))
    tally.ctx.settings = tally.ctx.settings.model_copy(update={"kafka": kafka, "batch": 100})
    trades = [make.completed(customer="moved", trade=f"moved {n}", id=f"moved {n}") for n in range(3000)]
    await publish(kafka, list(trades))
    consumer, stop = Consumer(tally.ctx), asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))

    async def number() -> int:
        return await tally.db.pool.fetchval("SELECT trades FROM tally WHERE customer_id = 'moved'") or 0

    async def reached(least: int) -> bool:
        return await number() >= least

    for least in (1, 1000, 2000):
        await until(partial(reached, least))
        await consumer.on_partitions_revoked([])
        await consumer.on_partitions_assigned([])
    await until(lambda: _is(number(), len(trades)))
    stop.set()
    await running


async def _is(found: Awaitable[int], expected: int) -> bool:
    return await found == expected
