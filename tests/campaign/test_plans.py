"""Plans: drafted, started, given to every member once, ended or terminated."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from campaign_svc import collecting, issuing
from campaign_svc.audiences import Members
from campaign_svc.models import Plan
from huitou_events import Event, MessageRequested, PlanEnded, PlanStarted
from tests import make
from tests.campaign import ask
from tests.campaign.conftest import Segment
from tests.stage import Stage

POSTER = {"slot": "home", "image": "https://shop.example/a.png", "link": "https://shop.example/sale"}


async def test_a_draft_shows_the_size_of_its_audience(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob")
    made = await campaign.post("/plans", json=ask.plan_terms(holdout=0.1))
    assert made.status_code == 201
    assert (made.json()["state"], made.json()["audience_size"], made.json()["holdout"]) == ("draft", 2, 0.1)
    assert (await campaign.get(f"/plans/{made.json()['id']}")).json() == made.json()
    assert await campaign.emitted() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"audience": "nobody-knows"}, "audience"),
        ({"channels": []}, "channels"),
        ({"channels": ["fax"]}, "channels[0]"),
        ({"channels": ["sms", "sms"]}, "channels"),
        ({"template_id": None}, "template_id"),
        ({"channels": ["poster"]}, "poster"),
        ({"channels": ["poster"], "poster": {"slot": "home"}}, "poster.image"),
        ({"channels": ["poster"], "poster": {**POSTER, "link": "javascript:alert(1)"}}, "poster.link"),
        ({"coupon_id": "cp_none"}, "coupon_id"),
        ({"variables": {"name": 7}}, "variables.name"),
        ({"variables": {"name": "a\u0000"}}, "variables.name"),
        ({"timing": {"kind": "soon"}}, "timing.kind"),
        ({"timing": {"kind": "at"}}, "timing"),
        ({"timing": {"kind": "at", "at": "tomorrow"}}, "timing.at"),
        ({"timing": {"kind": "now", "at": ask.later(days=1)}}, "timing"),
        ({"timing": {"kind": "smart", "from": ask.later(days=2), "until": ask.later(days=1)}}, "timing"),
        ({"timing": {"kind": "now", "zone": "UTC"}}, "timing.zone"),
        ({"holdout": 1}, "holdout"),
        ({"holdout": -0.1}, "holdout"),
        ({"ends_at": ask.later(days=-1)}, "ends_at"),
        ({"timing": {"kind": "at", "at": ask.later(days=2)}, "ends_at": ask.later(days=1)}, "timing.at"),
        ({"name": "\u0007"}, "name"),
        ({"budget": 7}, "budget"),
    ],
)
async def test_a_wrong_plan_is_refused_with_the_field(
    campaign: Stage, audiences: Segment, changes: dict[str, Any], field: str
) -> None:
    audiences.put("ada")
    response = await campaign.post("/plans", json=ask.plan_terms(**changes))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field, response.text


async def test_without_segment_svc_a_plan_is_asked_for_again_later(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    audiences.down = True
    refused = await campaign.post("/plans", json=ask.plan_terms(), headers={"Idempotency-Key": "k1"})
    assert (refused.status_code, refused.json()["type"]) == (503, "unavailable")
    audiences.down = False
    first = await campaign.post("/plans", json=ask.plan_terms(), headers={"Idempotency-Key": "k1"})
    audiences.down = True
    again = await campaign.post("/plans", json=ask.plan_terms(), headers={"Idempotency-Key": "k1"})
    assert (first.status_code, first.content) == (201, again.content)
    assert len((await campaign.get("/plans")).json()["items"]) == 1


async def test_a_draft_can_be_changed_field_by_field(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    audiences.put("ada", "bob", id="interested")
    plan_id = await drafted(campaign, variables={"shop": "回头客"})
    changed = await campaign.patch(f"/plans/{plan_id}", json={"audience": "interested", "holdout": 0.2})
    assert changed.status_code == 200
    expected = {"audience": "interested", "audience_size": 2, "holdout": 0.2, "variables": {"shop": "回头客"}}
    assert {name: changed.json()[name] for name in expected} == expected
    refused = await campaign.patch(f"/plans/{plan_id}", json={"template_id": None})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "template_id")
    assert (await campaign.patch(f"/plans/{plan_id}", json={"name": None})).status_code == 422


async def test_once_started_a_plan_cannot_be_changed(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await started(campaign)
    refused = await campaign.patch(f"/plans/{plan_id}", json={"name": "other"})
    assert (refused.status_code, refused.json()["type"]) == (409, "not-draft")


async def test_every_member_is_asked_for_once_with_a_coupon_of_their_own(
    campaign: Stage, audiences: Segment
) -> None:
    audiences.put("ada", "bob")
    coupon_id = await ask.coupon(campaign, validity={"days": 7})
    await campaign.emitted()
    timing = {"kind": "smart", "from": ask.later(hours=1), "until": ask.later(days=2)}
    plan_id = await started(campaign, coupon_id=coupon_id, variables={"shop": "回头客"}, timing=timing)
    await campaign.settle()
    said = await campaign.emitted()
    assert Counter(event.type for event in said) == {
        "plan.started": 1,
        "coupon.claimed": 2,
        "message.requested": 2,
    }
    codes = {row["customer_id"]: row["code"] for row in await campaign.db.pool.fetch("SELECT * FROM claim")}
    messages = requests(said)
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
    await started(campaign, channels=["sms", "poster"], poster=POSTER, ends_at=ends_at)
    await campaign.settle()
    sms, poster = sorted(requests(await campaign.emitted()), key=lambda message: message.channel, reverse=True)
    assert (sms.channel, sms.poster, sms.template_id) == ("sms", None, "official")
    assert (poster.channel, poster.template_id) == ("poster", None)
    assert poster.poster is not None and poster.poster.slot == "home"
    assert sms.expires_at == poster.expires_at == make.NOW.replace(day=5)


async def test_who_is_held_out_gets_nothing(campaign: Stage, audiences: Segment) -> None:
    customers = [f"c{number}" for number in range(200)]
    audiences.put(*customers)
    plan_id = await started(campaign, coupon_id=await ask.coupon(campaign), holdout=0.5)
    await campaign.settle()
    asked = {message.customer_id for message in requests(await campaign.emitted())}
    effects = await effects_of(campaign, plan_id)
    assert effects["audience"] == 200
    assert 60 < effects["held_out"] < 140
    assert effects["requested"] == effects["claimed"] == len(asked) == 200 - effects["held_out"]


async def test_who_enters_after_the_start_gets_nothing(campaign: Stage, audiences: Segment) -> None:
    audience = audiences.put("ada")
    await started(campaign)
    audience.since["late"] = ask.later(minutes=1)
    await campaign.advance("5m")
    await campaign.settle()
    assert [message.customer_id for message in requests(await campaign.emitted())] == ["ada"]


async def test_a_plan_waits_until_its_audience_is_built_and_takes_all_of_it(
    campaign: Stage, audiences: Segment
) -> None:
    audience = audiences.put("ada")
    audience.state = "building"
    plan_id = await started(campaign)
    await campaign.settle()
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "starting"
    audience.since["bob"] = ask.later(minutes=1)
    audience.state = "live"
    await campaign.advance("2m")
    await campaign.settle()
    assert {message.customer_id for message in requests(await campaign.emitted())} == {"ada", "bob"}


async def test_a_start_goes_on_where_it_was_when_segment_svc_comes_back(
    campaign: Stage, audiences: Segment
) -> None:
    audiences.put(*(f"c{number}" for number in range(25)))
    audiences.most = 10
    plan_id = await started(campaign)
    await collecting.collect(campaign.ctx)
    audiences.down = True
    await campaign.settle()
    assert len(requests(await campaign.emitted())) == 10
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "starting"
    audiences.down = False
    await campaign.settle()
    assert len(requests(await campaign.emitted())) == 15
    assert audiences.pages == 3


async def test_a_page_kept_by_another_worker_is_not_kept_again(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await started(campaign)
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
    plan_id = await started(campaign, coupon_id=await ask.coupon(campaign))
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
    assert Counter(message.customer_id for message in requests(said)) == Counter(customers)
    assert Counter(event.subject for event in said if event.type == "coupon.claimed") == Counter(customers)
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "running"


async def test_two_workers_at_once_double_nobody(campaign: Stage, audiences: Segment) -> None:
    audiences.put(*(f"c{number}" for number in range(50)))
    await started(campaign, coupon_id=await ask.coupon(campaign))
    await asyncio.gather(*(campaign.settle() for _ in range(4)))
    await campaign.settle()
    assert Counter(message.customer_id for message in requests(await campaign.emitted())).most_common(1)[0][1] == 1
    assert await campaign.db.pool.fetchval("SELECT count(*) FROM claim") == 50


async def test_starting_twice_starts_once(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await drafted(campaign)
    answers = await asyncio.gather(*(campaign.post(f"/plans/{plan_id}/start") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    await campaign.settle()
    assert Counter(event.type for event in await campaign.emitted()) == {"plan.started": 1, "message.requested": 1}


async def test_who_finds_the_coupon_sold_out_hears_nothing(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob", "eve")
    plan_id = await started(campaign, coupon_id=await ask.coupon(campaign, stock=2))
    await campaign.settle()
    assert len(requests(await campaign.emitted())) == 2
    effects = await effects_of(campaign, plan_id)
    assert (effects["requested"], effects["claimed"], effects["sold_out"]) == (2, 2, 1)


async def test_a_plan_does_not_pass_a_customers_limit(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob")
    coupon_id = await ask.coupon(campaign, per_customer=1)
    await ask.claimed(campaign, coupon_id, "ada")
    plan_id = await started(campaign, coupon_id=coupon_id)
    await campaign.settle()
    assert [message.customer_id for message in requests(await campaign.emitted())] == ["bob"]
    assert (await effects_of(campaign, plan_id))["suppressed"] == {"limit-reached": 1}
    assert (await ask.claim(campaign, coupon_id, "bob")).json()["type"] == "limit-reached"


async def test_a_plan_that_is_terminated_stops_what_has_not_gone_out(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob")
    plan_id = await started(campaign)
    await campaign.settle()
    jobs = {message.customer_id: message.job_id for message in requests(await campaign.emitted())}
    await campaign.deliver(ask.delivery("message.sent", jobs["ada"], "ada"))
    assert (await campaign.post(f"/plans/{plan_id}/terminate")).json()["state"] == "terminated"
    await campaign.settle()
    ended, cancelled = await campaign.emitted()
    assert ended.data == PlanEnded(plan_id=plan_id, audience_id="win-back")
    assert (cancelled.type, cancelled.subject, cancelled.data.job_id) == ("message.cancelled", "bob", jobs["bob"])
    assert (await campaign.post(f"/plans/{plan_id}/terminate")).status_code == 200
    assert (await campaign.post(f"/plans/{plan_id}/start")).json()["type"] == "terminated"
    await campaign.settle()
    assert await campaign.emitted() == []
    effects = await effects_of(campaign, plan_id)
    assert (effects["sent"], effects["cancelled"]) == (1, 1)


async def test_a_plan_terminated_while_it_starts_asks_for_nothing_more(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await started(campaign)
    await collecting.collect(campaign.ctx)
    await campaign.post(f"/plans/{plan_id}/terminate")
    await campaign.settle()
    assert [event.type for event in await campaign.emitted()] == ["plan.started", "plan.ended"]


async def test_a_plan_ends_at_its_moment(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await started(campaign, ends_at=ask.later(days=1))
    await campaign.settle()
    await campaign.emitted()
    await campaign.advance("3d")
    await campaign.settle()
    (ended,) = await campaign.emitted()
    assert (ended.type, ended.time.isoformat()) == ("plan.ended", "2026-11-03T04:00:00+00:00")
    assert (await campaign.get(f"/plans/{plan_id}")).json()["state"] == "ended"
    assert (await campaign.post(f"/plans/{plan_id}/terminate")).json()["type"] == "ended"


async def test_a_draft_cannot_be_terminated_nor_started_after_its_end(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await drafted(campaign, ends_at=ask.later(days=1))
    assert (await campaign.post(f"/plans/{plan_id}/terminate")).json()["type"] == "not-started"
    await campaign.advance("2d")
    refused = await campaign.post(f"/plans/{plan_id}/start")
    assert (refused.status_code, refused.json()["type"]) == (409, "not-valid")


async def test_a_started_plan_is_told(campaign: Stage, audiences: Segment) -> None:
    audiences.put()
    plan_id = await started(campaign)
    (said,) = await campaign.emitted()
    assert said.data == PlanStarted(plan_id=plan_id, audience_id="win-back")
    assert (said.subject, said.partitionkey) == (plan_id, "s1")


async def test_plans_are_not_seen_by_other_shops(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await drafted(campaign)
    campaign.shop = "s2"
    assert (await campaign.get("/plans")).json()["items"] == []
    for path in ("", "/effects"):
        assert (await campaign.get(f"/plans/{plan_id}{path}")).status_code == 404
    for step in ("start", "terminate"):
        assert (await campaign.post(f"/plans/{plan_id}/{step}")).status_code == 404
    assert (await campaign.patch(f"/plans/{plan_id}", json={"name": "x"})).status_code == 404


class Crash(Exception):
    """The process ends before the commit."""


async def drafted(stage: Stage, **changes: Any) -> str:
    response = await stage.post("/plans", json=ask.plan_terms(**changes))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def started(stage: Stage, **changes: Any) -> str:
    plan_id = await drafted(stage, **changes)
    response = await stage.post(f"/plans/{plan_id}/start")
    assert (response.status_code, response.json()["state"]) == (200, "starting"), response.text
    return plan_id


async def effects_of(stage: Stage, plan_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await stage.get(f"/plans/{plan_id}/effects")).json()
    return answer


def requests(said: list[Event[Any]]) -> list[MessageRequested]:
    return [event.data for event in said if isinstance(event.data, MessageRequested)]
