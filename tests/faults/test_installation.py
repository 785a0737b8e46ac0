"""Everything stopped and started in the middle of the demo's stream: the end is the same."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huitou_events import Event
from huitou_local.api import Api
from tests.agreement import agrees, members_appear, opened
from tests.collector import Collector, collecting
from tests.faults.conftest import Measured
from tests.flow.platform import running
from tests.naive import demo
from tests.naive.facts import micros

SERVERS = ("kafka", "postgres")
WORKERS = ("segment-worker", "loyalty-worker", "campaign-worker", "notify-worker")


async def test_a_restart_in_the_middle_of_the_stream_ends_in_the_same_state(tmp_path: Path, measured: Measured) -> None:
    home, starts = tmp_path / "home", []
    with collecting() as collector:
        async with running(home, collector) as platform:
            events = demo.slice_of_demo(await platform.now())
            async with Api.opened(platform.endpoints) as api:
                audiences = await opened(api)
                await platform.publish(events[: len(events) // 3])
                await members_appear(api)
            _kill(home, _supervisor(home), *(platform.pid(name) for name in (*SERVERS, *WORKERS)))
        starts.append(await _taking(home, collector, events[len(events) // 3 : len(events) // 2]))
        starts.append(await _taking(home, collector, events[len(events) // 2 :], killed=True))
        async with running(home, collector) as platform, Api.opened(platform.endpoints) as api:

            async def clock() -> int:
                return micros(await platform.now())

            # A shop that restarts as well publishes once more what it is not sure of.
            await platform.publish(events[-2000:])
            await agrees(api, audiences, demo.customers(events), clock)
    measured(
        "51-54 restart of everything",
        "in the middle of the demo's stream: everything killed (-9), started at once, SIGTERM, started, "
        "the supervisor alone killed, started at once",
        f"ready again after {max(starts):.0f} s at most; tiers and audiences equal to the plain rules",
    )


async def _taking(home: Path, collector: Collector, events: Sequence[Event[Any]], *, killed: bool = False) -> float:
    """An installation that gets events and is stopped at once, or loses its supervisor; seconds until it was ready."""
    began = time.monotonic()
    async with running(home, collector) as platform:
        ready = time.monotonic() - began
        await platform.publish(events)
        if killed:
            _kill(home, _supervisor(home))
    return ready


def _supervisor(home: Path) -> int:
    return int((home / "lock").read_text())


def _kill(home: Path, *pids: int) -> None:
    """The addresses go, too, as nobody is left to take them back: the next start announces its own."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    (home / "endpoints.json").unlink(missing_ok=True)
