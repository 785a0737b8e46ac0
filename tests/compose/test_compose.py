"""The images and the compose file, from a build to a restart, held against the plain rules."""

import subprocess
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huitou_events import Event, Line
from huitou_local.api import Api
from huitou_local.retail import CURRENCY, SHOP
from tests import make
from tests.agreement import agrees, assert_telling, members_appear, opened
from tests.compose.installation import ROOT, SERVICES, Installation, program
from tests.naive import demo
from tests.naive.facts import micros

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Built, started and ready; removed with its volumes at the end. The images are kept."""
    running = Installation(f"huitou-test-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("compose"))
    try:
        # The other processes of a service share its image.
        running.compose("build", *(f"{name}-api" for name in SERVICES))
        running.compose("up", "--detach")
        await running.ready()
        yield running
    finally:
        # Shown by pytest if a test failed.
        print(running.compose("logs", "--no-color", "--tail=40"))  # noqa: T201
        running.compose("down", "--volumes", "--remove-orphans", "--timeout=20")


def test_without_its_secrets_compose_says_what_to_do(tmp_path: Path) -> None:
    nothing = tmp_path / "env"
    nothing.touch()
    done = subprocess.run(
        [*program(), "--env-file", nothing, "--file", ROOT / "docker-compose.yml", "config"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "make env" in done.stderr


async def test_an_image_has_one_service_and_no_root(installation: Installation) -> None:
    assert installation.compose("exec", "-T", "loyalty-api", "id", "-u").strip() == "10001"
    listing = installation.compose("exec", "-T", "loyalty-api", "ls", "/opt/huitou/lib/python3.11/site-packages")
    installed = set(listing.split())
    assert {"huitou_events", "huitou_chassis", "loyalty_svc"} <= installed
    others = {f"{name}_svc" for name in SERVICES if name != "loyalty"}
    assert installed & (others | {"huitou_local", "numpy", "pip", "setuptools", "pytest", "mypy"}) == set()


async def test_the_api_asks_for_a_key_and_the_clock_cannot_be_set(installation: Installation) -> None:
    async with Api.opened(installation.endpoints | {"api_key": "wrong"}) as stranger:
        with pytest.raises(RuntimeError, match="401"):
            await stranger.get("segment", "/audiences")
        with pytest.raises(RuntimeError, match="404"):
            await stranger.clock(advance="1d")


async def test_tiers_and_audiences_are_exact_after_a_killed_worker_and_a_restart(
    installation: Installation, tmp_path: Path
) -> None:
    events = demo.slice_of_demo(datetime.now(UTC))
    assert sum(event.type == "trade.completed" for event in events) >= 5000
    half = len(events) // 2
    async with Api.opened(installation.endpoints) as api:
        audiences = await opened(api)
        published(installation, events[:half], tmp_path / "first.jsonl")
        sending = installation.publish(written(events[half:], tmp_path / "second.jsonl"))
        await members_appear(api)
        deaths = int(installation.inspect("segment-worker", ".RestartCount"))
        installation.kill("segment-worker")
        assert finished(sending) == f"published {len(events) - half}, refused 0"
        await _agrees(api, audiences, events)
        assert int(installation.inspect("segment-worker", ".RestartCount")) == deaths + 1
        assert_verified(installation)

        installation.compose("stop")
        assert {installation.inspect(f"{name}-worker", ".State.ExitCode") for name in SERVICES} == {"0"}
        installation.compose("up", "--detach")
        await installation.ready()
        await _agrees(api, audiences, events)

        events += [bought(customer) for customer in sorted(demo.customers(events))[:50]]
        published(installation, events[-50:], tmp_path / "third.jsonl")
        await _agrees(api, audiences, events)
        assert_verified(installation)


async def _agrees(api: Api, audiences: dict[str, str], events: Sequence[Event[Any]]) -> None:
    known = demo.customers(events)
    await agrees(api, audiences, known, _now)
    assert_telling(known, await _now())


async def _now() -> int:
    return micros(datetime.now(UTC))


def assert_verified(installation: Installation) -> None:
    """Every service recomputes the shop from what it keeps, and finds no difference."""
    for name in SERVICES:
        said = installation.compose("exec", "-T", f"{name}-worker", "huitou", "verify", SHOP)
        assert said.strip() == f"{name}: 0 differences"


def published(installation: Installation, events: Sequence[Event[Any]], file: Path) -> None:
    assert finished(installation.publish(written(events, file))) == f"published {len(events)}, refused 0"


def finished(sending: "subprocess.Popen[str]") -> str:
    said, _ = sending.communicate(timeout=120)
    return said.strip()


def written(events: Sequence[Event[Any]], file: Path) -> Path:
    file.write_bytes(b"".join(event.encode() + b"\n" for event in events))
    return file


def bought(customer: str) -> Event[Any]:
    """A large trade of just now: many rise, and some leave the audience of those who do not come."""
    return make.completed(
        customer=customer,
        shop=SHOP,
        trade=f"now-{customer}",
        amount=600_000,
        currency=CURRENCY,
        items=[Line(item_id="i1", amount=600_000)],
        time=datetime.now(UTC) - timedelta(seconds=5),
    )
