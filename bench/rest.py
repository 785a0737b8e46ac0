"""Waits until a service has nothing more to do, so that no part of a benchmark does the work of the one before."""

import asyncio
import time

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.servers import Servers, migrated, process
from huitou_chassis.db import database_url

LONGEST_SECONDS = 1200
WORK = ("outbox", "uncounted", "customer_change", "stale_people")
"""Tables of what is left to do; a service has some of them."""


async def rest(running: Servers, name: str) -> float:
    """Runs a worker of the service until every record of its topics is taken and what follows from it is done.

    The seconds that took.
    """
    service = await migrated(name, running)
    began = time.perf_counter()
    async with process(running, name, "worker", HUITOU_INSTANCE="bench-rest") as worker:
        while await _lag(running, service.group, service.topics) or await _work(running, name):
            if worker.returncode is not None or time.perf_counter() - began > LONGEST_SECONDS:
                raise RuntimeError(f"{name} worker does not come to rest: see its log in {running.home}")
            await asyncio.sleep(0.5)
    return time.perf_counter() - began


async def _lag(running: Servers, group: str, topics: list[str]) -> int:
    """How many records of the topics the group has not taken."""
    consumer = AIOKafkaConsumer(bootstrap_servers=running.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        known = await consumer.topics()
        places = [
            TopicPartition(topic, number)
            for topic in topics
            if topic in known
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        ends = await consumer.end_offsets(places)
        taken = {place: await consumer.committed(place) or 0 for place in places}
        return sum(ends[place] - taken[place] for place in places)
    finally:
        await consumer.stop()


async def _work(running: Servers, name: str) -> int:
    """How many rows of the service's database are left to be worked on."""
    connection = await asyncpg.connect(database_url(running.postgres, f"huitou_{name}"))
    try:
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM {table}")
            for table in WORK
            if await connection.fetchval("SELECT to_regclass($1)", table)
        ]
        return sum(counts)
    finally:
        await connection.close()
