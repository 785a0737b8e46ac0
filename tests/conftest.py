"""Servers once a session, an empty database a test."""

import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

import hypothesis  # noqa: F401 - its plugin would import it after the last test, which fails while objects are freed
import pytest
from xdist.scheduler import LoadScopeScheduling

from huitou_chassis import Service
from tests import servers
from tests.stage import Stage, prepare, stage

Stages = Callable[[str | Service], AbstractAsyncContextManager[Stage]]
PROCESSES = 2
FLOW = "tests/flow/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests stay in one process; those of the whole installation share one, which is long to start."""

    def _split_scope(self, nodeid: str) -> str:
        return FLOW if nodeid.startswith(FLOW) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """How many processes run tests, each with servers of its own; one where servers are named."""
    named = {"HUITOU_KAFKA", "HUITOU_POSTGRES"} & os.environ.keys()
    return 1 if named else min(os.cpu_count() or 1, PROCESSES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest run of tests that stay together begins first."""
    items.sort(key=lambda item: not item.nodeid.startswith(FLOW))


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A PostgreSQL server: the superuser's URL."""
    async with servers.postgres(_home(tmp_path_factory)) as url:
        yield url


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A Kafka broker: its address."""
    async with servers.kafka(_home(tmp_path_factory)) as address:
        yield address


@pytest.fixture(scope="session")
async def stages(postgres: str) -> Stages:
    """Opens a service, by its name or as it is, on a fresh database."""
    free: dict[str, list[str]] = {}
    numbers = itertools.count(1)

    @asynccontextmanager
    async def opened(service: str | Service) -> AsyncIterator[Stage]:
        found = _installed(service) if isinstance(service, str) else service
        names = free.setdefault(found.name, [])
        if not names:
            names.append(f"test{next(numbers)}")
            await prepare(found, postgres, names[-1])
        name = names.pop()
        async with stage(found, postgres, name) as ready:
            yield ready
        names.append(name)

    return opened


@pytest.fixture
async def segment(stages: Stages) -> AsyncIterator[Stage]:
    async with stages("segment") as opened:
        yield opened


@pytest.fixture
async def loyalty(stages: Stages) -> AsyncIterator[Stage]:
    async with stages("loyalty") as opened:
        yield opened


@pytest.fixture
async def campaign(stages: Stages) -> AsyncIterator[Stage]:
    async with stages("campaign") as opened:
        yield opened


@pytest.fixture
async def notify(stages: Stages) -> AsyncIterator[Stage]:
    async with stages("notify") as opened:
        yield opened


def _home(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("servers")


def _installed(name: str) -> Service:
    (plugin,) = entry_points(group="huitou.services", name=name)
    service: Service = plugin.load()
    return service
