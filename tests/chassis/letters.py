"""Dead letters of the tally as its users see them, and its worker on a real broker."""

import asyncio
from typing import Any

import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from huitou_chassis import Record, keys, topics
from huitou_chassis.batch import process
from huitou_chassis.outbox import Headers
from huitou_chassis.relay import Relay
from huitou_events import HEADERS, Event, ShopUpdated
from tests import make
from tests.stage import Stage
from tests.waiting import until

Bytes = tuple[str, bytes | None, bytes | None]


class Wire:
    """The tally's worker, batch by batch: what is published goes through a real broker and is taken."""

    def __init__(self, stage: Stage, kafka: str, consumer: AIOKafkaConsumer) -> None:
        self._stage = stage
        self._kafka = kafka
        self._consumer = consumer
        self._relay = Relay(asyncio.Event())

    async def publish(self, *records: Event[Any] | Bytes, headers: Headers = HEADERS) -> list[Record]:
        """Puts them on their topics, and takes them; what was taken comes back."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            enable_idempotence=True,
            compression_type="gzip",
            max_request_size=4 * topics.DEAD_LETTER_BYTES,
        )
        await producer.start()
        try:
            for record in records:
                whole = record if isinstance(record, tuple) else (record.topic, record.key, record.encode())
                topic, key, value = whole
                await producer.send_and_wait(topic, key=key, value=value, headers=headers)
        finally:
            await producer.stop()
        return await self.take(len(records))

    async def relay(self, *, replays: int) -> list[Record]:
        """Sends what was said, and takes the records that were replayed."""
        await self._relay.run(self._stage.ctx)
        return await self.take(replays)

    async def take(self, number: int) -> list[Record]:
        taken: list[Record] = []

        async def enough() -> bool:
            for records in (await self._consumer.getmany(timeout_ms=100)).values():
                taken.extend(map(Record.of, records))
            return len(taken) >= number

        await until(enough)
        assert len(taken) == number
        await process(self._stage.ctx, taken)
        return taken

    async def close(self) -> None:
        await self._relay.close()
        await self._consumer.stop()


async def listed(stage: Stage, **wanted: str) -> list[dict[str, Any]]:
    answer = await stage.get("/dead-letters", params=wanted)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def of_no_shop(stage: Stage, path: str = "", **options: Any) -> httpx2.Response:
    return await stage.client.get(f"/v1/dead-letters{path}", **options)


async def trades(stage: Stage, customer: str = "ada") -> int:
    found: int | None = await stage.db.pool.fetchval("SELECT trades FROM tally WHERE customer_id = $1", customer)
    return found or 0


async def key(postgres: str, role: keys.Role, *shops: str) -> dict[str, str]:
    _, made = await keys.create(postgres, name=role, role=role, shops=list(shops))
    return {"Authorization": f"Bearer {made}"}


async def count_in_pounds(stage: Stage) -> None:
    """Mends the cause of letters of trades in pounds."""
    await stage.deliver(make.event(ShopUpdated(timezone="Europe/London", currency="GBP", language="en")))


async def audited(stage: Stage) -> list[tuple[str, str]]:
    items = (await stage.get("/audit")).json()["items"]
    return [(item["path"].rpartition("/")[2], item["body"]) for item in items]
