"""Defining coupons, and the limits that every claim meets."""

from typing import Any

import pytest

from huitou_events import CouponClaimed, CouponDefined
from tests.campaign import ask
from tests.stage import Stage

PAST = {"from": ask.later(days=-9), "until": ask.later(days=-1)}


async def test_a_coupon_is_answered_as_it_was_defined(campaign: Stage) -> None:
    terms = ask.coupon_terms(kind={"off": 1000, "over": 5000}, stock=None)
    made = (await campaign.post("/coupons", json=terms)).json()
    assert {name: made[name] for name in ("name", "stock", "per_customer", "claimed")} == {
        "name": "回流券",
        "stock": None,
        "per_customer": 1,
        "claimed": 0,
    }
    assert made["kind"] == {"off": 1000, "over": 5000}
    assert made["validity"] == {"from": None, "until": None, "days": 10}
    assert (await campaign.get(f"/coupons/{made['id']}")).json() == made
    (defined,) = await campaign.emitted()
    assert isinstance(defined.data, CouponDefined)
    assert (defined.subject, defined.partitionkey) == (made["id"], "s1")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ({"pay": 95}, {"pay": 95, "cap": None}),
        ({"pay": 88.8, "cap": 3000}, {"pay": 88.8, "cap": 3000}),
        ({"price": 1, "item": "i1"}, {"price": 1, "item": "i1"}),
    ],
)
async def test_every_kind_keeps_its_numbers(campaign: Stage, kind: dict[str, Any], answer: dict[str, Any]) -> None:
    coupon_id = await ask.coupon(campaign, kind=kind)
    assert (await campaign.get(f"/coupons/{coupon_id}")).json()["kind"] == answer


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\u0001b"}, "name"),
        ({"kind": {"off": 0}}, "kind.off"),
        ({"kind": {"off": 1000.5}}, "kind.off"),
        ({"kind": {"off": 1000, "over": 999}}, "kind"),
        ({"kind": {"off": 2**53}}, "kind.off"),
        ({"kind": {"pay": 100}}, "kind.pay"),
        ({"kind": {"pay": 95.55}}, "kind.pay"),
        ({"kind": {"pay": 95, "over": 3}}, "kind.over"),
        ({"kind": {"price": -1, "item": "i1"}}, "kind.price"),
        ({"kind": {"price": 1}}, "kind.item"),
        ({"kind": "off"}, "kind"),
        ({"kind": {}}, "kind"),
        ({"stock": -1}, "stock"),
        ({"stock": 1.5}, "stock"),
        ({"stock": True}, "stock"),
        ({"per_customer": 0}, "per_customer"),
        ({"validity": {}}, "validity"),
        ({"validity": {"days": 0}}, "validity.days"),
        ({"validity": {"days": 10, **PAST}}, "validity"),
        ({"validity": {"from": PAST["from"]}}, "validity"),
        ({"validity": {"from": PAST["until"], "until": PAST["from"]}}, "validity"),
        ({"validity": {"from": "2026-11-01T00:00:00", "until": PAST["until"]}}, "validity.from"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_coupon_is_refused_with_the_field(campaign: Stage, changes: dict[str, Any], field: str) -> None:
    response = await campaign.post("/coupons", json=ask.coupon_terms(**changes))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == field, response.text
    assert await campaign.emitted() == []


async def test_stock_must_be_named_so_that_nobody_gives_away_more_than_they_meant(campaign: Stage) -> None:
    terms = ask.coupon_terms()
    del terms["stock"]
    response = await campaign.post("/coupons", json=terms)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "stock")


async def test_coupons_are_listed_page_by_page_and_only_to_their_shop(campaign: Stage) -> None:
    made = [await ask.coupon(campaign) for _ in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await campaign.get("/coupons", params={"limit": 2, **cursor})).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == made
    campaign.shop = "s2"
    assert (await campaign.get("/coupons")).json() == {"items": [], "next_cursor": None}
    assert (await campaign.get(f"/coupons/{made[0]}")).status_code == 404
    assert (await ask.claim(campaign, made[0])).status_code == 404


