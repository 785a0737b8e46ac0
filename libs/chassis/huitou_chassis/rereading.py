"""Topics that a service reads again, since it takes kinds of events now that it passed over before an upgrade.

A migration names them in `reread`, as its group's offsets are past them. It is read beside the group, and begins anew
at the last place kept if it is broken off: told again, an event counts once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from huitou_chassis.batch import process
from huitou_chassis.record import Record
from huitou_chassis.security import kafka_options
from huitou_chassis.service import Context
from huitou_chassis.topics import RECORD_BYTES
from huitou_events import Undecodable, decode

POLL_MS = 200
BATCHES = 20
"""So many between two looks whether the process is to stop."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Rereading:
    """A topic, the types that are taken from it, and where reading goes on, by partition."""

    topic: str
    types: Collection[str]
    places: Mapping[str, int]


async def advance(ctx: Context) -> bool:
    """Some batches of one topic; True if there may be more."""
    async with ctx.db.transaction() as tx:
        row = await tx.fetchrow("SELECT topic, types, places FROM reread ORDER BY topic LIMIT 1")
    if row is None:
        return False
    rereading = Rereading(*row)
    places = await _read(ctx, rereading)
    async with ctx.db.transaction() as tx:
        if places is None:
            await tx.execute("DELETE FROM reread WHERE topic = $1", rereading.topic)
            log.info("topic was read again", topic=rereading.topic, types=sorted(rereading.types))
        else:
            await tx.execute("UPDATE reread SET places = $2 WHERE topic = $1", rereading.topic, places)
    return True


async def _read(ctx: Context, rereading: Rereading) -> dict[str, int] | None:
    """Where reading goes on; None if everything that is there now has been read."""
    consumer = AIOKafkaConsumer(
        rereading.topic,
        **kafka_options(ctx.settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=RECORD_BYTES,
    )
    await consumer.start()
    try:
        places = sorted(consumer.assignment())
        for place in places:
            if str(place.partition) in rereading.places:
                consumer.seek(place, rereading.places[str(place.partition)])
        ends = await consumer.end_offsets(places)
        at = await _positions(consumer, places)
        for _ in range(BATCHES):
            if all(at[place] >= ends[place] for place in places):
                return None
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=ctx.settings.batch)
            records = [Record.of(one) for some in fetched.values() for one in some]
            await process(ctx, [one for one in records if _is_of(one, rereading.types)])
            at = await _positions(consumer, places)
        return {str(place.partition): offset for place, offset in at.items()}
    finally:
        await consumer.stop()


async def _positions(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    return {place: await consumer.position(place) for place in places}


def _is_of(record: Record, types: Collection[str]) -> bool:
    """What cannot be understood became a dead letter when it was read first."""
    try:
        return decode(record.topic, record.key, record.value, record.headers).type in types
    except Undecodable:
        return False
