"""How far a worker has read: its lag, whether it gets on, and whether records were gone before it came to them."""

import time
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from huitou_chassis import telemetry

log = structlog.get_logger()


class Progress:
    """What one consumer has taken of its partitions, in memory."""

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int | None] = {}
        self._behind = False
        self._moved = time.monotonic()

    def begin(self, left: Mapping[TopicPartition, int | None]) -> None:
        """These partitions are read from now on, from where they were left (None: never read)."""
        for place in self._next.keys() - left.keys():
            telemetry.LAG.remove(place.topic, str(place.partition))
        self._next = dict(left)
        self._moved = time.monotonic()

    def look_for_gaps(self, fetched: Mapping[TopicPartition, list[ConsumerRecord]]) -> None:
        """Raises the alarm for records that were deleted before they were read; reading goes on with what is there."""
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

    def look(self, consumer: AIOKafkaConsumer) -> None:
        """Compares with where the partitions end, as far as the broker has told."""
        self._behind = False
        for place, following in self._next.items():
            end = consumer.highwater(place) if place in consumer.assignment() else None
            if end is None:
                continue
            lag = end - (following or 0)
            telemetry.LAG.labels(place.topic, place.partition).set(lag)
            self._behind = self._behind or lag > 0
        if not self._behind:
            self._moved = time.monotonic()

    def stalled(self, seconds: float) -> bool:
        """Whether there has been something to read for so long, and nothing was taken."""
        return self._behind and time.monotonic() - self._moved > seconds
