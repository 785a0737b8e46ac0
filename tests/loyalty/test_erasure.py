"""A customer who was erased is nobody, and whoever comes later under that id is somebody new."""

from datetime import timedelta

from huitou_events import CustomerErased
from tests import make
from tests.loyalty import shop
from tests.stage import Stage

ERASED = CustomerErased(customer_id="ada")


async def test_an_erased_member_is_none_and_stays_none_when_it_all_comes_again(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(trade="t1", amount=1200, time=make.ago(days=5)))
    await loyalty.deliver(make.event(ERASED, time=make.ago(days=1)))
    assert await shop.said(loyalty) == [("joined", "premium"), ("membership.ended",)]
    await loyalty.deliver(
        make.completed(trade="t1", amount=1200, time=make.ago(days=5)),
        make.paid(trade="t2", amount=900, time=make.ago(days=1)),
    )
    assert await shop.tier(loyalty) is None
    assert await loyalty.emitted() == []
    assert await loyalty.db.pool.fetchval("SELECT count(*) FROM fact") == 0


async def test_later_facts_begin_a_new_person(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(trade="t1", amount=1200, time=make.ago(days=5)),
        make.completed(trade="t2", amount=700, time=make.ago(days=1)),
    )
    await loyalty.deliver(make.event(ERASED, time=make.ago(days=3)))
    assert (await shop.tier(loyalty), await shop.figures(loyalty)) == ("ordinary", (700, 1))
    assert await shop.said(loyalty) == [("joined", "premium"), ("membership.ended",), ("joined", "ordinary")]
    history = (await loyalty.get("/members/ada/history")).json()["items"]
    assert [step["trade_id"] for step in history] == ["t2"]


async def test_an_erasure_that_comes_late_brings_the_later_completion_of_a_trade_to_the_front(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(amount=800, time=make.ago(days=5), id="a"),
        make.completed(amount=600, time=make.ago(days=1), id="b"),
    )
    await loyalty.deliver(make.event(ERASED, time=make.ago(days=3)))
    assert await shop.figures(loyalty) == (600, 1)


async def test_what_was_given_by_hand_is_erased_too(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.put("/members/ada/tier", json={"tier": "vip", "reason": "wife of Mr Wang"})
    await loyalty.advance("1d")
    await loyalty.deliver(make.event(ERASED, time=loyalty.clock.now()))
    assert await shop.tier(loyalty) is None
    assert "Wang" not in str(await loyalty.db.pool.fetch("SELECT * FROM fact, customer"))


async def test_an_erasure_dated_ahead_waits_for_its_moment(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(amount=900, time=make.ago(days=1)), make.event(ERASED, time=make.NOW + timedelta(days=1))
    )
    assert await shop.tier(loyalty) == "ordinary"
    await loyalty.advance("1d")
    await loyalty.settle()
    assert await shop.tier(loyalty) is None
