"""Publishing events from outside, as a shop's own system does."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson
from aiokafka import AIOKafkaProducer

from huitou_chassis.security import kafka_options
from huitou_chassis.settings import Settings
from huitou_events import CATALOGUE, HEADERS, Undecodable, decode

AT_ONCE = 2000


@dataclass
class Report:
    published: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


async def publish(settings: Settings, lines: Iterable[bytes]) -> Report:
    """Publishes each line's event under its key; a line that is no event is reported with its number and why."""
    report = Report()
    producer = AIOKafkaProducer(**kafka_options(settings), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        waiting = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                topic, key = _destination(line)
            except Undecodable as error:
                report.refused.append((number, f"{error.reason}: {error.detail}"))
                continue
            waiting.append(await producer.send(topic, key=key, value=line.strip(), headers=HEADERS))
            if len(waiting) >= AT_ONCE:
                await asyncio.gather(*waiting)
                report.published += len(waiting)
                waiting = []
        await asyncio.gather(*waiting)
        report.published += len(waiting)
    finally:
        await producer.stop()
    return report


def _destination(line: bytes) -> tuple[str, bytes]:
    """The topic and key of one event; Undecodable if the event's own consumers would refuse it."""
    try:
        wire = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Undecodable("not-json", str(error)) from error
    fact = CATALOGUE.get(str(wire.get("type"))) if isinstance(wire, dict) else None
    if fact is None:
        raise Undecodable("unknown-type", "type: not an event of the contract; docs/events.md lists them")
    key = str(wire.get("partitionkey", "")).encode()
    decode(fact.topic, key, line, HEADERS)
    return fact.topic, key
