"""Who becomes a member, and when."""

from huitou_events import MemberJoined
from tests import make
from tests.loyalty import shop
from tests.stage import Stage


async def test_a_shop_without_a_programme_has_no_members(loyalty: Stage) -> None:
    await loyalty.deliver(make.completed(amount=10**9))
    await loyalty.settle()
    assert (await loyalty.get("/members")).json() == {"items": [], "next_cursor": None}
    assert await loyalty.emitted() == []


async def test_whoever_pays_enough_joins_at_that_moment(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.paid(trade="t1", amount=499, time=make.ago(days=3)))
    assert await shop.tier(loyalty) is None
    second = make.paid(trade="t2", amount=1, time=make.ago(days=2))
    await loyalty.deliver(second)
    assert (await loyalty.get("/members/ada")).json()["joined_at"] == "2026-10-31T04:00:00Z"
    (joined,) = await loyalty.emitted()
    assert (joined.data, joined.time) == (MemberJoined(customer_id="ada", tier="ordinary"), second.time)


async def test_a_paid_trade_that_completes_is_counted_once_for_joining(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.paid(amount=300, time=make.ago(days=3)), make.completed(amount=300))
    assert await shop.tier(loyalty) is None


async def test_a_number_of_trades_is_enough(loyalty: Stage) -> None:
    await shop.opens(loyalty, shop.ORDINARY, shop.PREMIUM)
    await loyalty.deliver(make.paid(amount=1))
    assert await shop.tier(loyalty) == "ordinary"


async def test_joining_gives_the_tier_that_completed_trades_reach(loyalty: Stage) -> None:
    await shop.opens(loyalty, joining="by_request")
    await loyalty.deliver(make.completed(trade="t1", amount=1500, time=make.ago(days=5)))
    await loyalty.advance("1m")
    await shop.opens(loyalty)
    await loyalty.advance("1m")
    await loyalty.deliver(make.paid(trade="t2", amount=700, time=loyalty.clock.now()))
    assert await shop.tier(loyalty) == "premium"
    assert await shop.said(loyalty) == [("joined", "premium")]


async def test_paid_trades_alone_give_no_more_than_the_ordinary_tier(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.paid(amount=5000))
    assert await shop.tier(loyalty) == "ordinary"


async def test_a_trade_closed_before_completion_is_not_paid(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.paid(trade="t1", amount=400, time=make.ago(days=3)),
        make.closed(trade="t1", amount=400, time=make.ago(days=2)),
        make.paid(trade="t2", amount=400, time=make.ago(days=1)),
    )
    assert await shop.tier(loyalty) is None


async def test_a_trade_closed_after_completion_stays_completed(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(amount=600, time=make.ago(days=3)), make.closed(amount=600, time=make.ago(days=2))
    )
    assert await shop.figures(loyalty) == (600, 1)


async def test_trades_before_2010_do_not_count(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    new_year = make.NOW.replace(year=2010, month=1, day=1, hour=0)
    await loyalty.deliver(
        make.completed(trade="t1", amount=900, time=new_year.replace(year=2009)),
        make.completed(trade="t2", amount=500, time=new_year),
    )
    assert await shop.figures(loyalty) == (500, 1)


async def test_a_first_programme_takes_in_who_paid_before_it(loyalty: Stage) -> None:
    await loyalty.deliver(
        make.completed(trade="t1", amount=600, time=make.ago(days=30)),
        make.completed(trade="t2", amount=600, time=make.ago(days=20)),
    )
    await shop.opens(loyalty)
    await loyalty.settle()
    member = (await loyalty.get("/members/ada")).json()
    assert (member["tier"]["key"], member["joined_at"]) == ("premium", "2026-10-03T04:00:00Z")
    (joined,) = await loyalty.emitted()
    assert (joined.data, joined.time) == (MemberJoined(customer_id="ada", tier="premium"), make.NOW)


async def test_everybody_who_registers_joins_where_the_shop_wants_it(loyalty: Stage) -> None:
    await shop.opens(loyalty, joining="on_registration")
    await loyalty.deliver(make.customer("ada", gender="female"), make.customer("bo", registered_at=make.NOW))
    assert [await shop.tier(loyalty, name) for name in ("ada", "bo")] == [None, "ordinary"]


async def test_shops_know_nothing_of_each_other(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(amount=900, shop="s2"))
    assert await shop.tier(loyalty) is None
    loyalty.shop = "s2"
    assert await shop.tier(loyalty) is None
    assert (await loyalty.get("/programme")).status_code == 404


async def test_a_trade_in_another_currency_is_a_dead_letter(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.paid(trade="t1", amount=900, currency="GBP"), make.paid(trade="t2", amount=500))
    ((topic, reason, detail, _),) = await loyalty.dead()
    assert (topic, reason, detail) == ("shop.trades.dlq", "wrong-currency", "currency: the shop counts in CNY")
    assert await shop.said(loyalty) == [("joined", "ordinary")]
