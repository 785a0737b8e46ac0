"""A shop in another time zone: audiences go by the days of the old one until their members by the new one are found."""

import itertools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitou_events import CustomerUpdated, Event, PageViewed, ShopUpdated, micros, moment
from segment_svc import builds
from tests import make
from tests.make import NOW
from tests.naive import random_cases, random_rules
from tests.naive.audiences import Customer, Rule, duration, evaluate, is_member
from tests.naive.effort import effort
from tests.segment.audience import CARTED, create, listed, members, said
from tests.segment.told import Step, Told, changes
from tests.stage import Stage

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"
TWENTY = {"attribute": "age", "in": [20]}
CUSTOMERS = ["ada", "bo"]
KEPT = f"#{random_cases.TAGS[0]}"

FAR = duration("40d")

_shops = (f"zoned-{number}" for number in itertools.count(1))


def turning_twenty(customer: str) -> Event[Any]:
    """Noon of the birthday in Shanghai is eleven at night of the day before in New York."""
    return make.event(CustomerUpdated(customer_id=customer, birthday="2006-11-02"))


async def move(segment: Stage, zone: str) -> None:
    await segment.deliver(make.event(ShopUpdated(timezone=zone, currency="CNY", language="zh")))


async def shown(segment: Stage, audience: str) -> tuple[str, str]:
    answer = (await segment.get(f"/audiences/{audience}")).json()
    return answer["state"], answer["timezone_in_force"]


async def test_audiences_that_go_by_days_are_built_by_those_of_another_zone_and_no_other(segment: Stage) -> None:
    await segment.deliver(make.cart())
    grown = await create(segment, {"attribute": "age", "at_least": 18})
    around, carted = await create(segment, {"not": {"audience": grown}}), await create(segment, CARTED)
    await move(segment, NEW_YORK)
    assert [await shown(segment, one) for one in (grown, around)] == [("building", SHANGHAI)] * 2
    assert await shown(segment, carted) == ("live", NEW_YORK)
    await segment.settle()
    assert await shown(segment, grown) == ("live", NEW_YORK)
    assert (await members(segment, around), await members(segment, carted)) == (["ada"], ["ada"])


async def test_members_and_why_go_by_the_old_zone_until_all_by_the_new_one_are_found(
    segment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "LOOKED_AT", 100)
    names = [f"c{number:04}" for number in range(builds.LOOKED_AT + 10)]
    await segment.deliver(turning_twenty("ada"), *(make.page(customer=name) for name in names))
    audience = await create(segment, TWENTY)
    await said(segment)
    await move(segment, NEW_YORK)
    await builds.advance(segment.ctx)
    await builds.advance(segment.ctx)
    await segment.deliver(turning_twenty("bo"))
    assert await members(segment, audience) == ["ada", "bo"]
    found = (await segment.get(f"/audiences/{audience}/members/bo")).json()
    assert (found["member"], found["why"]["measured"]) == (True, 20)
    assert found["until"] == found["why"]["until"] == "2027-11-01T16:00:00Z"
    assert [(one.customer, one.entered) for one in await said(segment)] == [("bo", True)]
    await segment.settle()
    assert await listed(segment, audience) == []
    why = (await segment.get(f"/audiences/{audience}/members/bo")).json()["why"]
    assert (why["measured"], why["until"]) == (19, "2026-11-02T05:00:00Z")
    assert sorted((one.customer, one.entered, one.at) for one in await said(segment)) == [
        ("ada", False, NOW),
        ("bo", False, NOW),
    ]


async def test_a_shop_that_is_back_before_has_nothing_to_build(segment: Stage) -> None:
    await segment.deliver(turning_twenty("ada"))
    audience = await create(segment, TWENTY)
    await said(segment)
    await move(segment, NEW_YORK)
    await builds.advance(segment.ctx)
    await move(segment, SHANGHAI)
    assert await shown(segment, audience) == ("live", SHANGHAI)
    await segment.settle()
    assert (await members(segment, audience), await said(segment)) == (["ada"], [])
    assert await segment.db.pool.fetchval("SELECT count(*) FROM audience WHERE audience_id LIKE '=%'") == 0
    assert await segment.db.pool.fetchval("SELECT count(*) FROM member WHERE audience_id LIKE '=%'") == 0


