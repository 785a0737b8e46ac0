"""Publishes many events as a shop system does: each under its key, acknowledged by the broker."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer

from huitou_chassis.security import kafka_options
from huitou_chassis.settings import Settings
from huitou_events import HEADERS, Event

IN_FLIGHT = 4000


async def publish(settings: Settings, events: Iterable[Event[Any]], progress: Callable[[int], None]) -> int:
    """The number published; `progress` is told how many so far. KafkaError if the broker refuses one."""
    producer = AIOKafkaProducer(
        **kafka_options(settings),
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=256 * 1024,
    )
    await producer.start()
    try:
        count = 0
        waiting = []
        for event in events:
            waiting.append(await producer.send(event.topic, key=event.key, value=event.encode(), headers=HEADERS))
            count += 1
            if len(waiting) >= IN_FLIGHT:
                await asyncio.gather(*waiting)
                waiting.clear()
                progress(count)
        await asyncio.gather(*waiting)
        progress(count)
    finally:
        await producer.stop()
    return count
