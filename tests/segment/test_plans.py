"""An audience that a running plan uses stays."""

from typing import Any

from huitou_events import Event, PlanEnded, PlanStarted
from tests import make
from tests.stage import Stage


def told(kind: type[PlanStarted] | type[PlanEnded], audience: str, plan: str = "p1") -> Event[Any]:
    return make.event(kind(plan_id=plan, audience_id=audience))


async def created(segment: Stage) -> str:
    answer = await segment.post("/audiences", json={"name": "carts", "rule": {"event": "cart.added"}})
    return str(answer.json()["id"])


async def test_an_audience_is_not_deleted_while_a_plan_that_uses_it_runs(segment: Stage) -> None:
    audience = await created(segment)
    await segment.deliver(told(PlanStarted, audience), told(PlanStarted, audience, "p2"))
    refused = await segment.delete(f"/audiences/{audience}")
    assert (refused.status_code, refused.json()["type"]) == (409, "in-use")
    assert "p1, p2" in refused.json()["detail"]
    await segment.deliver(told(PlanEnded, audience))
    assert (await segment.delete(f"/audiences/{audience}")).status_code == 409
    await segment.deliver(told(PlanEnded, audience, "p2"))
    assert (await segment.delete(f"/audiences/{audience}")).status_code == 204


async def test_a_plan_whose_end_is_told_first_does_not_run(segment: Stage) -> None:
    audience = await created(segment)
    await segment.deliver(told(PlanEnded, audience))
    await segment.deliver(told(PlanStarted, audience))
    await segment.deliver(told(PlanEnded, audience, "p2"), told(PlanStarted, audience, "p2"))
    assert (await segment.delete(f"/audiences/{audience}")).status_code == 204