async def test_of_two_moves_the_zone_before_the_first_holds_until_the_second_does(segment: Stage) -> None:
    audience = await create(segment, TWENTY)
    await move(segment, NEW_YORK)
    await builds.advance(segment.ctx)
    await move(segment, "Pacific/Chatham")
    assert await shown(segment, audience) == ("building", SHANGHAI)
    await segment.settle()
    assert await shown(segment, audience) == ("live", "Pacific/Chatham")


async def test_a_new_audience_goes_by_the_new_zone_and_those_inside_it_by_theirs(segment: Stage) -> None:
    await segment.deliver(turning_twenty("ada"), make.page(customer="bo"))
    inner = await create(segment, TWENTY)
    await move(segment, NEW_YORK)
    outer, own = [
        (await segment.post("/audiences", json={"name": "new", "rule": rule})).json()["id"]
        for rule in ({"audience": inner}, {"any": [TWENTY, {"event": "page.viewed"}]})
    ]
    await builds.advance(segment.ctx)
    await builds.advance(segment.ctx)
    assert await members(segment, outer) == await members(segment, inner) == ["ada"]
    assert await members(segment, own) == ["bo"]
    await segment.settle()
    assert [await members(segment, one) for one in (inner, outer, own)] == [[], [], ["bo"]]


async def test_an_audience_that_is_being_built_when_the_shop_moves_is_found_by_the_new_zone(segment: Stage) -> None:
    await segment.deliver(turning_twenty("ada"), make.page(customer="bo"))
    answer = await segment.post("/audiences", json={"name": "new", "rule": {"not": TWENTY}})
    await builds.advance(segment.ctx)
    await move(segment, NEW_YORK)
    await segment.settle()
    audience = answer.json()["id"]
    assert await shown(segment, audience) == ("live", NEW_YORK)
    assert await members(segment, audience) == ["ada", "bo"]
    assert sorted(one.customer for one in await said(segment, audience)) == ["ada", "bo"]


@effort(20)
@given(data=st.data())
async def test_members_are_those_of_the_rule_and_the_zone_in_force(data: st.DataObject, segment: Stage) -> None:
    segment.shop = next(_shops)
    now = moment(segment.clock.at)
    zone = data.draw(st.sampled_from(random_cases.ZONES), "zone")
    told = Told(segment, {name: Customer([], ZoneInfo(zone)) for name in CUSTOMERS})
    await told.zone(zone)
    await told.keep((KEPT[1:], data.draw(by_days(now), "the tag's rule")))
    await told.audience(("first", data.draw(rules(now), "first")))
    await told.audience(("second", data.draw(rules(now, "first"), "second")))
    await told.deliver(data.draw(st.lists(deeds(segment.shop, now), min_size=4, max_size=8), "deeds"))
    await told.compare()
    change = InForce(told)
    for step in data.draw(scripts(segment.shop, now), "steps"):
        segment.clock.at += 1
        await change.take(step)
        await change.compare()
    await told.compare()
    for audience in told.ids.values():
        assert await shown(segment, audience) == ("live", told.customers["ada"].zone.key)


def by_days(now: datetime) -> st.SearchStrategy[Rule]:
    """Rules that turn at midnights of these days."""
    seen: Rule = {"event": ["page.viewed", "cart.added"]}
    some: list[Rule] = [
        {"attribute": "age", "at_least": now.year - 2000},
        {"birthday": {"within_next": "0d"}},
        {"birthday": {"within_next": "1d", "calendar": "lunar"}},
        *(seen | {"days": {"at_least": least}} for least in (2, 3)),
        seen | {"days": {"at_most": 1}, "within": "1d"},
    ]
    return st.sampled_from([*some, *({"not": one} for one in some)])


