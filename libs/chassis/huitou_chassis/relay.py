"""outbox -> Kafka: sends the rows in their order, waits for the acknowledgements, deletes them.

Deleting what was sent, instead of remembering how far it got, cannot skip the row of a slow transaction. A crash in
between sends again, with the same event ids.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from huitou_chassis import outbox, telemetry
from huitou_chassis.fencing import Place
from huitou_chassis.security import kafka_options
from huitou_chassis.service import Context
from huitou_chassis.topics import DEAD_LETTER_BYTES
from huitou_events import HEADERS

ROWS = 10_000
BYTES = 8 * 1024 * 1024
"""No more is sent at once than so many rows, or the row with which they come to so much."""
BATCH_BYTES = 256 * 1024
KEYS = 50_000
_PARTITIONER = DefaultPartitioner()


class Backlog:
    """What waits in the outbox, and since when."""

    def __init__(self) -> None:
        self.rows = 0
        self._since = 0.0

    def look(self, rows: int, age: float) -> None:
        """So many rows wait, the oldest for `age` seconds."""
        self.rows, self._since = rows, time.monotonic() - age

    def clear(self) -> None:
        """Nothing waits."""
        self.rows = 0

    def age(self) -> float:
        """For how many seconds the oldest row waits by now."""
        return time.monotonic() - self._since if self.rows else 0.0


class Relay:
    """The producer of one worker; used by the one that `leads` only."""

    def __init__(self, leads: asyncio.Event) -> None:
        self._producer: AIOKafkaProducer | None = None
        self._backlog = backlog = Backlog()
        telemetry.OUTBOX.set_function(lambda: backlog.rows if leads.is_set() else 0)
        telemetry.OUTBOX_AGE.set_function(lambda: backlog.age() if leads.is_set() else 0)

    async def run(self, ctx: Context) -> bool:
        """Sends the first of what waits; True if there may be more.

        Each step waits for its turn beside the transactions of the same process: few large rounds are faster.
        """
        rows = await ctx.db.fetch(
            """
            SELECT id, topic, key, value, headers, extract(epoch FROM clock_timestamp() - said_at)::float8 AS age, upto
            FROM (
                SELECT *, sum(bytes) OVER (ORDER BY id) AS upto
                FROM (
                    SELECT *, coalesce(octet_length(value), 0) AS bytes FROM outbox ORDER BY id LIMIT $1
                ) AS first
            ) AS waiting
            WHERE upto - bytes < $2
            ORDER BY id
            """,
            ROWS,
            BYTES,
        )
        if not rows:
            self._backlog.clear()
            return False
        full = len(rows) == ROWS or rows[-1]["upto"] >= BYTES
        self._backlog.look(len(rows), rows[0]["age"])
        producer = await self._started(ctx)
        try:
            await _send(producer, rows)
        except KafkaError:
            await self.close()
            raise
        ctx.failpoints.reach("after-send")
        await ctx.db.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        for topic, count in Counter(row["topic"] for row in rows).items():
            telemetry.RELAYED.labels(topic).inc(count)
        if not full:
            self._backlog.clear()
        return full

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _started(self, ctx: Context) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **kafka_options(ctx.settings),
                client_id=f"{ctx.service.name}-relay",
                enable_idempotence=True,
                acks="all",
                max_request_size=DEAD_LETTER_BYTES,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=10_000,
                retry_backoff_ms=100,
            )
            await producer.start()
            self._producer = producer
        return self._producer


async def _send(producer: AIOKafkaProducer, rows: Sequence[Any]) -> None:
    """Sends the rows and waits until all are acknowledged; those of one partition go in their order.

    Whole batches are handed over: message by message, each with a future of its own, costs several times as much.
    """
    partitions = {topic: len(await producer.partitions_for(topic)) for topic in {row["topic"] for row in rows}}
    runs: dict[Place, list[Any]] = defaultdict(list)
    for row in rows:
        topic = row["topic"]
        runs[Place(topic, _partition(row["key"], partitions[topic]))].append(row)
    await asyncio.gather(*(_send_run(producer, place, run) for place, run in runs.items()))


async def _send_run(producer: AIOKafkaProducer, place: Place, rows: Sequence[Any]) -> None:
    sent = []
    batch = producer.create_batch()
    for row in rows:
        key, value, packed = row["key"], row["value"], row["headers"]
        headers = HEADERS if packed is None else outbox.unpack(packed)
        if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers)
    sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
    await asyncio.gather(*sent)


@lru_cache(KEYS)
def _partition(key: bytes | None, partitions: int) -> int:
    """Where Kafka's own clients put the key."""
    place: int = _PARTITIONER(key, range(partitions), range(partitions))
    return place
