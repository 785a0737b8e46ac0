"""What the services have not yet dealt with, by Kafka's offsets and their outboxes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from huitou_chassis import Service
from huitou_chassis.db import database_url
from huitou_chassis.security import kafka_options
from huitou_chassis.settings import Settings
from huitou_local import processes
from huitou_local.steps import Say

LOOK_EVERY = 0.2
Ends = dict[TopicPartition, int]


@dataclass(frozen=True)
class Look:
    """The topics' ends at one moment, the records behind them by service, and what waits in the outboxes."""

    ends: Ends
    behind: Mapping[str, int]
    unsent: int

    @property
    def empty(self) -> bool:
        return not self.unsent and not any(self.behind.values())


class Backlog:
    """Use `opened`; then `emptied` returns when everything published has come to its end."""

    def __init__(self, settings: Settings) -> None:
        self._services: list[Service] = [
            plugin.load() for plugin in entry_points(group="huitou.services") if plugin.name in processes.SERVICES
        ]
        self._admin = AIOKafkaAdminClient(**kafka_options(settings))
        self._consumer = AIOKafkaConsumer(**kafka_options(settings))
        self._databases: list[asyncpg.Connection[Any]] = []
        self._places: list[TopicPartition] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> "AsyncIterator[Backlog]":
        backlog = cls(settings)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(backlog._admin.close)
            await backlog._admin.start()
            stack.push_async_callback(backlog._consumer.stop)
            await backlog._consumer.start()
            backlog._places = await backlog._find_places()
            server = settings.postgres.get_secret_value()
            for service in backlog._services:
                url = database_url(server, settings.database(service.name))
                connection = await asyncpg.connect(url, timeout=5, command_timeout=10)
                stack.push_async_callback(connection.close)
                backlog._databases.append(connection)
            yield backlog

    async def emptied(self, say: Say) -> None:
        """Two looks in a row find every group at the same ends and the outboxes empty: between them nobody
        had anything to say, so nothing is on its way."""
        before: Ends | None = None
        while True:
            look = await self.look()
            if look.empty and look.ends == before:
                return
            before = look.ends if look.empty else None
            left = ", ".join(f"{name} {count:,}" for name, count in look.behind.items() if count)
            say(f"records left: {left or 'none'}; to be sent: {look.unsent:,}")
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> Look:
        ends: Ends = await self._consumer.end_offsets(self._places)
        behind = {service.name: await self._behind(service, ends) for service in self._services}
        unsent = [await database.fetchval("SELECT count(*) FROM outbox") for database in self._databases]
        return Look(ends, behind, sum(unsent))

    async def _find_places(self) -> list[TopicPartition]:
        topics = sorted({topic for service in self._services for topic in service.topics})
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in await self._admin.describe_topics(topics)
            for partition in topic["partitions"]
        ]

    async def _behind(self, service: Service, ends: Ends) -> int:
        committed = await self._admin.list_consumer_group_offsets(service.group)
        read = {place: max(offset.offset, 0) for place, offset in committed.items()}
        return sum(end - read.get(place, 0) for place, end in ends.items() if place.topic in service.topics)
