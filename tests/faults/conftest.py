"""What a fault test measured goes into docs/reliability.md, when all of them have run."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy, proxied
from tests.faults.rig import Rig, rigged

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- measured: written by `make test-faults` -->", "<!-- /measured -->"

Measured = Callable[[str, str, str], None]
"""Takes the fault, what was done, and what came of it."""


@pytest.fixture(scope="session")
def rows() -> Iterator[list[tuple[str, str, str]]]:
    found: list[tuple[str, str, str]] = []
    yield found
    if os.environ.get("HUITOU_WRITE"):
        lines = ["| fault | done | measured |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in found)]
        text = PAGE.read_text()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        PAGE.write_text("\n".join((f"{head}{BEGIN}", "", *lines, "", f"{END}{tail}")))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as made:
        yield made


@pytest.fixture
async def proxy(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    """In front of PostgreSQL."""
    async with proxied(rig.postgres.port, tmp_path_factory.getbasetemp()) as made:
        yield made


@pytest.fixture
def measured(rows: list[tuple[str, str, str]]) -> Measured:
    return lambda fault, done, came: rows.append((fault, done, came))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take half an hour together, and are not run unless asked for."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fault)
