"""The life of a claim: locked, redeemed, released, expired; by calls."""

import asyncio

import pytest

from tests.campaign import ask
from tests.stage import Stage


async def test_an_order_locks_and_redeems_a_coupon(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await campaign.emitted()
    locked = (await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")).json()
    assert (locked["status"], locked["trade_id"], locked["locked_until"]) == ("locked", "t1", ask.later(minutes=30))
    redeemed = (await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=12900)).json()
    assert (redeemed["status"], redeemed["discount"], redeemed["amount"]) == ("redeemed", 1000, 12900)
    assert await said(campaign) == [("coupon.locked", "t1"), ("coupon.redeemed", "t1")]


async def test_a_coupon_is_redeemed_without_a_lock_too(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    redeemed = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=300)
    assert (redeemed.status_code, redeemed.json()["discount"]) == (200, 300)


@pytest.mark.parametrize("step", ["lock", "redeem", "release"])
async def test_a_step_repeated_by_its_order_changes_nothing(campaign: Stage, step: str) -> None:
    claim = await ask.fresh_claim(campaign)
    body = {"trade_id": "t1", "amount": 5000} if step == "redeem" else {"trade_id": "t1"}
    if step == "release":
        await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")
    await campaign.emitted()
    answers = await asyncio.gather(*(ask.use(campaign, claim["claim_id"], step, **body) for _ in range(10)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert len(await campaign.emitted()) == 1


async def test_a_repeated_redemption_answers_the_first_discount_whatever_the_amount(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, kind={"pay": 90})
    await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=1000)
    again = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=9000)
    assert (again.status_code, again.json()["discount"]) == (200, 100)


async def test_one_coupon_pays_for_one_of_many_orders_at_once(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    answers = await asyncio.gather(
        *(ask.use(campaign, claim["claim_id"], "redeem", trade_id=f"t{n}", amount=5000) for n in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} == {"redeemed"}


async def test_an_order_is_not_in_the_way_of_itself_but_of_others(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    assert (await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")).status_code == 200
    for step, body in (("lock", {}), ("redeem", {"amount": 5000}), ("release", {})):
        other = await ask.use(campaign, claim["claim_id"], step, trade_id="t2", **body)
        assert (other.status_code, other.json()["type"]) == (409, "locked")
    assert (await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")).status_code == 200
    assert (await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)).status_code == 200


async def test_a_failed_order_gives_the_coupon_back(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")
    released = await campaign.post(f"/claims/{claim['claim_id']}/release")
    assert (released.status_code, released.json()["status"], released.json()["trade_id"]) == (200, "claimed", None)
    assert (await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t2", amount=5000)).status_code == 200


async def test_the_same_order_may_try_again_after_a_release(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    for _ in range(2):
        assert (await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")).json()["status"] == "locked"
        assert (await ask.use(campaign, claim["claim_id"], "release", trade_id="t1")).json()["status"] == "claimed"


async def test_two_releases_at_once_give_back_once(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)
    await campaign.emitted()
    answers = await asyncio.gather(*(ask.use(campaign, claim["claim_id"], "release", trade_id="t1") for _ in range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await said(campaign) == [("coupon.released", "t1")]


async def test_what_was_redeemed_is_given_back_only_to_its_own_order(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)
    for body in ({}, {"trade_id": "t2"}):
        refused = await ask.use(campaign, claim["claim_id"], "release", **body)
        assert (refused.status_code, refused.json()["type"]) == (409, "redeemed")
    assert (await ask.use(campaign, claim["claim_id"], "release", trade_id="t1")).json()["status"] == "claimed"


async def test_what_no_order_holds_cannot_be_released(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    refused = await ask.use(campaign, claim["claim_id"], "release", trade_id="t1")
    assert (refused.status_code, refused.json()["type"]) == (409, "not-locked")


async def test_below_the_threshold_a_coupon_stays_unused(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, kind={"off": 1000, "over": 5000})
    refused = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=4999)
    assert (refused.status_code, refused.json()["type"]) == (409, "not-applicable")
    assert await ask.status(campaign, claim["claim_id"]) == "claimed"


async def test_a_lock_holds_for_30_minutes(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")
    await campaign.emitted()
    await campaign.advance("29m")
    await campaign.settle()
    assert (await ask.use(campaign, claim["claim_id"], "lock", trade_id="t2")).status_code == 409
    await campaign.advance("1m")
    await campaign.settle()
    (released,) = await campaign.emitted()
    assert (released.type, released.time.isoformat()) == ("coupon.released", "2026-11-02T04:30:00+00:00")
    assert (await ask.use(campaign, claim["claim_id"], "lock", trade_id="t2")).status_code == 200


async def test_a_lapsed_lock_is_told_once_also_when_another_order_comes_before_the_job(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign)
    await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")
    await campaign.emitted()
    await campaign.advance("1h")
    assert await ask.status(campaign, claim["claim_id"]) == "claimed"
    await ask.use(campaign, claim["claim_id"], "lock", trade_id="t2")
    await campaign.settle()
    assert await said(campaign) == [("coupon.released", "t1"), ("coupon.locked", "t2")]


async def test_a_coupon_expires_at_its_end_and_not_before(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, validity={"days": 1})
    await campaign.emitted()
    await campaign.advance("23h")
    await campaign.settle()
    assert await campaign.emitted() == []
    await campaign.advance("2d")
    assert await ask.status(campaign, claim["claim_id"]) == "expired"
    await campaign.settle()
    await campaign.settle()
    (expired,) = await campaign.emitted()
    assert (expired.type, expired.time.isoformat()) == ("coupon.expired", "2026-11-03T04:00:00+00:00")
    refused = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)
    assert (refused.status_code, refused.json()["type"]) == (409, "not-valid")


async def test_an_order_that_locked_in_time_redeems_after_the_end(campaign: Stage) -> None:
    claim = await ask.fresh_claim(campaign, validity={"days": 1})
    await ask.use(campaign, claim["claim_id"], "lock", trade_id="t1")
    await campaign.advance("3d")
    await campaign.settle()
    other = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t2", amount=5000)
    assert (other.status_code, other.json()["type"]) == (409, "not-valid")
    own = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)
    assert (own.status_code, own.json()["discount"]) == (200, 1000)


async def test_expiry_gives_no_piece_back(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=1, validity={"days": 1})
    await ask.claimed(campaign, coupon_id)
    await campaign.advance("2d")
    await campaign.settle()
    assert (await ask.claim(campaign, coupon_id, "bob")).json()["type"] == "sold-out"


async def said(stage: Stage) -> list[tuple[str, str | None]]:
    return [(event.type, event.data.trade_id) for event in await stage.emitted()]
