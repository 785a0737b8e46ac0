from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from tests.flow.platform import Platform, running

SHOWN = 25


@pytest.fixture(scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with running(tmp_path_factory.mktemp("platform")) as ready:
        yield ready


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the processes said last."""
    report = yield
    platform = getattr(item, "funcargs", {}).get("platform")
    if report.failed and platform is not None:
        for log in [platform.home / "up.log", *sorted(platform.home.glob("logs/*-*.log"))]:
            report.sections.append((f"end of {log.name}", _end(log)))
    return report


def _end(log: Path) -> str:
    """Its last lines, without what is said when all is well."""
    said = [
        line for line in log.read_text().splitlines() if '"level": "info"' not in line and "dead letter" not in line
    ]
    return "\n".join(line[:500] for line in said[-SHOWN:])
