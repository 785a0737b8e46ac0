"""The least that an exact reader must do: read, dedupe-insert, upsert, commit. What services are measured against."""

import statistics
import time
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer

from bench.servers import Servers

BATCH = 2000
TIMES = 3
TOPICS = ("shop.behaviours", "shop.trades")


async def floor(running: Servers, events: int) -> float:
    """Events a second, the median of a few times."""
    return statistics.median([await _floor(running, events) for _ in range(TIMES)])


async def _floor(running: Servers, events: int) -> float:
    """Reads the same records; one dedupe-insert and one upsert per batch, one commit each."""
    connection = await asyncpg.connect(running.postgres)
    await connection.execute("DROP TABLE IF EXISTS seen, total")
    await connection.execute("CREATE TABLE seen (shop text, source text, id text, PRIMARY KEY (shop, source, id))")
    await connection.execute("CREATE TABLE total (customer text PRIMARY KEY, events int NOT NULL)")
    consumer = AIOKafkaConsumer(
        *TOPICS,
        bootstrap_servers=running.kafka,
        group_id=f"floor-{time.time()}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    taken, began = 0, 0.0
    try:
        while taken < events:
            fetched = await consumer.getmany(timeout_ms=500, max_records=BATCH)
            began = began or time.perf_counter()
            records = [orjson.loads(record.value) for part in fetched.values() for record in part]
            if records:
                await _count(connection, records)
                await consumer.commit({place: part[-1].offset + 1 for place, part in fetched.items()})
            taken += len(records)
        return events / (time.perf_counter() - began)
    finally:
        await consumer.stop()
        await connection.close()


async def _count(connection: "asyncpg.Connection[Any]", records: list[dict[str, Any]]) -> None:
    names = sorted({(r["shopid"], r["source"], r["id"]) for r in records})
    async with connection.transaction():
        new = await connection.fetch(
            """
            INSERT INTO seen SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
            ON CONFLICT DO NOTHING RETURNING id
            """,
            *([name[column] for name in names] for column in range(3)),
        )
        fresh = {row["id"] for row in new}
        totals: dict[str, int] = {}
        for record in records:
            if record["id"] in fresh:
                totals[record["subject"]] = totals.get(record["subject"], 0) + 1
        customers = sorted(totals)
        await connection.execute(
            """
            INSERT INTO total SELECT * FROM unnest($1::text[], $2::int[])
            ON CONFLICT (customer) DO UPDATE SET events = total.events + EXCLUDED.events
            """,
            customers,
            [totals[customer] for customer in customers],
        )
