"""The loop that reads Kafka: fetch, have lanes take records in transactions (lanes.py), commit the next offsets.

A crash between the two commits reads again, and the inbox drops what was taken.

When partitions move, transactions under way are finished first, and what waits is forgotten; then the new owner counts
up the partitions' epochs in the database, and whoever still holds the old ones writes nothing more; reading goes on
from the offsets. A client that fails, or is given no partitions for long, is left for a new one: aiokafka's does not
come back by itself when its coordination has ended with an error.
"""

import asyncio
import time
from collections.abc import Awaitable
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, KafkaTimeoutError

from huitou_chassis import fencing, topics
from huitou_chassis.batch import LONGEST_PAUSE, TRANSIENT
from huitou_chassis.fencing import Epochs, Place
from huitou_chassis.lanes import Lanes
from huitou_chassis.precedence import Fetched, Precedence
from huitou_chassis.progress import Progress
from huitou_chassis.security import kafka_options, why
from huitou_chassis.service import Context

SESSION_MS = 10_000
HEARTBEAT_MS = 1_000
METADATA_MS = 30_000
POLL_MS = 200
JOIN_SECONDS = 30
COMMIT_SECONDS = 10
STOP_SECONDS = 5
FETCH_BYTES = 4 * 1024 * 1024

log = structlog.get_logger()


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """The records of one worker. `ready` is set while partitions are assigned."""

    _lanes: Lanes

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._adding = asyncio.Lock()
        self._epochs: Epochs | None = None
        self._precedence = Precedence(ctx.service.after)
        self._failed: KafkaError | None = None
        self.ready = asyncio.Event()
        self.progress = Progress()

    def taking(self) -> bool:
        """Whether events are being taken just now."""
        return self.ready.is_set() and self._lanes.busy

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until `stop` is set and the batch in hand is committed."""
        await self._wait_for_topics(stop)
        while not stop.is_set():
            consumer = self._client()
            if not await _started(consumer, stop):
                return
            try:
                async with asyncio.TaskGroup() as group:
                    self._lanes = Lanes(self._ctx, group, self.progress.taking, partial(self._commit, consumer))
                    consumer.subscribe(self._ctx.service.topics, listener=self)
                    await self._read(consumer, stop)
                    self._lanes.clear()
            finally:
                self.ready.clear()
                self._epochs = self._failed = None
                self._precedence.clear()
                await _within(STOP_SECONDS, consumer.stop())

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Waits for what is under way, so that its offsets are committed while they are still ours."""
        self.ready.clear()
        async with self._adding:
            self._epochs = None
            self._precedence.clear()
            self._lanes.clear()
            await self._lanes.at_rest()
            log.info("partitions given back", partitions=len(revoked))

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        self.ready.set()
        log.info("partitions taken", partitions=len(assigned))

    def _client(self) -> AIOKafkaConsumer:
        instance = f"{self._ctx.service.name}-{self._ctx.settings.instance}"
        return AIOKafkaConsumer(
            **kafka_options(self._ctx.settings),
            client_id=instance,
            group_id=self._ctx.service.group,
            group_instance_id=instance,
            partition_assignment_strategy=(RangePartitionAssignor,),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            metadata_max_age_ms=METADATA_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def _read(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        """Fetches again and again; returns at `stop`, or when the client had better be replaced."""
        joined = time.monotonic()
        while not stop.is_set():
            try:
                await self._fetch(consumer)
            except KafkaError as error:
                self._failed = error
            if self._failed is not None:
                log.warning("the group is joined again", error=repr(self._failed))
                await asyncio.sleep(0.2)
                return
            if self.ready.is_set():
                joined = time.monotonic()
            elif time.monotonic() - joined > JOIN_SECONDS:
                log.warning("the group is joined again", error=f"no partitions within {JOIN_SECONDS} s")
                return
            if self.progress.looks() and not stop.is_set():
                await self.progress.look(consumer)

    async def _fetch(self, consumer: AIOKafkaConsumer) -> None:
        await self._lanes.until_wanted()
        fetched: Fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._lanes.room)
        if not fetched and not self._precedence:
            return
        async with self._adding:
            if not self.ready.is_set():
                return
            if self._epochs is None:
                # What was fetched before may not follow what was taken last: it is fetched again.
                self._epochs = await self._taken_over(consumer)
                return
            ready = await self._precedence.sift(consumer, fetched)
            places = sorted(ready, key=self._precedence.order)
            self._lanes.add((record for place in places for record in ready[place]), self._epochs)

    async def _taken_over(self, consumer: AIOKafkaConsumer) -> Epochs:
        """Fences who had the partitions before, and finds out where they were left; waits for the database."""
        places = sorted(consumer.assignment())
        left = await asyncio.gather(*(consumer.committed(place) for place in places))
        self.progress.begin(dict(zip(places, left, strict=True)))
        for place, offset in zip(places, left, strict=True):
            if offset is None:
                await consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, offset)
        while True:
            try:
                return await fencing.take(
                    self._ctx.db, [Place(*place) for place in places], self._ctx.settings.instance
                )
            except TRANSIENT as error:
                log.warning("taking partitions is tried again", error=type(error).__name__)
                await asyncio.sleep(LONGEST_PAUSE)

    async def _commit(self, consumer: AIOKafkaConsumer, batch: Fetched) -> None:
        self._ctx.failpoints.reach("before-offsets")
        try:
            offsets = {place: records[-1].offset + 1 for place, records in batch.items()}
            await asyncio.wait_for(consumer.commit(offsets), COMMIT_SECONDS)
        except KafkaError as error:
            # After a rebalance another member reads these again, and the inbox drops them.
            log.warning("offsets not committed", error=type(error).__name__)
        except TimeoutError:
            # Such a client would go on without ever committing; the next one reads these again, and what waits.
            self._failed = KafkaTimeoutError("offsets were not committed in time")
            self._lanes.clear()
            return
        self._ctx.failpoints.reach("after-offsets")
        self.progress.taken(batch)

    async def _wait_for_topics(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                missing = await topics.missing(self._ctx.settings, self._ctx.service.topics)
            except (KafkaError, OSError) as error:
                log.warning("Kafka is waited for", error=await why(self._ctx.settings, error))
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


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """A broker that does not answer must not hold up the end of the process.

    aiokafka's `stop` may also end with the cancellation of one of its own tasks; raised here, it would end the reading
    without a word.
    """
    stopping = asyncio.ensure_future(work)
    await asyncio.wait((stopping,), timeout=seconds)
    if not stopping.done():
        stopping.cancel()
        log.warning("Kafka was left without a word", error="TimeoutError")
    elif stopping.cancelled() or stopping.exception() is not None:
        error = "CancelledError" if stopping.cancelled() else type(stopping.exception()).__name__
        log.warning("Kafka was left without a word", error=error)
