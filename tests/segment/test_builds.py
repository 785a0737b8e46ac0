"""Audiences that are made, changed and ended while customers come and go."""

import pytest

from segment_svc import builds, placements
from tests import make
from tests.make import NOW, ago
from tests.segment.audience import CARTED, Said, after, create, listed, members, moment, said
from tests.stage import Stage

LOST = {
    "all": [
        {"event": "trade.completed", "within": "720d"},
        {"not": {"event": "trade.completed", "within": "90d"}},
        {"event": "cart.added", "within": "30d"},
    ]
}


async def test_a_new_audience_is_building_and_then_live(segment: Stage) -> None:
    await segment.deliver(make.completed(time=ago(days=100)), make.cart(time=ago(days=5)))
    await segment.advance("1h")
    answer = await segment.post("/audiences", json={"name": "lost", "rule": LOST})
    audience = answer.json()["id"]
    assert (answer.status_code, answer.json()["state"]) == (201, "building")
    await said(segment)
    await segment.settle()
    assert (await segment.get(f"/audiences/{audience}")).json()["state"] == "live"
    assert await said(segment) == [Said("ada", audience, True, after(hours=1), initial=True)]
    [member] = await listed(segment, audience)
    assert moment(member["since"]) == after(hours=1)
    assert moment(member["until"]) == ago(days=5) + (after(days=30) - NOW)


async def test_what_a_build_finds_leaves_at_its_own_moment(segment: Stage) -> None:
    await segment.deliver(make.cart())
    audience = await create(segment, CARTED)
    await segment.advance("11d")
    await segment.settle()
    assert (await said(segment, audience))[-1] == Said("ada", audience, False, after(days=10))


