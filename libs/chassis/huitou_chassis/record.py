"""A record of Kafka, as batches and dead letters see it."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import ConsumerRecord


class Record(NamedTuple):
    """A record as it came from the broker; `timestamp` is its arrival there in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers, which Kafka holds against its limits; a batch may be compressed below."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers

    @classmethod
    def of(cls, record: ConsumerRecord) -> "Record":
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            record.headers,
        )
