"""What only time changes: settled by the worker that leads, and by all where moments have passed for long."""

import asyncio

import pytest

from segment_svc import due
from tests import make
from tests.make import NOW
from tests.segment.audience import CARTED, Said, after, create, members, said
from tests.stage import Stage

CUSTOMERS = [f"c{number:02}" for number in range(40)]


async def test_workers_that_do_not_lead_help_out_once_moments_are_late(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(make.cart(customer="ada", time=NOW))
    await segment.advance("9d")
    await segment.run_job("due")
    await segment.advance("1d")
    await segment.run_job("due-help")
    assert await members(segment, audience) == ["ada"]
    segment.clock.at += due.LATE_US
    await segment.emitted()
    await segment.run_job("due-help")
    assert await members(segment, audience) == []
    assert await said(segment, audience) == [Said("ada", audience, False, after(days=10))]


async def test_all_workers_together_let_everybody_go_once(segment: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(*(make.cart(customer=name, time=NOW) for name in CUSTOMERS))
    await segment.advance("11d")
    await segment.emitted()
    monkeypatch.setattr(due, "MOST", 4)
    monkeypatch.setattr(due, "NEXT", 2)
    await asyncio.gather(*(segment.run_job(name) for name in ("due", "due-help", "due-help", "due-help")))
    # Who found the rest in others' hands has left it to them.
    await segment.run_job("due")
    assert await members(segment, audience) == []
    assert sorted(one.customer for one in await said(segment, audience)) == CUSTOMERS
