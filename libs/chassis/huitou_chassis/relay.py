"""outbox -> Kafka: sends the rows in their order, waits for the acknowledgements, deletes them.

Deleting what was sent, instead of remembering how far it got, cannot skip the row of a slow transaction. A crash in
between sends again, with the same event ids.
"""

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from huitou_chassis import outbox, telemetry
from huitou_chassis.service import Context
from huitou_chassis.topics import DEAD_LETTER_BYTES
from huitou_events import HEADERS

ROWS = 2000


class Relay:
    """The producer of one worker; used by the one that leads only."""

    def __init__(self) -> None:
        self._producer: AIOKafkaProducer | None = None

    async def run(self, ctx: Context) -> bool:
        """Sends what waits, at most 2,000 rows; True when that many were there."""
        rows = await ctx.db.fetch("SELECT id, topic, key, value, headers FROM outbox ORDER BY id LIMIT $1", ROWS)
        telemetry.OUTBOX.set(len(rows))
        if not rows:
            return False
        producer = await self._started(ctx)
        try:
            sent = [
                await producer.send(
                    row["topic"],
                    key=row["key"],
                    value=row["value"],
                    headers=HEADERS if row["headers"] is None else outbox.unpack(row["headers"]),
                )
                for row in rows
            ]
            await asyncio.gather(*sent)
        except KafkaError:
            await self.close()
            raise
        ctx.failpoints.reach("after-send")
        await ctx.db.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        for row in rows:
            telemetry.RELAYED.labels(row["topic"]).inc()
        return len(rows) == ROWS

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _started(self, ctx: Context) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=ctx.settings.kafka,
                client_id=f"{ctx.service.name}-relay",
                enable_idempotence=True,
                acks="all",
                max_request_size=DEAD_LETTER_BYTES,
                request_timeout_ms=10_000,
                retry_backoff_ms=100,
            )
            await producer.start()
            self._producer = producer
        return self._producer
