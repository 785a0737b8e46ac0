"""Ending a plan: at its moment, or because somebody says so."""

from campaign_svc import collecting
from huitou_events import PlanEnded
from tests.campaign import ask
from tests.campaign.conftest import Segment
from tests.stage import Stage


async def test_a_plan_that_is_terminated_stops_what_has_not_gone_out(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada", "bob")
    plan_id = await ask.started(campaign)
    await campaign.settle()
    jobs = {message.customer_id: message.job_id for message in ask.requests(await campaign.emitted())}
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
    effects = await ask.effects_of(campaign, plan_id)
    assert (effects["sent"], effects["cancelled"]) == (1, 1)


async def test_a_plan_terminated_while_it_starts_asks_for_nothing_more(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await ask.started(campaign)
    await collecting.collect(campaign.ctx)
    await campaign.post(f"/plans/{plan_id}/terminate")
    await campaign.settle()
    assert [event.type for event in await campaign.emitted()] == ["plan.started", "plan.ended"]


async def test_a_plan_ends_at_its_moment(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await ask.started(campaign, ends_at=ask.later(days=1))
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
    plan_id = await ask.drafted(campaign, ends_at=ask.later(days=1))
    assert (await campaign.post(f"/plans/{plan_id}/terminate")).json()["type"] == "not-started"
    await campaign.advance("2d")
    refused = await campaign.post(f"/plans/{plan_id}/start")
    assert (refused.status_code, refused.json()["type"]) == (409, "not-valid")
