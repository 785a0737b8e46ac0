"""Everything stopped and started in the middle of the demo's stream: the end is the same."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from huitou_events import Event
from huitou_local.api import Api
from tests.agreement import agrees, assert_telling, members_appear, opened
from tests.collector import Collector, collecting
from tests.faults.conftest import Measured
from tests.flow.platform import Platform, running
from tests.naive import demo


@pytest.mark.timeout(480)
async def test_a_restart_in_the_middle_of_the_stream_ends_in_the_same_state(tmp_path: Path, measured: Measured) -> None:
    home, starts = tmp_path / "home", []
    with collecting() as collector:
        async with running(home, collector) as platform:
            events = demo.slice_of_demo(await platform.now())
            third, half = len(events) // 3, len(events) // 2
            async with Api.opened(platform.endpoints) as api:
                audiences = await opened(api)
                await platform.publish(events[:third])
                await members_appear(api)
            _kill(platform, *(int(file.read_text().split()[0]) for file in home.rglob("*.pid")))
        starts.append(await _taking(home, collector, events[third:half], killed=False))
        starts.append(await _taking(home, collector, events[half:], killed=True))
        async with running(home, collector) as platform, Api.opened(platform.endpoints) as api:
            # A shop that restarts as well publishes once more what it is not sure of.
            await platform.publish(events[-2000:])
            known = demo.customers(events)
            await agrees(api, audiences, known, platform.us)
            assert_telling(known, await platform.us())
    measured(
        "everything restarted",
        "in the middle of the demo's stream: everything killed (-9), started at once, SIGTERM, started, "
        "the supervisor alone killed, started at once",
        f"ready again after {max(starts):.0f} s at most; tiers and audiences equal to the plain rules",
    )


async def _taking(home: Path, collector: Collector, events: Sequence[Event[Any]], *, killed: bool) -> float:
    """An installation that gets events and is stopped at once, or loses its supervisor; seconds until it was ready."""
    began = time.monotonic()
    async with running(home, collector) as platform:
        ready = time.monotonic() - began
        await platform.publish(events)
        if killed:
            _kill(platform)
    return ready


def _kill(platform: Platform, *others: int) -> None:
    """The supervisor, so that it starts nothing again, and then the others, which may have died with it."""
    for pid in (int((platform.home / "lock").read_text()), *others):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
