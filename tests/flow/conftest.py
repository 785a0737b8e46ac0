from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from tests.collector import collecting
from tests.flow import leaks
from tests.flow.platform import Platform, running

SHOWN = 25


@pytest.fixture(scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """The installation; when all tests are over, what it wrote and showed is looked through for what is secret."""
    with collecting() as collector:
        async with running(tmp_path_factory.mktemp("platform"), collector) as ready:
            yield ready
            secrets, metrics = leaks.secrets(ready), await leaks.metrics(ready)
        logs = leaks.logs(ready.home)
        traces = {f"span {n} of {span.process}": span.text for n, span in enumerate(collector.spans)}
    assert leaks.found(logs | metrics | traces, secrets) == {}


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
