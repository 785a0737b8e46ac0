"""The machine's clock is set an hour ahead by mistake, and back: what was said is not said again, nor taken back."""

from huitou_events import duration
from tests import make
from tests.make import NOW
from tests.segment.audience import CARTED, Said, after, create, members, said
from tests.stage import Stage


async def test_who_left_while_the_clock_was_ahead_is_not_told_of_again(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(make.cart(time=after(days=-10, minutes=30)))
    await said(segment)
    await segment.advance("1h")
    await segment.settle()
    assert await said(segment, audience) == [Said("ada", audience, False, after(minutes=30))]
    segment.clock.at -= duration("1h")
    await segment.settle()
    assert await said(segment, audience) == []
    await segment.advance("2h")
    await segment.settle()
    assert await said(segment, audience) == []
    assert await members(segment, audience) == []


async def test_events_of_the_time_that_comes_twice_count_once_each(segment: Stage) -> None:
    audience = await create(segment, {"event": "cart.added", "count": {"at_least": 3}, "within": "10d"})
    await segment.advance("1h")
    await segment.deliver(make.cart(time=NOW), make.cart(time=after(minutes=50)))
    segment.clock.at -= duration("1h")
    await segment.deliver(make.cart(time=after(minutes=10)))
    await segment.advance("1h")
    await segment.settle()
    assert await members(segment, audience) == ["ada"]
    assert [one.entered for one in await said(segment, audience)] == [True]
    await segment.advance("10d")
    await segment.settle()
    assert [(one.entered, one.at) for one in await said(segment, audience)] == [(False, after(days=10))]