async def test_an_event_during_a_build_is_neither_lost_nor_doubled(
    segment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 500
    monkeypatch.setattr(builds, "LOOKED_AT", most)
    names = [f"c{number:04}" for number in range(2 * most + 10)]
    await segment.deliver(*(make.page(customer=name) for name in names))
    answer = await segment.post("/audiences", json={"name": "carted", "rule": CARTED})
    audience = answer.json()["id"]
    carted = [names[0], names[most], names[-1], "a-new-one", "z-new-one"]
    await builds.advance(segment.ctx)
    await segment.deliver(*(make.cart(customer=name) for name in carted))
    await builds.advance(segment.ctx)
    await segment.deliver(make.cart(customer="another"))
    assert (await segment.get(f"/audiences/{audience}")).json()["state"] == "building"
    await segment.settle()
    expected = sorted([*carted, "another"])
    assert await members(segment, audience) == expected
    assert sorted(one.customer for one in await said(segment, audience)) == expected


async def test_another_rule_moves_the_members_and_those_around(segment: Stage) -> None:
    await segment.deliver(make.cart(customer="ada"), make.page(customer="bo"))
    inner = await create(segment, CARTED)
    outer = await create(segment, {"not": {"audience": inner}})
    assert (await members(segment, inner), await members(segment, outer)) == (["ada"], ["bo"])
    answer = await segment.patch(f"/audiences/{inner}", json={"rule": {"event": "page.viewed"}})
    assert (answer.status_code, answer.json()["state"]) == (200, "building")
    await segment.settle()
    assert (await members(segment, inner), await members(segment, outer)) == (["bo"], ["ada"])


async def test_another_name_moves_nobody(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    answer = await segment.patch(f"/audiences/{audience}", json={"name": "renamed"})
    assert (answer.json()["name"], answer.json()["state"]) == ("renamed", "live")


async def test_an_audience_that_ends_leaves_nothing_behind(segment: Stage) -> None:
    await segment.deliver(make.cart())
    audience = await create(segment, CARTED)
    await said(segment)
    assert (await segment.delete(f"/audiences/{audience}")).status_code == 204
    assert (await segment.get(f"/audiences/{audience}")).status_code == 404
    await segment.settle()
    assert await said(segment) == [Said("ada", audience, False, NOW)]
    assert await segment.db.pool.fetchval("SELECT count(*) FROM member") == 0
    assert await segment.db.pool.fetchval("SELECT count(*) FROM audience WHERE audience_id = $1", audience) == 0


async def test_an_audience_inside_another_cannot_be_ended(segment: Stage) -> None:
    inner = await create(segment, CARTED)
    outer = await create(segment, {"audience": inner})
    answer = await segment.delete(f"/audiences/{inner}")
    assert (answer.status_code, answer.json()["type"]) == (409, "in-use")
    assert outer in answer.json()["detail"]


async def test_an_audience_cannot_contain_itself_through_another(segment: Stage) -> None:
    inner = await create(segment, CARTED)
    outer = await create(segment, {"audience": inner})
    answer = await segment.patch(f"/audiences/{inner}", json={"rule": {"any": [{"audience": outer}]}})
    assert answer.status_code == 422
    assert "contain itself" in answer.text


async def test_the_old_rule_holds_until_the_members_of_the_new_one_are_found(
    segment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "MOST", 500)
    names = [f"c{number:04}" for number in range(placements.MOST + 10)]
    await segment.deliver(*(make.page(customer=name) for name in names), make.cart(customer="ada"))
    audience = await create(segment, CARTED)
    outer = await create(segment, {"not": {"audience": audience}})
    await said(segment)
    rule = {"event": "page.viewed"}
    answer = await segment.patch(f"/audiences/{audience}", json={"rule": rule})
    assert (answer.json()["rule"], answer.json()["rule_in_force"]) == (rule, CARTED)
    await builds.advance(segment.ctx)
    await segment.deliver(make.cart(customer="bo"), make.page(customer="cy"))
    shown = (await segment.get(f"/audiences/{audience}")).json()
    assert (shown["state"], shown["size"]) == ("building", 2)
    assert await members(segment, audience) == ["ada", "bo"]
    why = (await segment.get(f"/audiences/{audience}/members/bo")).json()
    assert (why["member"], why["why"]["event"]) == (True, ["cart.added"])
    assert {(one.customer, one.entered) for one in await said(segment, audience)} == {("bo", True)}
    await segment.advance("1h")
    await segment.settle()
    shown = (await segment.get(f"/audiences/{audience}")).json()
    assert (shown["state"], shown["size"], shown["rule_in_force"]) == ("live", len(names) + 1, rule)
    assert await members(segment, outer) == ["ada", "bo"]
    found = await said(segment)
    inside = [one for one in found if one.audience == audience]
    assert {one.customer for one in inside if not one.entered} == {"ada", "bo"}
    assert sorted(one.customer for one in inside if one.entered and one.initial) == sorted([*names, "cy"])
    assert len(inside) == len(names) + 3
    assert {one.audience for one in found} == {audience, outer}
    assert await segment.db.pool.fetchval("SELECT count(*) FROM audience WHERE audience_id LIKE '=%'") == 0
    assert await segment.db.pool.fetchval("SELECT count(*) FROM member WHERE audience_id LIKE '=%'") == 0


async def test_of_two_changes_the_latter_counts(segment: Stage) -> None:
    await segment.deliver(make.cart(customer="ada"), make.page(customer="bo"), make.completed(customer="cy"))
    audience = await create(segment, CARTED)
    await said(segment)
    await segment.patch(f"/audiences/{audience}", json={"rule": {"event": "page.viewed"}})
    await builds.advance(segment.ctx)
    answer = await segment.patch(f"/audiences/{audience}", json={"rule": {"event": "trade.completed"}})
    assert answer.json()["state"] == "building"
    assert await members(segment, audience) == ["ada"]
    await segment.settle()
    assert await members(segment, audience) == ["cy"]
    assert {one.customer for one in await said(segment, audience)} == {"ada", "cy"}


async def test_a_new_audience_around_one_that_changes_changes_with_it(segment: Stage) -> None:
    await segment.deliver(make.cart(customer="ada"), make.page(customer="bo"))
    inner = await create(segment, CARTED)
    await segment.patch(f"/audiences/{inner}", json={"rule": {"event": "page.viewed"}})
    outer = await create(segment, {"not": {"audience": inner}})
    assert (await members(segment, inner), await members(segment, outer)) == (["bo"], ["ada"])


async def test_a_circle_through_rules_that_are_still_to_hold_is_refused(segment: Stage) -> None:
    first, second = await create(segment, CARTED), await create(segment, {"event": "page.viewed"})
    await segment.patch(f"/audiences/{first}", json={"rule": {"audience": second}})
    answer = await segment.patch(f"/audiences/{second}", json={"rule": {"audience": first}})
    assert answer.status_code == 422
    assert "contain itself" in answer.text
    assert (await segment.delete(f"/audiences/{second}")).status_code == 409
    assert (await segment.delete(f"/audiences/{first}")).status_code == 204
    await segment.settle()
    assert await segment.db.pool.fetchval("SELECT count(*) FROM audience WHERE NOT recommended") == 1


async def test_what_is_to_take_a_place_is_no_audience_of_the_operators(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.patch(f"/audiences/{audience}", json={"rule": {"event": "page.viewed"}})
    assert (await segment.get(f"/audiences/={audience}")).status_code == 404
    assert [one["id"] for one in (await segment.get("/audiences")).json()["items"] if "=" in one["id"]] == []
    answer = await segment.post("/audiences", json={"name": "sly", "rule": {"audience": f"={audience}"}})
    assert answer.status_code == 422


async def test_who_changes_after_they_were_found_is_where_they_belong(segment: Stage) -> None:
    names = ["found-and-out", "found-and-told-more", "missed-and-in", "neither"]
    await segment.deliver(*(make.page(customer=name) for name in names), *(make.cart(customer=n) for n in names[:2]))
    rule = {"all": [CARTED, {"not": {"event": "trade.paid"}}]}
    audience = (await segment.post("/audiences", json={"name": "hesitating", "rule": rule})).json()["id"]
    await builds.advance(segment.ctx)
    await segment.deliver(make.page(customer=names[1], item_id="i2"))
    await segment.deliver(make.paid(customer=names[0]), make.cart(customer=names[2]))
    assert await members(segment, audience) == [names[2]]
    await segment.settle()
    assert await members(segment, audience) == names[1:3]
    assert sorted(one.customer for one in await said(segment, audience)) == names[1:3]


async def test_who_is_due_when_a_build_moves_them_loses_no_moment(segment: Stage) -> None:
    await segment.deliver(make.cart(), make.page())
    carted = await create(segment, CARTED)
    await segment.advance("11d")
    seen = (await segment.post("/audiences", json={"name": "seen", "rule": {"event": "page.viewed"}})).json()["id"]
    for _ in range(2):
        await builds.advance(segment.ctx)
    assert await members(segment, seen) == ["ada"]
    await segment.settle()
    assert await members(segment, carted) == []
    assert (await said(segment, carted))[-1] == Said("ada", carted, False, after(days=10))