async def test_a_claim_is_a_piece_of_the_coupon_with_a_code_and_a_validity(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign)
    await campaign.emitted()
    claim = await ask.claimed(campaign, coupon_id)
    assert claim["status"] == "claimed"
    assert (claim["valid_from"], claim["valid_until"]) == (ask.later(), ask.later(days=10))
    assert (await campaign.get(f"/claims/{claim['claim_id']}")).json() == claim
    assert (await campaign.get(f"/codes/{claim['code'].lower()}")).json() == claim
    assert (await campaign.get(f"/coupons/{coupon_id}")).json()["claimed"] == 1
    (said,) = await campaign.emitted()
    assert said.data == CouponClaimed(customer_id="ada", coupon_id=coupon_id, claim_id=claim["claim_id"])


async def test_the_last_piece_is_claimed_once(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=1)
    assert (await ask.claim(campaign, coupon_id, "ada")).status_code == 201
    refused = await ask.claim(campaign, coupon_id, "bob")
    assert (refused.status_code, refused.json()["type"]) == (409, "sold-out")


async def test_nobody_claims_more_than_the_limit(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, per_customer=2)
    answers = [(await ask.claim(campaign, coupon_id)).status_code for _ in range(3)]
    assert answers == [201, 201, 409]
    assert (await ask.claim(campaign, coupon_id)).json()["type"] == "limit-reached"
    assert (await ask.claim(campaign, coupon_id, "bob")).status_code == 201


async def test_without_a_limit_a_customer_claims_as_often_as_they_like(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, per_customer=None)
    assert [(await ask.claim(campaign, coupon_id)).status_code for _ in range(3)] == [201] * 3


async def test_a_coupon_whose_time_is_over_cannot_be_claimed(campaign: Stage) -> None:
    validity = {"from": ask.later(), "until": ask.later(days=1)}
    coupon_id = await ask.coupon(campaign, validity=validity)
    assert (await ask.claim(campaign, coupon_id)).status_code == 201
    await campaign.advance("1d")
    refused = await ask.claim(campaign, coupon_id, "bob")
    assert (refused.status_code, refused.json()["type"]) == (409, "not-valid")


async def test_a_coupon_can_be_claimed_before_its_time_and_used_then(campaign: Stage) -> None:
    validity = {"from": ask.later(days=1), "until": ask.later(days=2)}
    claim = await ask.fresh_claim(campaign, validity=validity)
    early = await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)
    assert (early.status_code, early.json()["type"]) == (409, "not-valid")
    await campaign.advance("1d")
    assert (await ask.use(campaign, claim["claim_id"], "redeem", trade_id="t1", amount=5000)).status_code == 200


async def test_what_does_not_exist_is_not_found(campaign: Stage) -> None:
    assert (await ask.claim(campaign, "cp_none")).status_code == 404
    assert (await campaign.get("/claims/cl_none")).status_code == 404
    assert (await ask.use(campaign, "cl_none", "lock", trade_id="t1")).status_code == 404


async def test_a_mistyped_and_an_unknown_code_and_that_of_another_shop_look_the_same(campaign: Stage) -> None:
    code = (await ask.fresh_claim(campaign))["code"]
    mistyped = code[:-1] + ("0" if code[-1] != "0" else "1")
    campaign.shop = "s2"
    answers = [await campaign.get(f"/codes/{typed}") for typed in (mistyped, "0" * 13, code)]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "customer_id"),
        ({"customer_id": ""}, "customer_id"),
        ({"customer_id": "a" * 129}, "customer_id"),
        ({"customer_id": 7}, "customer_id"),
        ({"customer_id": "a\u0000"}, "customer_id"),
        ({"customer_id": "ada", "nth": 2}, "nth"),
    ],
)
async def test_a_wrong_claim_is_refused_with_the_field(campaign: Stage, body: dict[str, Any], field: str) -> None:
    coupon_id = await ask.coupon(campaign)
    response = await campaign.post(f"/coupons/{coupon_id}/claims", json=body)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


async def test_a_customer_sees_their_coupons_page_by_page(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, per_customer=None)
    made = []
    for _ in range(3):
        made.append((await ask.claimed(campaign, coupon_id))["claim_id"])
        await campaign.advance("1m")
    await ask.claimed(campaign, coupon_id, "bob")
    first = (await campaign.get("/customers/ada/coupons", params={"limit": 2})).json()
    second = (await campaign.get("/customers/ada/coupons", params={"cursor": first["next_cursor"]})).json()
    assert [item["claim_id"] for item in first["items"] + second["items"]] == made
    assert second["next_cursor"] is None
