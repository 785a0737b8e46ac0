"""Drafts of plans: what is refused, what may be changed."""

from typing import Any

import pytest

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
    plan_id = await ask.drafted(campaign, variables={"shop": "回头客"})
    changed = await campaign.patch(f"/plans/{plan_id}", json={"audience": "interested", "holdout": 0.2})
    assert changed.status_code == 200
    expected = {"audience": "interested", "audience_size": 2, "holdout": 0.2, "variables": {"shop": "回头客"}}
    assert {name: changed.json()[name] for name in expected} == expected
    refused = await campaign.patch(f"/plans/{plan_id}", json={"template_id": None})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "template_id")
    assert (await campaign.patch(f"/plans/{plan_id}", json={"name": None})).status_code == 422


async def test_once_started_a_plan_cannot_be_changed(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await ask.started(campaign)
    refused = await campaign.patch(f"/plans/{plan_id}", json={"name": "other"})
    assert (refused.status_code, refused.json()["type"]) == (409, "not-draft")


async def test_plans_are_not_seen_by_other_shops(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    plan_id = await ask.drafted(campaign)
    campaign.shop = "s2"
    assert (await campaign.get("/plans")).json()["items"] == []
    for path in ("", "/effects"):
        assert (await campaign.get(f"/plans/{plan_id}{path}")).status_code == 404
    for step in ("start", "terminate"):
        assert (await campaign.post(f"/plans/{plan_id}/{step}")).status_code == 404
    assert (await campaign.patch(f"/plans/{plan_id}", json={"name": "x"})).status_code == 404
