"""What operators are answered."""

from typing import Any

import pytest

from segment_svc import previews
from tests import make
from tests.make import ago
from tests.segment.audience import CARTED, create
from tests.stage import Stage


async def test_every_shop_has_the_recommended_audiences(segment: Stage) -> None:
    answer = await segment.get("/audiences")
    found = {row["id"]: (row["state"], row["recommended"], row["size"]) for row in answer.json()["items"]}
    assert found == dict.fromkeys(("interested", "new-customers", "repurchase"), ("live", True, 0))


@pytest.mark.parametrize("method", ["patch", "delete"])
async def test_recommended_audiences_stay_as_they_are(segment: Stage, method: str) -> None:
    options = {"json": {"rule": CARTED}} if method == "patch" else {}
    answer = await getattr(segment, method)("/audiences/interested", **options)
    assert (answer.status_code, answer.json()["type"]) == (409, "recommended")


async def test_names_need_not_be_unique(segment: Stage) -> None:
    assert await create(segment, CARTED, name="same") != await create(segment, CARTED, name="same")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "rule"),
        ({"name": "x", "rule": {}}, "rule"),
        ({"name": "x", "rule": {"all": [CARTED, {"event": "cart.eaten"}]}}, "rule.all[1].event"),
        ({"name": "x", "rule": {"event": "cart.added", "within": "soon"}}, "rule.within"),
        ({"name": "x", "rule": {"audience": "aud_none"}}, "rule.audience"),
        ({"name": "x", "rule": CARTED, "colour": "red"}, "colour"),
        ({"name": "", "rule": CARTED}, "name"),
        ({"name": "x", "rule": {"rfm": {"recency": [6]}}}, "rule.rfm.recency[0]"),
    ],
)
async def test_a_wrong_body_is_refused_with_the_field(segment: Stage, body: dict[str, Any], field: str) -> None:
    answer = await segment.post("/audiences", json=body)
    assert answer.status_code == 422
    assert field in answer.text


async def test_a_preview_counts_and_saves_nothing(segment: Stage) -> None:
    await segment.deliver(*(make.cart(customer=f"c{n}") for n in range(12)), make.page(customer="bo"))
    answer = await segment.post("/audiences/preview", json={"rule": CARTED})
    found = answer.json()
    assert (found["size"], found["exact"], len(found["sample"])) == (12, True, 10)
    assert len((await segment.get("/audiences")).json()["items"]) == 3


async def test_in_a_large_shop_a_preview_is_an_estimate_first_and_exact_soon_after(
    segment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "COUNTED", 50)
    monkeypatch.setattr(previews, "LOOKED_AT", 100)
    await segment.deliver(
        *(make.cart(customer=f"c{n}") for n in range(60)), *(make.page(customer=f"p{n}") for n in range(140))
    )
    first = (await segment.post("/audiences/preview", json={"rule": CARTED})).json()
    assert first["exact"] is False
    assert 0 < first["error"] < 40
    assert abs(first["size"] - 60) <= 2 * first["error"]
    assert set(first["sample"]) <= {f"c{n}" for n in range(60)}
    waited = (await segment.post("/audiences/preview", json={"rule": CARTED}, params={"wait": 8})).json()
    again = (await segment.post("/audiences/preview", json={"rule": CARTED})).json()
    assert (waited["size"], waited["exact"], waited["error"]) == (60, True, None)
    assert again == waited


async def test_members_come_page_by_page(segment: Stage) -> None:
    await segment.deliver(*(make.cart(customer=f"c{n}") for n in range(5)))
    audience = await create(segment, CARTED)
    found, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await segment.get(f"/audiences/{audience}/members", params=params)).json()
        found += [row["customer_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"c{n}" for n in range(5)]


async def test_why_shows_the_tree_with_values(segment: Stage) -> None:
    await segment.deliver(make.cart(time=ago(days=5)), make.cart(customer="bo", time=ago(days=1)))
    ada = (await segment.get("/audiences/interested/members/ada")).json()
    assert (ada["member"], ada["since"], ada["until"]) == (True, "2026-10-31T04:00:00Z", "2026-11-07T04:00:00Z")
    assert ada["why"]["value"] is True
    bo = (await segment.get("/audiences/interested/members/bo")).json()
    assert (bo["member"], bo["since"], bo["why"]["value"]) == (False, None, False)


@pytest.mark.parametrize("path", ["/audiences/aud_none", "/audiences/aud_none/members", "/customers/nobody"])
async def test_what_is_not_there_is_not_found(segment: Stage, path: str) -> None:
    answer = await segment.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")


async def test_a_customer_is_shown_with_attributes_tags_and_audiences(segment: Stage) -> None:
    await segment.deliver(
        make.customer(gender="female", city="Hangzhou", birthday="2000-11-02", phone="+8613800000000"),
        make.completed(amount=300, time=ago(days=2)),
    )
    await segment.put("/customers/ada/tags/vip")
    found = (await segment.get("/customers/ada")).json()
    known = {name: found["attributes"][name] for name in ("gender", "city", "age", "has_phone", "trades", "amount")}
    assert known == {
        "gender": "female",
        "city": "Hangzhou",
        "age": 26,
        "has_phone": True,
        "trades": 1,
        "amount": 300,
    }
    assert found["tags"] == ["vip"]
    assert found["audiences"] == [{"audience_id": "new-customers", "since": "2026-10-31T04:00:00Z"}]
    assert "13800000000" not in str(found)


async def test_an_id_may_hold_a_slash(segment: Stage) -> None:
    await segment.put("/customers/a%2Fb/tags/x%2Fy")
    assert (await segment.get("/customers/a%2Fb")).json()["tags"] == ["x/y"]
