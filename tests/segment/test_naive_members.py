"""segment-svc on its database against the naive model: members, `until`, and each skipped moment said in order."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from huitou_events import AudienceEntered, AudienceLeft, Event, ShopUpdated
from tests import make
from tests.naive import random_cases, random_rules
from tests.naive.audiences import Customer, Rule, duration, is_member, moment
from tests.naive.effort import effort
from tests.naive.facts import micros
from tests.stage import Stage

CUSTOMERS = ["ada", "bo"]

Step: TypeAlias = tuple[str, Any]

_shops = (f"shop-{number}" for number in itertools.count(1))


@dataclass
class Told:
    """What one shop was told so far, and who was heard to be in its audiences."""

    shop: str
    customers: dict[str, Customer]
    rules: dict[str, Rule] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    inside: dict[tuple[str, str], bool] = field(default_factory=dict)


@effort(40)
@given(data=st.data())
async def test_members_are_those_of_the_naive_model(data: st.DataObject, segment: Stage) -> None:
    zone = data.draw(st.sampled_from(random_cases.ZONES), "zone")
    segment.shop = next(_shops)
    told = Told(segment.shop, {name: Customer([], ZoneInfo(zone)) for name in CUSTOMERS})
    shop = ShopUpdated(timezone=zone, currency="CNY", language="zh")
    await segment.deliver(make.event(shop, shop=segment.shop, time=moment(segment.clock.at)))
    for step in data.draw(scripts(segment.shop, moment(segment.clock.at)), "steps"):
        # No two steps at one moment, so that the order of what they cause is plain.
        segment.clock.at += 1
        await take(step, told, segment)
        if data.draw(st.booleans(), "look now"):
            await compare(told, segment)
    await compare(told, segment)


@st.composite
def scripts(draw: st.DrawFn, shop: str, anchor: datetime) -> list[Step]:
    """Batches of events, audiences, tags and moves of the clock, in any order."""
    histories = [draw(random_cases.histories(name, anchor, shop=shop)) for name in CUSTOMERS]
    batches = draw(random_cases.arrivals(list(itertools.chain(*histories))))
    moves = draw(st.lists(random_cases.times(anchor), max_size=2))
    tags = st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(random_cases.TAGS), st.booleans())
    steps: list[Step] = [
        *(("deliver", batch) for batch in batches),
        *(("move", moved) for moved in moves),
        *(("tag", tag) for tag in draw(st.lists(tags, max_size=2))),
        *(("audience", name) for name in ("first", "second")),
    ]
    rules = {
        "first": draw(random_rules.rules(anchor)),
        "second": draw(random_rules.rules(anchor, audiences=["first"])),
    }
    steps = draw(st.permutations(steps))
    named = iter(rules.items())
    # The second audience may name the first, so that one has to be there before.
    return [("audience", next(named)) if kind == "audience" else (kind, what) for kind, what in steps]


async def take(step: Step, told: Told, segment: Stage) -> None:
    kind, what = step
    if kind == "deliver":
        await segment.deliver(*what)
        for name, customer in told.customers.items():
            own = [event for event in what if event.subject == name]
            told.customers[name] = replace(customer, arrived=[*customer.arrived, *own])
    elif kind == "audience":
        await add(what, told, segment)
    elif kind == "tag":
        await tag(what, told, segment)
    elif micros(what) > segment.clock.at:
        await skip(micros(what), told, segment)


async def add(audience: tuple[str, Rule], told: Told, segment: Stage) -> None:
    name, rule = audience
    answer = await segment.post("/audiences", json={"name": name, "rule": written(rule, told.ids)})
    assert answer.status_code == 201, answer.text
    told.ids[name] = answer.json()["id"]
    told.rules[name] = rule
    for who, customer in told.customers.items():
        told.customers[who] = replace(customer, audiences=told.rules)


def written(rule: Any, ids: dict[str, str]) -> Any:
    """A rule with the ids of the audiences that it names."""
    if isinstance(rule, list):
        return [written(part, ids) for part in rule]
    if not isinstance(rule, dict):
        return rule
    return {key: ids[part] if key == "audience" else written(part, ids) for key, part in rule.items()}


async def tag(given: tuple[str, str, bool], told: Told, segment: Stage) -> None:
    """A tag put on or taken off."""
    who, name, on = given
    customer = told.customers[who]
    call = segment.put if on else segment.delete
    answer = await call(f"/customers/{who}/tags/{name}")
    assert answer.is_success or (answer.status_code == 404 and not on), answer.text
    if answer.is_success:
        tags = customer.tags | {name} if on else customer.tags - {name}
        called_at = segment.clock.at if customer.called_at is None else customer.called_at
        told.customers[who] = replace(customer, tags=tags, called_at=called_at)


async def skip(now: int, told: Told, segment: Stage) -> None:
    """Moves the clock; every moment on the way at which something changes is said, with its own time, in order."""
    await compare(told, segment)
    before, segment.clock.at = segment.clock.at, now
    await segment.settle()
    said = await listen(told, segment)
    for name, audience in told.ids.items():
        for who, customer in told.customers.items():
            heard = [
                (micros(event.data.at), isinstance(event.data, AudienceEntered))
                for event in said
                if (event.data.audience_id, event.subject) == (audience, who)
            ]
            assert heard == list(changes(told.rules[name], customer, before, now)), f"{who} in {name}"


def changes(rule: Rule, customer: Customer, before: int, now: int) -> Iterator[tuple[int, bool]]:
    """When the membership changes after one moment and up to another, and to what."""
    value = is_member(rule, customer, before)
    for t in edges(customer, before, now):
        if is_member(rule, customer, t) != value:
            value = not value
            yield t, value


def edges(customer: Customer, before: int, now: int) -> list[int]:
    """All moments on the way at which anything may change: ends of windows, and midnights."""
    spans = [0, *map(duration, random_cases.WINDOWS)]
    ends = {micros(event.time) + span for event in customer.events for span in spans}
    first = moment(before).astimezone(customer.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (now - before) // duration("1d") + 3
    midnights = {micros(first + timedelta(day)) for day in range(days)}
    return sorted(t for t in ends | midnights if before < t <= now)


async def compare(told: Told, segment: Stage) -> None:
    """The API's members, their `until`, and what was said are the naive model's."""
    await segment.settle()
    await listen(told, segment)
    for name, audience in told.ids.items():
        found = (await segment.get(f"/audiences/{audience}/members")).json()["items"]
        until = {member["customer_id"]: member.get("until") for member in found}
        for who, customer in told.customers.items():
            expected = is_member(told.rules[name], customer, segment.clock.at)
            assert (who in until) == expected, f"{who} in {name}"
            assert told.inside.get((audience, who), False) == expected, f"{who} was heard of in {name}"
            if until.get(who):
                end = micros(datetime.fromisoformat(until[who]))
                assert is_member(told.rules[name], customer, end - 1)
                assert not is_member(told.rules[name], customer, end)
            elif expected:
                ahead = edges(customer, segment.clock.at, segment.clock.at + duration("400d"))
                assert all(is_member(told.rules[name], customer, t) for t in ahead[:60])
        assert (await segment.get(f"/audiences/{audience}")).json()["state"] == "live"


async def listen(told: Told, segment: Stage) -> list[Event[Any]]:
    """What was said of the shop's audiences: who enters was out, who leaves was in."""
    said = [event for event in await segment.emitted() if event.shop == told.shop]
    moved = [event for event in said if isinstance(event.data, AudienceEntered | AudienceLeft)]
    for event in moved:
        key, entered = (event.data.audience_id, event.subject), isinstance(event.data, AudienceEntered)
        assert told.inside.get(key, False) != entered
        told.inside[key] = entered
    return moved
