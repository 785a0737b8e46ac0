"""How a member's tier moves: up with completed trades, never down but by a late refund or by hand."""

from huitou_events import TierChanged
from tests import make
from tests.loyalty import shop
from tests.stage import Stage


async def test_a_completed_trade_lifts_the_tier_at_its_moment(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    second = make.completed(trade="t2", amount=600, time=make.ago(days=1))
    await loyalty.deliver(make.completed(trade="t1", amount=600, time=make.ago(days=9)), second)
    _, changed = await loyalty.emitted()
    expected = TierChanged(customer_id="ada", before="ordinary", after="premium", reason="trade", trade_id="t2")
    assert (changed.data, changed.time) == (expected, second.time)
    assert await shop.figures(loyalty) == (1200, 2)


async def test_a_tier_may_be_jumped(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.paid(trade="t1", amount=500, time=make.ago(days=9)), make.completed(trade="t2", amount=2000)
    )
    assert await shop.said(loyalty) == [("joined", "ordinary"), ("changed", "ordinary", "vip", "trade")]


async def test_a_refund_takes_money_but_no_tier(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(amount=1000, time=make.ago(days=3)))
    await loyalty.emitted()
    await loyalty.deliver(make.refunded(amount=1000, time=make.ago(days=1)))
    assert (await shop.tier(loyalty), await shop.figures(loyalty)) == ("premium", (0, 0))
    assert await loyalty.emitted() == []


async def test_a_refund_before_the_next_trade_counts_against_it(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(trade="t1", amount=600, time=make.ago(days=5)),
        make.refunded(trade="t1", amount=300, time=make.ago(days=4)),
        make.completed(trade="t2", amount=600, time=make.ago(days=3)),
    )
    assert (await shop.tier(loyalty), await shop.figures(loyalty)) == ("ordinary", (900, 2))


async def test_a_refund_at_the_moment_of_a_trade_comes_after_it(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.refunded(amount=900), make.completed(amount=1000))
    assert (await shop.tier(loyalty), await shop.figures(loyalty)) == ("premium", (100, 1))


async def test_a_late_refund_derives_the_tier_anew(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(trade="t1", amount=600, time=make.ago(days=5)),
        make.completed(trade="t2", amount=600, time=make.ago(days=3)),
    )
    await loyalty.emitted()
    await loyalty.deliver(make.refunded(trade="t1", amount=300, time=make.ago(days=4)))
    (changed,) = await loyalty.emitted()
    expected = TierChanged(customer_id="ada", before="premium", after="ordinary", reason="late", trade_id="t1")
    assert (changed.data, changed.time) == (expected, make.NOW)
    assert await shop.tier(loyalty) == "ordinary"


async def test_a_refund_before_joining_that_comes_late_may_end_the_membership(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.paid(trade="t1", amount=300, time=make.ago(days=5)),
        make.paid(trade="t2", amount=300, time=make.ago(days=3)),
    )
    await loyalty.deliver(make.refunded(trade="t1", amount=200, time=make.ago(days=4)))
    assert await shop.said(loyalty) == [("joined", "ordinary"), ("membership.ended",)]
    assert await shop.tier(loyalty) is None


async def test_a_refund_that_comes_before_its_trade_waits_for_it(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.refunded(trade="t2", amount=300, time=make.ago(days=1)))
    await loyalty.deliver(make.completed(trade="t1", amount=600, time=make.ago(days=5)))
    await loyalty.deliver(make.completed(trade="t2", amount=600, time=make.ago(days=3)))
    assert (await shop.tier(loyalty), await shop.figures(loyalty)) == ("premium", (900, 2))


async def test_a_refund_named_twice_counts_once(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(amount=600, time=make.ago(days=5)),
        make.refunded(refund="r1", amount=100, time=make.ago(days=4), id="a"),
        make.refunded(refund="r1", amount=100, time=make.ago(days=3), id="b"),
        make.refunded(refund="r2", amount=50, time=make.ago(days=2)),
    )
    assert await shop.figures(loyalty) == (450, 1)


async def test_a_trade_delivered_twice_counts_once(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    trade = make.completed(amount=600)
    await loyalty.deliver(trade, trade)
    await loyalty.deliver(trade)
    assert await shop.figures(loyalty) == (600, 1)


async def test_of_two_completions_of_a_trade_the_earlier_stands(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(amount=600, time=make.ago(days=2), id="b"))
    await loyalty.deliver(make.completed(amount=700, time=make.ago(days=3), id="a"))
    await loyalty.deliver(make.completed(amount=800, time=make.ago(days=1), id="c"))
    assert await shop.figures(loyalty) == (700, 1)


async def test_a_late_fact_that_changes_nothing_says_nothing(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(trade="t2", amount=600, time=make.ago(days=2)))
    await loyalty.emitted()
    await loyalty.deliver(make.completed(trade="t1", amount=500, time=make.ago(days=3)))
    assert await shop.said(loyalty) == [("changed", "ordinary", "premium", "late")]
    await loyalty.deliver(make.paid(trade="t1", amount=500, time=make.ago(days=4)))
    assert await loyalty.emitted() == []
    assert (await loyalty.get("/members/ada")).json()["joined_at"] == "2026-10-29T04:00:00Z"


async def test_a_new_version_leaves_tiers_as_they_are_until_the_next_trade_completes(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(trade="t1", amount=600, time=make.ago(days=2)))
    await loyalty.advance("1m")
    easier = [{**tier, "amount": tier["amount"] // 10} for tier in shop.BY_AMOUNT]
    await shop.opens(loyalty, *easier)
    await loyalty.settle()
    assert await shop.tier(loyalty) == "ordinary"
    await loyalty.deliver(make.completed(trade="t2", amount=1, time=loyalty.clock.now()))
    assert await shop.tier(loyalty) == "vip"


async def test_a_trade_is_judged_by_the_version_of_its_time_whenever_it_arrives(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.advance("1m")
    harder = [{**tier, "amount": tier["amount"] * 10} for tier in shop.BY_AMOUNT]
    await shop.opens(loyalty, *harder)
    await loyalty.advance("1m")
    await loyalty.deliver(
        make.completed(customer="ada", trade="t1", amount=900, time=make.ago(days=2)),
        make.completed(customer="bo", trade="t2", amount=900, time=loyalty.clock.now()),
    )
    assert [await shop.tier(loyalty, name) for name in ("ada", "bo")] == ["ordinary", None]


async def test_a_member_keeps_a_tier_that_the_programme_dropped(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(trade="t1", amount=1200, time=make.ago(days=2)))
    await loyalty.advance("1m")
    ordinary, _, vip = shop.BY_AMOUNT
    await shop.opens(loyalty, ordinary, {**vip, "amount": 3000})
    await loyalty.deliver(make.completed(trade="t2", amount=1, time=loyalty.clock.now()))
    member = (await loyalty.get("/members/ada")).json()
    assert member["tier"] == {"key": "premium", "name": "Premium", "discount": 92.5}
    await loyalty.advance("1m")
    await shop.opens(loyalty, *shop.BY_AMOUNT)
    await loyalty.deliver(make.completed(trade="t3", amount=1000, time=loyalty.clock.now()))
    assert await shop.tier(loyalty) == "vip"


async def test_sums_may_be_larger_than_any_one_amount(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    most = 2**53 - 1
    trades = [make.completed(trade=f"t{number}", amount=most) for number in range(1030)]
    await loyalty.deliver(*trades)
    assert await shop.figures(loyalty) == (1030 * most, 1030)
