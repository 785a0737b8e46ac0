"""Tags that a rule keeps: on whom they are at every moment, and what reads them."""

from typing import Any

from segment_svc import verify
from tests import make
from tests.make import NOW, SHOP
from tests.segment.audience import CARTED, Said, after, create, members, moment, said
from tests.stage import Stage


async def keep(segment: Stage, tag: str, rule: dict[str, Any] | None) -> dict[str, Any]:
    """The tag as it is once its customers are found."""
    answer = await segment.put(f"/tags/{tag}", json={"rule": rule})
    assert answer.status_code == 200, answer.text
    await segment.settle()
    found: dict[str, Any] = (await segment.get(f"/tags/{tag}")).json()
    return found


async def test_a_tag_follows_its_rule_and_audiences_that_read_it_follow_at_once(segment: Stage) -> None:
    await segment.deliver(make.cart(), make.page(customer="bo"))
    tag = await keep(segment, "eager", CARTED)
    assert (tag["state"], tag["rule"], tag["customers"]) == ("live", CARTED, 1)
    outer = await create(segment, {"not": {"tag": "eager"}})
    assert await members(segment, outer) == ["bo"]
    await segment.advance("1h")
    await said(segment)
    await segment.deliver(make.cart(customer="bo", time=after(hours=1)))
    assert await said(segment, outer) == [Said("bo", outer, False, after(hours=1))]
    listed = (await segment.get("/tags/eager/customers")).json()["items"]
    assert [(one["customer_id"], moment(one["at"]), one["by"], one["how"]) for one in listed] == [
        ("ada", NOW, None, "rule"),
        ("bo", after(hours=1), None, "rule"),
    ]
    await segment.advance("11d")
    await segment.settle()
    assert await said(segment, outer) == [
        Said("ada", outer, True, after(days=10)),
        Said("bo", outer, True, after(days=10, hours=1)),
    ]
    assert (await segment.get("/tags/eager")).json()["customers"] == 0
    assert await verify.verify(segment.ctx, SHOP, None) == []


async def test_a_kept_tag_is_shown_with_the_customer_and_is_no_audience(segment: Stage) -> None:
    await segment.deliver(make.cart())
    await segment.put("/customers/ada/tags/vip")
    await keep(segment, "eager", CARTED)
    ada = (await segment.get("/customers/ada")).json()
    assert (ada["tags"], [one["how"] for one in ada["tagged"]], ada["audiences"]) == (
        ["eager", "vip"],
        ["rule", "hand"],
        [],
    )
    assert [row["id"] for row in (await segment.get("/audiences")).json()["items"]] == [
        "interested",
        "new-customers",
        "repurchase",
    ]
    for method in (segment.get, segment.delete):
        assert (await method("/audiences/%23eager")).status_code == 404
    answer = await segment.post("/audiences", json={"name": "x", "rule": {"audience": "#eager"}})
    assert (answer.status_code, "rule.audience" in answer.text) == (422, True)


async def test_a_kept_tag_explains_itself(segment: Stage) -> None:
    await segment.deliver(make.cart())
    await keep(segment, "eager", CARTED)
    audience = await create(segment, {"tag": "eager"})
    found = (await segment.get(f"/audiences/{audience}/members/ada")).json()
    assert moment(found["until"]) == after(days=10)
    assert (found["why"]["tag"], found["why"]["value"], found["why"]["rule"]["measured"]) == ("eager", True, 1)


async def test_a_kept_tag_is_out_of_reach_of_hands(segment: Stage) -> None:
    waiting = (await segment.post("/tags/eager/file", content=b"zoe\n")).json()
    await segment.put("/tags/eager", json={"rule": CARTED})
    for answer in (
        await segment.put("/customers/ada/tags/eager"),
        await segment.delete("/customers/ada/tags/eager"),
        await segment.post("/tags/eager/customers", json={"customers": ["ada"]}),
        await segment.post("/tags/eager/removals", json={"customers": ["ada"]}),
        await segment.post("/tags/eager/file", content=b"ada\n"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "kept-by-rule")
    await segment.settle()
    assert (await segment.get(f"/tag-jobs/{waiting['id']}")).json()["state"] == "stopped"
    await segment.put("/customers/ada/tags/vip")
    answer = await segment.put("/tags/vip", json={"rule": CARTED})
    assert (answer.status_code, answer.json()["type"]) == (409, "put-by-hand")
    assert (await segment.get("/tags/vip")).json()["rule"] is None


async def test_another_rule_or_none_moves_those_who_have_the_tag(segment: Stage) -> None:
    await segment.deliver(make.cart(), make.page(customer="bo"))
    await keep(segment, "eager", CARTED)
    outer = await create(segment, {"tag": "eager"})
    assert await members(segment, outer) == ["ada"]
    await keep(segment, "eager", {"event": "page.viewed"})
    assert await members(segment, outer) == ["bo"]
    for answer in (await segment.put("/tags/eager", json={}), await segment.delete("/tags/eager")):
        assert (answer.status_code, answer.json()["type"]) == (409, "in-use")
        assert outer in answer.json()["detail"]
    await segment.delete(f"/audiences/{outer}")
    assert (await keep(segment, "eager", None))["customers"] == 0
    assert (await segment.put("/customers/ada/tags/eager")).status_code == 204
    assert (await segment.get("/customers/ada")).json()["tagged"][0]["how"] == "hand"
    assert await segment.db.pool.fetchval("SELECT count(*) FROM audience WHERE audience_id LIKE '#%'") == 0


async def test_a_tag_that_audiences_read_already_may_be_given_to_a_rule(segment: Stage) -> None:
    await segment.deliver(make.cart())
    outer = await create(segment, {"tag": "eager"})
    await keep(segment, "eager", CARTED)
    assert await members(segment, outer) == ["ada"]


async def test_no_tag_is_kept_by_itself_whatever_stands_between(segment: Stage) -> None:
    answer = await segment.put("/tags/a", json={"rule": {"not": {"tag": "a"}}})
    assert (answer.status_code, "#a -> #a" in answer.text) == (422, True)
    audience = await create(segment, {"any": [{"tag": "a"}]})
    await keep(segment, "b", {"audience": audience})
    answer = await segment.put("/tags/a", json={"rule": {"tag": "b"}})
    assert (answer.status_code, f"#b -> {audience} -> #a -> #b" in answer.text) == (422, True), answer.text
    assert (await segment.put("/tags/a", json={"rule": {"event": "cart.eaten"}})).json()["errors"][0]["field"] == (
        "rule.event"
    )
