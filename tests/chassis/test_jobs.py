"""How a worker divides its time between jobs and events."""

import asyncio
import time

from huitou_chassis import Context, Job, jobs
from tests.stage import Stage

PIECES, PIECE_SECONDS, SHARE = 5, 0.02, 0.25


async def test_a_job_has_its_share_of_the_time_while_events_are_taken(tally: Stage) -> None:
    took = await _pieces(tally.ctx, taking=True)
    assert took >= (PIECES - 1) * PIECE_SECONDS / SHARE


async def test_a_job_does_not_rest_while_there_are_no_events(tally: Stage) -> None:
    events = await _pieces(tally.ctx, taking=True)
    assert await _pieces(tally.ctx, taking=False) < events


async def test_a_long_piece_is_not_followed_by_as_long_a_rest(tally: Stage) -> None:
    took = await _pieces(tally.ctx, taking=True, number=2, seconds=1.5)
    assert took < 2 * 1.5 / SHARE


async def _pieces(ctx: Context, *, taking: bool, number: int = PIECES, seconds: float = PIECE_SECONDS) -> float:
    """The seconds in which a worker does so many pieces of a job."""
    leads, stop = asyncio.Event(), asyncio.Event()
    leads.set()
    done = 0

    async def piece(ctx: Context) -> bool:
        nonlocal done
        await asyncio.sleep(seconds)
        done += 1
        if done == number:
            stop.set()
        return True

    began = time.perf_counter()
    await jobs.run(ctx, Job("piece", piece, every=1, share=SHARE), leads, stop, taking=lambda: taking)
    return time.perf_counter() - began
