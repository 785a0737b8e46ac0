"""Starting a plan: every member has their turn once, whatever happens meanwhile."""

import asyncio
from collections import Counter

import pytest

from campaign_svc import collecting, issuing
from campaign_svc.audiences import Members
from campaign_svc.models import Plan
from huitou_events import PlanStarted
from tests import make
from tests.campaign import ask
from tests.campaign.conftest import Segment
from tests.stage import Stage

POSTER = {"slot": "home", "image": "https://shop.example/a.png", "link": "https://shop.example/sale"}


async def test_every_member_is_asked_for_once_with_a_coupon_of_their_own(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob")
    coupon_id = await ask.coupon(campaign, validity={"days": 7})
    await campaign.emitted()
    timing = {"kind": "smart", "from": ask.later(hours=1), "until": ask.later(days=2)}
    plan_id = await ask.started(campaign, coupon_id=coupon_id, variables={"shop": "回头客"}, timing=timing)
    await campaign.settle()
    said = await campaign.emitted()
    assert Counter(event.type for event in said) == {
        "plan.started": 1,
        "coupon.claimed": 2,
        "message.requested": 2,
    }
    codes = {row["customer_id"]: row["code"] for row in await campaign.db.pool.fetch("SELECT * FROM claim")}
    messages = ask.requests(said)
    assert {message.customer_id: message.coupon_code for message in messages} == codes
    assert len({message.job_id for message in messages}) == 2
    message = messages[0]
    assert (message.channel, message.purpose, message.template_id) == ("sms", "marketing", "official")
    assert (message.plan_id, message.variables, message.timing.kind) == (plan_id, {"shop": "回头客"}, "smart")
    assert message.expires_at is not None
    assert message.expires_at.isoformat() == "2026-11-09T04:00:00+00:00"
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "running"


async def test_each_channel_has_a_message_of_its_own(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    ends_at = ask.later(days=3)
    await ask.started(campaign, channels=["sms", "poster"], poster=POSTER, ends_at=ends_at)
    await campaign.settle()
    sms, poster = sorted(ask.requests(await campaign.emitted()), key=lambda message: message.channel, reverse=True)
    assert (sms.channel, sms.poster, sms.template_id) == ("sms", None, "official")
    assert (poster.channel, poster.template_id) == ("poster", None)
    assert poster.poster is not None and poster.poster.slot == "home"
    assert sms.expires_at == poster.expires_at == make.NOW.replace(day=5)


async def test_who_is_held_out_gets_nothing(campaign: Stage, audiences: Segment) -> None:
    customers = [f"c{number}" for number in range(200)]
    audiences.put(*customers)
    plan_id = await ask.started(campaign, coupon_id=await ask.coupon(campaign), holdout=0.5)
    await campaign.settle()
    asked = {message.customer_id for message in ask.requests(await campaign.emitted())}
    effects = await ask.effects_of(campaign, plan_id)
    assert effects["audience"] == 200
    assert 60 < effects["held_out"] < 140
    assert effects["requested"] == effects["claimed"] == len(asked) == 200 - effects["held_out"]


async def test_who_enters_after_the_start_gets_nothing(campaign: Stage, audiences: Segment) -> None:
    audience = audiences.put("ada")
    await ask.started(campaign)
    audience.since["late"] = ask.later(minutes=1)
    await campaign.advance("5m")
    await campaign.settle()
    assert [message.customer_id for message in ask.requests(await campaign.emitted())] == ["ada"]


async def test_a_plan_waits_until_its_audience_is_built_and_takes_all_of_it(
    campaign: Stage, audiences: Segment
) -> None:
    audience = audiences.put("ada")
    audience.state = "building"
    plan_id = await ask.started(campaign)
    await campaign.settle()
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "starting"
    audience.since["bob"] = ask.later(minutes=1)
    audience.state = "live"
    await campaign.advance("2m")
    await campaign.settle()
    assert {message.customer_id for message in ask.requests(await campaign.emitted())} == {"ada", "bob"}


async def test_a_start_goes_on_where_it_was_when_segment_svc_comes_back(campaign: Stage, audiences: Segment) -> None:
    audiences.put(*(f"c{number}" for number in range(25)))
    audiences.most = 10
    plan_id = await ask.started(campaign)
    await collecting.collect(campaign.ctx)
    audiences.down = True
    await campaign.settle()
    assert len(ask.requests(await campaign.emitted())) == 10
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "starting"
    audiences.down = False
    await campaign.settle()
    assert len(ask.requests(await campaign.emitted())) == 15
    assert audiences.pages == 3


async def test_a_page_kept_by_another_worker_is_not_kept_again(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await ask.started(campaign)
    row = await campaign.db.pool.fetchrow("SELECT * FROM plan WHERE plan_id = $1", plan_id)
    assert row is not None
    page = Members.model_validate(
        {"items": [{"customer_id": "ada", "since": ask.later(days=-1)}], "next_cursor": "ada"}
    )
    kept = []
    for _ in range(2):
        async with campaign.db.transaction() as tx:
            kept.append(await collecting.keep(tx, Plan.of(row), page))
    assert kept == [True, False]


async def test_a_crash_at_any_step_loses_and_doubles_nobody(campaign: Stage, audiences: Segment) -> None:
    customers = {f"c{number}" for number in range(9)}
    audiences.put(*customers)
    plan_id = await ask.started(campaign, coupon_id=await ask.coupon(campaign))
    await collecting.collect(campaign.ctx)
    going_on = True
    while going_on:
        with pytest.raises(Crash):
            async with campaign.db.transaction() as tx:
                await issuing.give(tx, "s1", plan_id, limit=2)
                raise Crash
        async with campaign.db.transaction() as tx:
            going_on = await issuing.give(tx, "s1", plan_id, limit=2)
    said = await campaign.emitted()
    assert Counter(message.customer_id for message in ask.requests(said)) == Counter(customers)
    assert Counter(event.subject for event in said if event.type == "coupon.claimed") == Counter(customers)
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "running"


async def test_two_workers_at_once_double_nobody(campaign: Stage, audiences: Segment) -> None:
    audiences.put(*(f"c{number}" for number in range(50)))
    await ask.started(campaign, coupon_id=await ask.coupon(campaign))
    await asyncio.gather(*(campaign.settle() for _ in range(4)))
    await campaign.settle()
    assert Counter(message.customer_id for message in ask.requests(await campaign.emitted())).most_common(1)[0][1] == 1
    assert await campaign.db.pool.fetchval("SELECT count(*) FROM claim") == 50


async def test_starting_twice_starts_once(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await ask.drafted(campaign)
    answers = await asyncio.gather(*(campaign.post(f"/plans/{plan_id}/start") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    await campaign.settle()
    assert Counter(event.type for event in await campaign.emitted()) == {"plan.started": 1, "message.requested": 1}


async def test_who_finds_the_coupon_sold_out_hears_nothing(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob", "eve")
    plan_id = await ask.started(campaign, coupon_id=await ask.coupon(campaign, stock=2))
    await campaign.settle()
    assert len(ask.requests(await campaign.emitted())) == 2
    effects = await ask.effects_of(campaign, plan_id)
    assert (effects["requested"], effects["claimed"], effects["sold_out"]) == (2, 2, 1)


async def test_a_plan_does_not_pass_a_customers_limit(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob")
    coupon_id = await ask.coupon(campaign, per_customer=1)
    await ask.claimed(campaign, coupon_id, "ada")
    plan_id = await ask.started(campaign, coupon_id=coupon_id)
    await campaign.settle()
    assert [message.customer_id for message in ask.requests(await campaign.emitted())] == ["bob"]
    assert (await ask.effects_of(campaign, plan_id))["suppressed"] == {"limit-reached": 1}
    assert (await ask.claim(campaign, coupon_id, "bob")).json()["type"] == "limit-reached"


async def test_a_started_plan_is_told(campaign: Stage, audiences: Segment) -> None:
    audiences.put()
    plan_id = await ask.started(campaign)
    (said,) = await campaign.emitted()
    assert said.data == PlanStarted(plan_id=plan_id, audience_id="win-back")
    assert (said.subject, said.partitionkey) == (plan_id, "s1")


class Crash(Exception):
    """The process ends before the commit."""
