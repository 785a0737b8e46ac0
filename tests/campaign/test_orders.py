"""Orders that carry a coupon code lock, redeem and release it; in any order of arrival, however often told."""

import itertools
from typing import Any

import pytest

from huitou_events import Event
from tests import make
from tests.campaign import ask
from tests.stage import Stage


def moments_of(code: str, *, trade: str = "t1", **more: Any) -> dict[str, Event[Any]]:
    """What may happen to an order, each ten minutes after the one before."""
    kinds = {"created": make.created, "paid": make.paid, "closed": make.closed, "completed": make.completed}
    return {
        name: kind(trade=trade, amount=5000, coupon_code=code, time=make.ago(minutes=-1 - 10 * place), **more)
        for place, (name, kind) in enumerate(kinds.items())
    }


async def test_an_order_locks_and_then_redeems_its_coupon(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    happened = moments_of(claim["code"])
    await campaign.emitted()
    await campaign.advance("15m")
    await campaign.deliver(happened["created"])
    assert await ask.status(campaign, claim["claim_id"]) == "locked"
    await campaign.deliver(happened["paid"])
    redeemed = (await campaign.get(f"/claims/{claim['claim_id']}")).json()
    assert (redeemed["status"], redeemed["trade_id"], redeemed["discount"]) == ("redeemed", "t1", 1000)
    locked, used = await campaign.emitted()
    assert (locked.type, locked.time) == ("coupon.locked", happened["created"].time)
    assert (used.type, used.time, used.data.trade_id) == ("coupon.redeemed", happened["paid"].time, "t1")


@pytest.mark.parametrize("happens", [("created", "closed"), ("created", "paid", "closed"), ("paid", "closed")])
async def test_a_failed_order_gives_its_coupon_back_whatever_came_first(
    campaign: Stage, happens: tuple[str, ...]
) -> None:
    for order in itertools.permutations(happens):
        claim = await ask.fresh_claim(campaign)
        happened = moments_of(claim["code"], trade=claim["claim_id"])
        for name in order:
            await campaign.deliver(happened[name])
        await campaign.advance("1h")
        await campaign.settle()
        assert await ask.status(campaign, claim["claim_id"]) == "claimed", order


@pytest.mark.parametrize("happens", [("created", "paid"), ("paid", "completed"), ("created", "closed", "completed")])
async def test_an_order_that_succeeds_uses_its_coupon_whatever_came_first(
    campaign: Stage, happens: tuple[str, ...]
) -> None:
    for order in itertools.permutations(happens):
        claim = await ask.fresh_claim(campaign)
        happened = moments_of(claim["code"], trade=claim["claim_id"])
        for name in order:
            await campaign.deliver(happened[name])
        await campaign.settle()
        assert await ask.status(campaign, claim["claim_id"]) == "redeemed", order


async def test_a_whole_order_in_one_batch_is_taken_in_the_order_of_its_moments(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await campaign.emitted()
    first, second = moments_of(claim["code"]), moments_of(claim["code"], trade="t2")
    await campaign.deliver(second["paid"], first["paid"], second["created"], first["created"])
    answer = (await campaign.get(f"/claims/{claim['claim_id']}")).json()
    assert answer["status"] == "redeemed"
    assert [event.type for event in await campaign.emitted()] == ["coupon.locked", "coupon.redeemed"]


async def test_replayed_events_pay_once(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    happened = moments_of(claim["code"])
    await campaign.emitted()
    for _ in range(3):
        await campaign.deliver(happened["created"], happened["paid"], happened["created"], happened["paid"])
    told_again = make.paid(amount=9000, coupon_code=claim["code"], time=make.ago(minutes=-30))
    await campaign.deliver(told_again)
    assert [event.type for event in await campaign.emitted()] == ["coupon.locked", "coupon.redeemed"]
    assert (await campaign.get(f"/claims/{claim['claim_id']}")).json()["amount"] == 5000


async def test_a_late_payment_counts_at_its_own_time(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, validity={"days": 1})
    await campaign.advance("2d")
    await campaign.settle()
    assert await ask.status(campaign, claim["claim_id"]) == "expired"
    await campaign.deliver(moments_of(claim["code"])["paid"])
    assert await ask.status(campaign, claim["claim_id"]) == "redeemed"


async def test_a_payment_after_the_end_does_not_use_the_coupon(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, validity={"days": 1})
    await campaign.advance("2d")
    await campaign.deliver(make.paid(amount=5000, coupon_code=claim["code"], time=make.ago(days=-1)))
    await campaign.settle()
    assert await ask.status(campaign, claim["claim_id"]) == "expired"


async def test_an_order_by_call_and_by_event_is_one_order(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await campaign.emitted()
    await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)
    await campaign.deliver(moments_of(claim["code"])["created"], moments_of(claim["code"])["paid"])
    assert [event.type for event in await campaign.emitted()] == ["coupon.redeemed"]


async def test_codes_of_others_and_unknown_codes_are_left_alone(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await campaign.emitted()
    stranger = make.paid(customer="bob", trade="t1", coupon_code=claim["code"])
    unknown = make.paid(trade="t2", coupon_code="SUMMER-SALE")
    other_shop = make.paid(trade="t3", coupon_code=claim["code"], shop="s2")
    without = make.paid(trade="t4")
    await campaign.deliver(stranger, unknown, other_shop, without)
    assert await ask.status(campaign, claim["claim_id"]) == "claimed"
    assert (await campaign.emitted(), await campaign.dead()) == ([], [])


async def test_an_order_in_another_currency_is_a_dead_letter(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await campaign.emitted()
    await campaign.deliver(make.paid(coupon_code=claim["code"], currency="GBP"))
    (letter,) = await campaign.dead()
    assert (letter[0], letter[1]) == ("shop.trades.dlq", "wrong-currency")
    assert await ask.status(campaign, claim["claim_id"]) == "claimed"


async def test_a_fixed_price_is_for_the_item_of_the_order(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, kind={"price": 1, "item": "i1"})
    items = [make.line("i1", 500), make.line("i2", 900)]
    await campaign.deliver(make.paid(amount=1400, items=items, coupon_code=claim["code"]))
    assert (await campaign.get(f"/claims/{claim['claim_id']}")).json()["discount"] == 499
