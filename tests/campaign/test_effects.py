"""What a plan brought about, from facts in any order."""

import random
from typing import Any

from huitou_events import Event, MessageRequested
from tests import make
from tests.campaign import ask
from tests.campaign.conftest import Segment
from tests.stage import Stage

CUSTOMERS = [f"c{number}" for number in range(6)]


async def test_effects_are_the_same_for_any_order_and_any_repetition_of_the_facts(
    campaign: Stage, audiences: Segment
) -> None:
    audiences.put(*CUSTOMERS)
    shuffled = random.Random(7)
    found = []
    for _ in range(4):
        plan_id, jobs = await running(campaign)
        facts = [
            ask.delivery("message.sent", jobs["c0"], "c0", minutes=1),
            ask.delivery("message.delivered", jobs["c0"], "c0", minutes=2),
            ask.delivery("message.clicked", jobs["c0"], "c0", minutes=3),
            ask.delivery("message.sent", jobs["c1"], "c1", minutes=1),
            ask.delivery("message.failed", jobs["c1"], "c1", minutes=2),
            ask.delivery("message.suppressed", jobs["c2"], "c2", minutes=1, reason="no-consent"),
            ask.delivery("message.suppressed", jobs["c3"], "c3", minutes=1, reason="no-consent"),
            ask.delivery("message.suppressed", jobs["c4"], "c4", minutes=1, reason="cap"),
            ask.delivery("message.suppressed", jobs["c4"], "c4", minutes=2, reason="expired"),
            ask.delivery("message.failed", jobs["c5"], "c5", minutes=1),
            ask.delivery("message.delivered", jobs["c5"], "c5", minutes=2),
        ] * 2
        shuffled.shuffle(facts)
        for place in range(0, len(facts), 5):
            await campaign.deliver(*facts[place : place + 5])
        found.append((await campaign.get(f"/plans/{plan_id}/effects")).json())
    assert (
        found
        == [
            {
                "audience": 6,
                "held_out": 0,
                "requested": 6,
                "reached": 2,
                "sent": 3,
                "suppressed": {"no-consent": 2, "cap": 1},
                "failed": 1,
                "clicked": 1,
                "cancelled": 0,
                "claimed": 0,
                "redeemed": 0,
                "sold_out": 0,
            }
        ]
        * 4
    )


async def test_a_customer_reached_over_two_channels_is_reached_once(campaign: Stage, audiences: Segment) -> None:
    audiences.put("ada")
    poster = {"slot": "home", "image": "a.png", "link": "/sale"}
    plan_id, _ = await running(campaign, channels=["sms", "poster"], poster=poster)
    rows = await campaign.db.pool.fetch("SELECT job_id FROM message")
    await campaign.deliver(*(ask.delivery("message.delivered", row["job_id"]) for row in rows))
    effects = (await campaign.get(f"/plans/{plan_id}/effects")).json()
    assert (effects["requested"], effects["sent"], effects["reached"]) == (2, 2, 1)


async def test_redemptions_of_a_plans_coupons_count_while_they_stand(campaign: Stage, audiences: Segment) -> None:
    audiences.put(*CUSTOMERS)
    plan_id, _ = await running(campaign, coupon_id=await ask.coupon(campaign))
    (claim,) = (await campaign.get("/customers/c0/coupons")).json()["items"]
    assert claim["plan_id"] == plan_id
    order: dict[str, Any] = {"customer": "c0", "amount": 5000, "coupon_code": claim["code"]}
    await campaign.deliver(make.paid(**order))
    effects = (await campaign.get(f"/plans/{plan_id}/effects")).json()
    assert (effects["claimed"], effects["redeemed"]) == (6, 1)
    await campaign.deliver(make.closed(**order, time=make.ago(minutes=-1)))
    assert (await campaign.get(f"/plans/{plan_id}/effects")).json()["redeemed"] == 0


async def test_the_list_of_plans_shows_their_effects(campaign: Stage, audiences: Segment) -> None:
    audiences.put(*CUSTOMERS)
    first, _ = await running(campaign)
    await campaign.advance("1m")
    second = (await campaign.post("/plans", json=ask.plan_terms())).json()["id"]
    items = (await campaign.get("/plans")).json()["items"]
    assert [(item["id"], item["state"], item["effects"]["requested"]) for item in items] == [
        (first, "running", 6),
        (second, "draft", 0),
    ]


async def test_messages_of_others_are_left_alone(campaign: Stage) -> None:
    await campaign.deliver(ask.delivery("message.sent", "job-of-somebody-else"))
    assert (await campaign.dead(), await campaign.emitted()) == ([], [])


async def running(stage: Stage, **changes: Any) -> tuple[str, dict[str, str]]:
    """A plan whose members had their turn: its id, and the job of each customer."""
    plan_id = (await stage.post("/plans", json=ask.plan_terms(**changes))).json()["id"]
    await stage.post(f"/plans/{plan_id}/start")
    await stage.settle()
    return plan_id, jobs_of(await stage.emitted())


def jobs_of(said: list[Event[Any]]) -> dict[str, str]:
    return {event.data.customer_id: event.data.job_id for event in said if isinstance(event.data, MessageRequested)}
