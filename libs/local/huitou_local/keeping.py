"""Programs that are kept running: started together, started again when they die, stopped together."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import structlog

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY = 5

log = structlog.get_logger(__name__)


class Program(Protocol):
    """What can be kept running. `start` returns when it runs; `wait` gives the exit status when it has ended."""

    @property
    def name(self) -> str: ...

    async def start(self) -> object: ...

    async def wait(self) -> int: ...

    async def stop(self) -> None: ...

    def kill(self) -> None: ...


@asynccontextmanager
async def kept(programs: Sequence[Program]) -> AsyncIterator[None]:
    """All of them run inside; all of them have ended after it, whatever happened."""
    stopping = asyncio.Event()
    keepers = []
    try:
        starts = await asyncio.gather(*(program.start() for program in programs), return_exceptions=True)
        for failure in (result for result in starts if isinstance(result, BaseException)):
            raise failure
        keepers = [asyncio.create_task(keep(program, stopping)) for program in programs]
        yield
    finally:
        stopping.set()
        # More than once: a keeper may be about to start what was just stopped.
        while not all(keeper.done() for keeper in keepers):
            await asyncio.gather(*(program.stop() for program in programs))
            await asyncio.wait(keepers, timeout=0.05)
        await asyncio.gather(*(program.stop() for program in programs), *keepers)


async def keep(program: Program, stopping: asyncio.Event) -> None:
    """Start it again whenever it ends, after a pause that grows while it ends at once."""
    pause = FIRST_PAUSE
    while not stopping.is_set():
        since = time.monotonic()
        status = await program.wait()
        if stopping.is_set():
            return
        pause = FIRST_PAUSE if time.monotonic() - since > STEADY else min(pause * 2, LONGEST_PAUSE)
        log.warning("ended, is started again", process=program.name, status=status, pause=pause)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
        if not stopping.is_set():
            await again(program)


async def again(program: Program) -> None:
    try:
        await program.start()
    except RuntimeError as error:
        log.error("does not start", process=program.name, error=str(error))
