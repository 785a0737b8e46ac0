"""The parts of a worker last as long as the worker, or the worker ends."""

import asyncio

import pytest

from huitou_chassis.process import lasting


async def test_a_part_that_ends_by_itself_ends_the_worker() -> None:
    async def part() -> None:
        return

    with pytest.raises(RuntimeError, match="part ended by itself"):
        await lasting(part(), asyncio.Event())


async def test_a_part_that_is_cancelled_from_within_ends_the_worker() -> None:
    async def part() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            group.create_task(lasting(part(), asyncio.Event()))
    assert "cancelled from within" in str(raised.value.exceptions[0])


async def test_a_part_ends_in_peace_when_it_is_told_to() -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(lasting(_until(stop), stop))
    stop.set()
    await running


async def test_a_part_that_the_worker_cancels_is_cancelled() -> None:
    running = asyncio.create_task(lasting(_until(asyncio.Event()), asyncio.Event()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
