"""Every call of every service's OpenAPI document, tried with another shop's ids: it never shows that they are there."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2
import pytest

from huitou_chassis import keys
from huitou_events import Timing
from tests import make
from tests.campaign import ask
from tests.conftest import Stages
from tests.notify.world import World, poster
from tests.stage import Stage

Ids = Mapping[str, str]
UNKNOWN = "nobody-ever"
RULE = {"event": "cart.added"}
TIERS = {"tiers": [{"key": "ordinary", "name": "ordinary", "trades": 1, "discount": 95}]}
BODIES: dict[str, Any] = {
    "POST /tags/{tag}/file": "theirs",
    "PATCH /audiences/{audience}": {"name": "mine"},
    "PUT /members/{customer_id}/tier": {"tier": "ordinary", "reason": "mine"},
    "POST /coupons/{coupon_id}/claims": {"customer_id": "mine"},
    "POST /claims/{claim_id}/lock": {"trade_id": "t1"},
    "POST /claims/{claim_id}/redeem": {"trade_id": "t1", "amount": 9000},
    "PATCH /plans/{plan_id}": {"name": "mine"},
    "POST /templates/{template_id}/reject": {"reason": "mine"},
    "POST /templates/{template_id}/test": {"phone": "+8613812348000"},
    "POST /customers/{customer_id}/contact/reveal": {"reason": "mine"},
    "POST /tags/{tag}/customers": {"customers": ["mine"]},
    "POST /tags/{tag}/removals": {"customers": ["mine"]},
    "PUT /tags/{tag}": {"description": "mine"},
    "POST /dead-letters/{letter}/reveal": {"reason": "mine"},
    "POST /dead-letters/{letter}/drop": {"reason": "mine"},
}
ANYBODY = {
    "PUT /members/{customer_id}/tier": 200,
    "PUT /customers/{customer}/tags/{tag}": 204,
    "POST /tags/{tag}/customers": 200,
    "POST /tags/{tag}/file": 202,
    "PUT /tags/{tag}": 200,
    "GET /customers/{customer_id}/coupons": 200,
    "GET /customers/{customer_id}/send-time": 200,
}
"""Calls that anybody's id may be given to, known or not; they answer about the shop's own customer of that id."""


async def segment_ids(stage: Stage) -> Ids:
    await stage.deliver(make.cart(customer="theirs", shop="s2"))
    await stage.put("/customers/theirs/tags/vip")
    made = await stage.post("/audiences", json={"name": "carts", "rule": RULE})
    job = (await stage.post("/tags/vip/file", content=b"theirs")).json()
    return {"audience": made.json()["id"], "customer": "theirs", "tag": "vip", "job": job["id"]}


async def loyalty_ids(stage: Stage) -> Ids:
    await stage.put("/programme", json=TIERS)
    await stage.deliver(make.completed(customer="theirs", shop="s2"))
    assert (await stage.get("/members/theirs")).status_code == 200
    return {"customer_id": "theirs"}


async def campaign_ids(stage: Stage) -> Ids:
    claim = await ask.fresh_claim(stage)
    await stage.db.pool.execute(
        """
        INSERT INTO plan (shop_id, plan_id, name, audience_id, audience_size, channels, variables, timing, holdout,
            state, created_us)
        VALUES ('s2', 'pl_theirs', 'theirs', 'a', 1, '{poster}', '{}', '{"kind": "now"}', 0, 'draft', 1)
        """
    )
    known = {"coupon_id": claim["coupon_id"], "claim_id": claim["claim_id"], "code": claim["code"]}
    return known | {"plan_id": "pl_theirs", "customer_id": "ada"}


async def notify_ids(stage: Stage) -> Ids:
    made = await stage.post("/templates", json={"name": "theirs", "text": "hello"})
    known = make.customer("theirs", shop="s2", phone="+8613812348000", time=make.ago(days=9))
    event = World(stage, None, 0).requested(customer="theirs", timing=Timing(kind="now"), **poster())  # type: ignore[arg-type]
    await stage.deliver(known, make.event(event.data, shop="s2"))
    assert (await stage.get(f"/deliveries/{event.data.job_id}")).status_code == 200
    return {"template_id": made.json()["id"], "job_id": event.data.job_id, "customer_id": "theirs"}


MADE: dict[str, Callable[[Stage], Awaitable[Ids]]] = {
    "segment": segment_ids,
    "loyalty": loyalty_ids,
    "campaign": campaign_ids,
    "notify": notify_ids,
}


async def ids_of(name: str, stage: Stage) -> Ids:
    """Of what is there in the stage's shop: the service's own, and a dead letter."""
    await stage.deliver(("shop.trades", f"{stage.shop}:theirs".encode(), b"{"))
    letters = (await stage.get("/dead-letters")).json()["items"]
    return {**await MADE[name](stage), "letter": letters[0]["id"]}


async def operations(stage: Stage) -> list[tuple[str, str]]:
    """Method and path (without the shop) of every call of the OpenAPI document that belongs to a shop."""
    document = (await stage.client.get("/openapi.json")).json()
    prefix = "/v1/shops/{shop}"
    return [
        (method.upper(), path.removeprefix(prefix))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith(prefix)
    ]


async def called(stage: Stage, method: str, path: str, ids: Ids, **options: Any) -> httpx2.Response:
    filled = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], path)
    body = BODIES.get(f"{method} {path}")
    function = getattr(stage, method.lower())
    answer: httpx2.Response = await function(filled, **options, **({"json": body} if body else {}))
    return answer


@pytest.mark.parametrize("name", MADE)
async def test_a_key_of_another_shop_finds_no_shop_at_all(stages: Stages, postgres: str, name: str) -> None:
    async with stages(name) as stage:
        _, key = await keys.create(postgres, name="theirs", role="operator", shops=["s1"])
        stage.shop = "s2"
        ids = {**await ids_of(name, stage), "provider": "operator"}
        for method, path in await operations(stage):
            if path.startswith("/receipts/"):
                continue  # the provider's, which signs instead of showing a key
            answer = await called(stage, method, path, ids, headers={"Authorization": f"Bearer {key}"})
            assert (f"{method} {path}", answer.status_code) == (f"{method} {path}", 404)
            assert answer.json()["type"] == "not-found"


@pytest.mark.parametrize("name", MADE)
async def test_ids_of_another_shop_are_as_unknown_as_any(stages: Stages, name: str) -> None:
    async with stages(name) as stage:
        stage.shop = "s2"
        theirs = await ids_of(name, stage)
        stage.shop = "s1"
        if name == "loyalty":
            await stage.put("/programme", json=TIERS)
        tried = 0
        # Those that may make the customer known in this shop come last.
        for method, path in sorted(await operations(stage), key=lambda call: " ".join(call) in ANYBODY):
            if "{" not in path or path.startswith("/receipts/"):
                continue
            answer = await called(stage, method, path, theirs)
            unknown = dict.fromkeys(theirs, UNKNOWN)
            same = await called(stage, method, path, unknown)
            expected = ANYBODY.get(f"{method} {path}", 404)
            assert (f"{method} {path}", answer.status_code) == (f"{method} {path}", expected), answer.text
            assert anonymous(answer, theirs) == anonymous(same, unknown)
            tried += 1
        assert tried


def anonymous(answer: httpx2.Response, ids: Ids) -> str:
    """The answer without the ids that were asked for, and without what tells one call from the next."""
    text = answer.text
    for id in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(id, "ID")
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|job_[0-9a-f]{16}", "NEW", text)
