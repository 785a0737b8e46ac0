"""The servers that the tests run on: the embedded ones, containers, or those that are named.

HUITOU_TEST_SERVERS=containers takes testcontainers; HUITOU_KAFKA and HUITOU_POSTGRES name running servers.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.errors import KafkaError

from huitou_chassis import Settings, topics
from huitou_local import ports
from huitou_local.kafka import READY_WITHIN, SETTINGS, EmbeddedKafka
from huitou_local.postgres import EmbeddedPostgres
from tests.waiting import until

CONTAINERS = os.environ.get("HUITOU_TEST_SERVERS") == "containers"


@asynccontextmanager
async def postgres(home: Path) -> AsyncIterator[str]:
    """The superuser's URL."""
    if url := os.environ.get("HUITOU_POSTGRES"):
        yield url
    elif CONTAINERS:
        from testcontainers.community.postgres import PostgresContainer

        options = "postgres -c max_connections=200 -c fsync=off"
        with PostgresContainer("postgres:18", driver=None).with_command(options) as container:
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
        async with _kafka_container() as address:
            yield address
    else:
        async with EmbeddedKafka(home / "kafka") as server:
            yield server.address


@asynccontextmanager
async def _kafka_container() -> AsyncIterator[str]:
    """The image of Apache, which testcontainers' own class for Kafka does not know; set up as the embedded broker."""
    from testcontainers.core.container import DockerContainer

    # The broker must know before it starts by which address it is reached: that of an engine on this machine.
    port = ports.free()
    address = f"{ports.HOST}:{port}"
    container = DockerContainer("apache/kafka:4.1.0").with_bind_ports(9092, port)
    listeners = {
        "listeners": "BROKER://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"BROKER://{address}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    for name, value in (SETTINGS | listeners).items():
        container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
    with container:
        await until(lambda: _answers(address), within=READY_WITHIN, every=0.2)
        yield address


async def _answers(address: str) -> bool:
    try:
        await topics.missing(Settings(kafka=address), [])
    except (KafkaError, OSError):
        return False
    return True
