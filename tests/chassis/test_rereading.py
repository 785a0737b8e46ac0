"""What an older version of a service passed over is read again after an upgrade, beside what goes on."""

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from huitou_chassis import Settings, rereading, topics
from tests import make
from tests.chassis.test_worker import publish
from tests.stage import Stage

TOPIC = "shop.trades"


@pytest.fixture
async def ends(kafka: str, tally: Stage, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Where the topic ends, by partition: other tests have written there, too."""
    await topics.create(Settings(kafka=kafka))
    settings = tally.ctx.settings.model_copy(update={"kafka": kafka, "batch": 7})
    monkeypatch.setattr(tally.ctx, "settings", settings)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    found = await consumer.end_offsets([TopicPartition(TOPIC, n) for n in range(topics.PARTITIONS)])
    await consumer.stop()
    return {str(place.partition): end for place, end in found.items()}


async def reread(tally: Stage, places: dict[str, int]) -> None:
    """From these places on, in as many parts as it takes."""
    async with tally.db.transaction() as tx:
        await tx.execute("INSERT INTO reread VALUES ($1, $2, $3)", TOPIC, ["trade.completed"], places)
    while await rereading.advance(tally.ctx):
        pass
    assert await tally.db.pool.fetchval("SELECT count(*) FROM reread") == 0


async def counted(tally: Stage) -> dict[str, int]:
    rows = await tally.db.pool.fetch("SELECT customer_id, trades FROM tally")
    return {row[0]: row[1] for row in rows}


async def test_what_was_passed_over_is_taken_once_and_other_kinds_are_left_alone(
    kafka: str, tally: Stage, ends: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "BATCHES", 2)
    known = make.completed(customer="known", trade="known", id="known")
    passed = [make.completed(customer=f"c{n}", trade=f"c{n}", id=f"again-{n}") for n in range(50)]
    await tally.deliver(known)
    await publish(kafka, [known, *passed, make.paid(customer="other", trade="other", id="other")])
    expected = {"known": 1} | {f"c{n}": 1 for n in range(50)}
    await reread(tally, ends)
    assert await counted(tally) == expected
    await reread(tally, ends)
    assert await counted(tally) == expected


async def test_nothing_more_to_read_is_found_at_once(tally: Stage, ends: dict[str, int]) -> None:
    await reread(tally, ends)
    assert await counted(tally) == {}
