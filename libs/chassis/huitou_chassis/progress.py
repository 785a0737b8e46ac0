"""How far a worker has read: its lag, whether it gets on, and whether records were gone before it came to them."""

import asyncio
import time
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from huitou_chassis import telemetry
from huitou_chassis.jobs import wait

LOOK_SECONDS = 5
# Less than a process has to end in: the broker may be stopped at the same moment.
ANSWER_SECONDS = 2
log = structlog.get_logger()


class Progress:
    """What one consumer has taken of its partitions, in memory."""

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int | None] = {}
        self._behind = False
        self._moved = self._looked = time.monotonic()
        telemetry.BEHIND.set_function(self.behind)

    def begin(self, left: Mapping[TopicPartition, int | None]) -> None:
        """These partitions are read from now on, from where they were left (None: never read)."""
        for place in self._next.keys() - left.keys():
            telemetry.LAG.remove(place.topic, str(place.partition))
        for topic in {place.topic for place in left}:
            # There before the first loss: what counts up from nothing is no increase to who watches.
            telemetry.LOST.labels(topic)
        self._next = dict(left)
        self._moved = time.monotonic()

    def taking(self, fetched: Mapping[TopicPartition, list[ConsumerRecord]]) -> None:
        """These are taken now. Raises the alarm for records that were deleted before; reading goes on with these."""
        self._behind = True
        for place, records in fetched.items():
            expected = self._next.get(place)
            if expected is not None and records[0].offset > expected:
                lost = records[0].offset - expected
                telemetry.LOST.labels(place.topic).inc(lost)
                log.error("records were deleted unread", topic=place.topic, partition=place.partition, lost=lost)

    def taken(self, fetched: Mapping[TopicPartition, list[ConsumerRecord]]) -> None:
        """These are committed."""
        self._moved = time.monotonic()
        for place, records in fetched.items():
            self._next[place] = records[-1].offset + 1
            telemetry.RECORDS.labels(place.topic).inc(len(records))

    def looks(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self._looked > LOOK_SECONDS

    async def look(self, consumer: AIOKafkaConsumer) -> None:
        """Compares with where the partitions end. The broker is asked: a client that fetches nothing knows no end."""
        self._looked = time.monotonic()
        places = sorted(consumer.assignment())
        try:
            for place in set(places) - self._next.keys():
                self._next[place] = await asyncio.wait_for(consumer.committed(place), ANSWER_SECONDS)
            ends = await asyncio.wait_for(consumer.end_offsets(places), ANSWER_SECONDS)
        except (KafkaError, TimeoutError) as error:
            log.warning("where the topics end is not known", error=type(error).__name__)
            return
        self._behind = False
        for place in places:
            lag = ends[place] - (self._next[place] or 0)
            telemetry.LAG.labels(place.topic, place.partition).set(lag)
            self._behind = self._behind or lag > 0
        if not self._behind:
            self._moved = time.monotonic()

    def behind(self) -> float:
        """For how many seconds there has been something to read, and nothing was taken."""
        return time.monotonic() - self._moved if self._behind else 0.0

    def stalled(self, seconds: float) -> bool:
        """Whether that is longer than `seconds`."""
        return self.behind() > seconds

    async def watch(self, stop: asyncio.Event, seconds: float) -> None:
        """Ends the process when it is stalled: started again, it begins with connections that work."""
        while not stop.is_set():
            await wait(stop, 1)
            if self.stalled(seconds):
                raise RuntimeError(f"there is something to read, and nothing was taken for {seconds} s")
