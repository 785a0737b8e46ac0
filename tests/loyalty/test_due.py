"""What is dated ahead counts when its time has come, each with its own moment."""

from datetime import timedelta

from tests import make
from tests.loyalty import shop
from tests.stage import Stage


async def test_a_trade_dated_ahead_counts_when_its_time_comes(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    at = make.NOW + timedelta(days=2)
    await loyalty.deliver(make.completed(amount=1200, time=at))
    await loyalty.advance("47h")
    await loyalty.settle()
    assert await shop.tier(loyalty) is None
    await loyalty.advance("3d")
    await loyalty.settle()
    assert await shop.tier(loyalty) == "premium"
    (joined,) = await loyalty.emitted()
    assert joined.time == at


async def test_moments_that_were_skipped_are_handled_in_their_order(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    days = {"bo": 3, "ada": 1, "cleo": 2}
    for name, day in days.items():
        await loyalty.deliver(
            make.completed(customer=name, trade=f"{name}1", amount=500, time=make.NOW + timedelta(days=day)),
            make.completed(customer=name, trade=f"{name}2", amount=500, time=make.NOW + timedelta(days=day + 3)),
        )
    await loyalty.advance("10d")
    await loyalty.settle()
    said = await loyalty.emitted()
    assert [(event.subject, event.time) for event in said] == [
        (name, make.NOW + timedelta(days=day + later))
        for later in (0, 3)
        for name, day in sorted(days.items(), key=lambda item: item[1])
    ]


async def test_a_present_trade_does_not_wait_for_one_dated_ahead(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(trade="t2", amount=600, time=make.NOW + timedelta(days=9)))
    await loyalty.deliver(make.completed(trade="t1", amount=500, time=make.NOW))
    assert await shop.figures(loyalty) == (500, 1)
    await loyalty.advance("9d")
    await loyalty.deliver(make.completed(trade="t3", amount=1, time=loyalty.clock.now()))
    assert (await shop.tier(loyalty), await shop.figures(loyalty)) == ("premium", (1101, 3))


async def test_a_refund_dated_ahead_waits(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(amount=600, time=make.ago(days=1)),
        make.refunded(amount=100, time=make.NOW + timedelta(days=1)),
    )
    assert await shop.figures(loyalty) == (600, 1)
    await loyalty.advance("1d")
    await loyalty.settle()
    assert await shop.figures(loyalty) == (500, 1)


async def test_what_is_said_later_has_a_later_time(loyalty: Stage) -> None:
    """Others take the latest by time for what holds, also when facts are slow on their way."""
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(trade="t1", amount=500, time=make.ago(days=5)))
    await loyalty.deliver(make.refunded(trade="t1", amount=10, time=make.ago(hours=2)))
    await loyalty.deliver(make.completed(trade="t2", amount=1000, time=make.ago(hours=3)))
    await loyalty.advance("1m")
    await loyalty.deliver(make.completed(trade="t3", amount=1000, time=make.ago(hours=1)))
    said = await loyalty.emitted()
    assert [event.data.type for event in said] == ["member.joined", "tier.changed", "tier.changed"]
    assert [event.time for event in said] == sorted({event.time for event in said})
    assert await shop.tier(loyalty) == "vip"