def rules(now: datetime, *audiences: str) -> st.SearchStrategy[Rule]:
    """Such rules, others, and audiences and a tag inside."""
    others = random_rules.rules(now, audiences=audiences).filter(lambda rule: KEPT[1:] not in str(rule))
    inside: list[Rule] = [{"tag": KEPT[1:]}, *({"audience": name} for name in audiences)]
    around = st.tuples(st.sampled_from(inside), by_days(now), st.sampled_from(["all", "any"]))
    return st.one_of(by_days(now), by_days(now), around.map(lambda parts: {parts[2]: list(parts[:2])}), others)


def deeds(shop: str, now: datetime) -> st.SearchStrategy[Event[Any]]:
    """Birthdays around now, and what is done in the hours around midnights."""
    at = st.integers(0, 40).map(lambda hours: now - timedelta(hours=hours))
    return st.tuples(st.sampled_from(CUSTOMERS), st.integers(-1, 2), at, st.sampled_from([True, True, False])).map(
        lambda drawn: make.event(
            PageViewed(customer_id=drawn[0])
            if drawn[3]
            else CustomerUpdated(customer_id=drawn[0], birthday=f"2000-{now + timedelta(drawn[1]):%m-%d}"),
            shop=shop,
            time=drawn[2],
        )
    )


@st.composite
def scripts(draw: st.DrawFn, shop: str, now: datetime) -> list[Step]:
    """Events, zones, rules and moves of the clock, with a few pieces of the builds between them."""
    zones = st.tuples(st.just("zone"), st.sampled_from(random_cases.ZONES))
    others: st.SearchStrategy[Step] = st.one_of(
        zones,
        st.tuples(st.just("deliver"), st.lists(deeds(shop, now), min_size=1, max_size=2)),
        st.tuples(st.just("deliver"), st.lists(deeds(shop, now), min_size=1, max_size=2)),
        st.tuples(st.just("audience"), st.tuples(st.just("first"), rules(now))),
        st.tuples(st.just("build"), st.integers(1, 2)),
        st.tuples(st.just("move"), st.integers(1, 12).map(lambda hours: timedelta(hours=hours))),
    )
    return [draw(zones), *draw(st.lists(others, min_size=2, max_size=8))]


@dataclass
class InForce:
    """A shop whose builds are not waited for, held against what the API says is in force."""

    told: Told

    async def take(self, step: Step) -> None:
        stage = self.told.stage
        if step[0] == "move":
            stage.clock.at += step[1] // timedelta(microseconds=1)
        else:
            await self.told.take(step)
        await stage.run_job("due")
        await self.told.listen(traced=False)

    async def compare(self) -> None:
        """Members, until and why are the naive model's by the rule and the zone in force."""
        stage, now = self.told.stage, self.told.stage.clock.at
        answers = [(await stage.get(f"/audiences/{audience}")).json() for audience in self.told.ids.values()]
        holding = {one["id"]: one["rule_in_force"] for one in answers} | {KEPT: self.told.rules[KEPT]}
        for one in answers:
            found = {member["customer_id"]: member["until"] for member in await listed(stage, one["id"])}
            assert one["size"] == len(found)
            for who, told in self.told.customers.items():
                customer = replace(told, zone=ZoneInfo(one["timezone_in_force"]), audiences=holding)
                assert (who in found) == is_member(one["rule_in_force"], customer, now), f"{who} in {one}"
                await self._explain(one, customer, who, found.get(who))

    async def _explain(self, audience: dict[str, Any], customer: Customer, who: str, until: str | None) -> None:
        now, rule = self.told.stage.clock.at, audience["rule_in_force"]
        answer = await self.told.stage.get(f"/audiences/{audience['id']}/members/{who}")
        if answer.status_code == 404:
            return
        assert answer.json()["why"]["value"] == evaluate(rule, customer, now)
        if until is not None:
            end = micros(datetime.fromisoformat(until))
            turns = [at for at, _ in changes(rule, customer, now, min(end, now + FAR))]
            assert turns == ([end] if end <= now + FAR else [])
