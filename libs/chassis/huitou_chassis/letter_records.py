"""The records of dead letters, read from where they lie in Kafka, for as long as their topic keeps them."""

import asyncio
import time
from collections.abc import Sequence
from itertools import groupby

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from huitou_chassis.errors import Unavailable
from huitou_chassis.letters import Letter
from huitou_chassis.record import Record
from huitou_chassis.security import kafka_options
from huitou_chassis.settings import Settings
from huitou_chassis.topics import DAY_MS, RECORD_BYTES
from huitou_events import TOPICS

READ_SECONDS = 20
WAIT_MS = 10
"""How long the broker may wait for more at the end of a topic; each jump to another place waits for it."""


async def read(settings: Settings, letters: Sequence[Letter]) -> dict[str, Record]:
    """The records that are still there, by the letter's id; Unavailable when Kafka does not answer in time."""
    kept = [letter for letter in letters if _is_kept(letter)]
    if not kept:
        return {}
    consumer = AIOKafkaConsumer(
        **kafka_options(settings),
        enable_auto_commit=False,
        fetch_max_wait_ms=WAIT_MS,
        max_partition_fetch_bytes=RECORD_BYTES,
    )
    try:
        async with asyncio.timeout(READ_SECONDS):
            await consumer.start()
            return await _found(consumer, kept)
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"Kafka does not answer ({type(error).__name__}); try again") from error
    finally:
        await consumer.stop()


def _is_kept(letter: Letter) -> bool:
    """A topic's time is over when it is over, although the broker deletes whole files, later."""
    topic = TOPICS.get(letter.topic)
    days = topic.retention_days if topic else None
    return days is None or letter.arrived_ms > time.time() * 1000 - days * DAY_MS


async def _found(consumer: AIOKafkaConsumer, letters: Sequence[Letter]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    ordered = sorted(letters, key=lambda letter: (letter.topic, letter.partition, letter.offset))
    for place, run in groupby(ordered, key=lambda letter: TopicPartition(letter.topic, letter.partition)):
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        after = None
        for letter in run:
            if not first <= letter.offset < end:
                continue
            if after != letter.offset:
                consumer.seek(place, letter.offset)
            record = Record.of(await consumer.getone(place))
            after = record.offset + 1
            # A topic that was made anew has other records at the old places.
            if (record.offset, record.timestamp) == (letter.offset, letter.arrived_ms):
                found[letter.id] = record
    return found
