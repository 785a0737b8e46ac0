"""The loop that reads Kafka: fetch, take each lane in one transaction, commit the next offsets.

A lane is one partition number of all topics: the key decides it, so one customer's records of every topic come in one
batch. Lanes are taken side by side. A crash between the two commits reads again, and the inbox drops what was taken.
"""

import asyncio
import time
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from huitou_chassis import telemetry, topics
from huitou_chassis.batch import Record, process
from huitou_chassis.service import Context

SESSION_MS = 10_000
HEARTBEAT_MS = 1_000
POLL_MS = 200
FETCH_BYTES = 4 * 1024 * 1024

Fetched = Mapping[TopicPartition, list[ConsumerRecord]]
log = structlog.get_logger()


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """The records of one worker. `ready` is set while partitions are assigned."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._taking = asyncio.Lock()
        self.ready = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until `stop` is set and the batch in hand is committed."""
        await self._wait_for_topics(stop)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._ctx.settings.kafka,
            client_id=f"{self._ctx.service.name}-{self._ctx.settings.instance}",
            group_id=self._ctx.service.group,
            group_instance_id=f"{self._ctx.service.name}-{self._ctx.settings.instance}",
            partition_assignment_strategy=(RangePartitionAssignor,),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        if not await _started(consumer, stop):
            return
        try:
            consumer.subscribe(self._ctx.service.topics, listener=self)
            while not stop.is_set():
                await self._round(consumer)
        finally:
            self.ready.clear()
            await consumer.stop()

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Waits for the batch in hand, so that its offsets are committed while they are still ours."""
        self.ready.clear()
        async with self._taking:
            log.info("partitions given back", partitions=len(revoked))

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        self.ready.set()
        log.info("partitions taken", partitions=len(assigned))

    async def _round(self, consumer: AIOKafkaConsumer) -> None:
        try:
            fetched: Fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._ctx.settings.batch)
        except KafkaError as error:
            log.warning("reading is tried again", error=type(error).__name__)
            await asyncio.sleep(0.2)
            return
        if not fetched:
            return
        async with self._taking:
            began = time.perf_counter()
            await self._take(fetched)
            telemetry.BATCH_SECONDS.observe(time.perf_counter() - began)
            await self._commit(consumer, fetched)
        _count(consumer, fetched)

    async def _take(self, fetched: Fetched) -> None:
        lanes: dict[int, list[Record]] = {}
        for place in sorted(fetched):
            lanes.setdefault(place.partition, []).extend(map(_record, fetched[place]))
        async with asyncio.TaskGroup() as group:
            for records in lanes.values():
                group.create_task(process(self._ctx, records))

    async def _commit(self, consumer: AIOKafkaConsumer, fetched: Fetched) -> None:
        self._ctx.failpoints.reach("before-offsets")
        try:
            await consumer.commit({place: records[-1].offset + 1 for place, records in fetched.items()})
        except KafkaError as error:
            # After a rebalance another member reads these again, and the inbox drops them.
            log.warning("offsets not committed", error=type(error).__name__)
        self._ctx.failpoints.reach("after-offsets")

    async def _wait_for_topics(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                missing = await topics.missing(self._ctx.settings.kafka, self._ctx.service.topics)
            except (KafkaError, OSError) as error:
                log.warning("Kafka is waited for", error=type(error).__name__)
            else:
                if not missing:
                    return
                log.warning("topics are waited for; `huitou topics` makes them", missing=missing)
            await asyncio.sleep(0.5)


async def _started(consumer: AIOKafkaConsumer, stop: asyncio.Event) -> bool:
    while not stop.is_set():
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            log.warning("Kafka is waited for", error=type(error).__name__)
            await asyncio.sleep(0.5)
        else:
            return True
    return False


def _record(record: ConsumerRecord) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        record.headers,
    )


def _count(consumer: AIOKafkaConsumer, fetched: Fetched) -> None:
    for place, records in fetched.items():
        telemetry.RECORDS.labels(place.topic).inc(len(records))
        end = consumer.highwater(place)
        if end is not None:
            telemetry.LAG.labels(place.topic, place.partition).set(end - records[-1].offset - 1)
