"""The servers that the tests run on: the embedded ones, containers, or those that are named.

HUITOU_TEST_SERVERS=containers takes testcontainers; HUITOU_KAFKA and HUITOU_POSTGRES name running servers.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from huitou_local.kafka import EmbeddedKafka
from huitou_local.postgres import EmbeddedPostgres

CONTAINERS = os.environ.get("HUITOU_TEST_SERVERS") == "containers"


@asynccontextmanager
async def postgres(home: Path) -> AsyncIterator[str]:
    """The superuser's URL."""
    if url := os.environ.get("HUITOU_POSTGRES"):
        yield url
    elif CONTAINERS:
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer("postgres:18", driver=None) as container:
            yield container.get_connection_url()
    else:
        async with EmbeddedPostgres(home / "postgres", fast=True) as server:
            yield server.url


@asynccontextmanager
async def kafka(home: Path) -> AsyncIterator[str]:
    """The bootstrap address."""
    if address := os.environ.get("HUITOU_KAFKA"):
        yield address
    elif CONTAINERS:
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer("apache/kafka:4.1.0").with_kraft() as container:
            yield container.get_bootstrap_server()
    else:
        async with EmbeddedKafka(home / "kafka") as server:
            yield server.address
