"""loyalty-svc against the naive model: the same members in the same tiers, however the events came."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from huitou_events import CustomerErased, Event
from loyalty_svc.verify import verify
from tests import make
from tests.naive import profile, random_cases
from tests.naive.audiences import moment
from tests.naive.effort import effort
from tests.naive.facts import micros
from tests.naive.tiers import START, Call, Tier, Version, standing_at
from tests.stage import Stage

CUSTOMERS = ["ada", "bo"]

Programme: TypeAlias = tuple[Tier, ...]
Step: TypeAlias = tuple[str, Any]

_shops = (f"shop-{number}" for number in itertools.count(1))


@dataclass
class Told:
    """What one shop's programme was told so far, and what was heard of it."""

    shop: str
    events: list[Event[Any]] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    calls: dict[str, list[Call]] = field(default_factory=lambda: {name: [] for name in CUSTOMERS})
    said: list[Event[Any]] = field(default_factory=list)


@effort(60)
@given(data=st.data())
async def test_members_are_those_of_the_naive_model(data: st.DataObject, loyalty: Stage) -> None:
    loyalty.shop = next(_shops)
    told = Told(loyalty.shop)
    for step in data.draw(scripts(loyalty.shop, moment(loyalty.clock.at)), "steps"):
        # No two steps at one moment, so that the order of what they cause is plain.
        loyalty.clock.at += 1
        await take(step, told, loyalty)
        if data.draw(st.booleans(), "look now"):
            await compare(told, loyalty)
    await compare(told, loyalty)


@st.composite
def scripts(draw: st.DrawFn, shop: str, anchor: datetime) -> list[Step]:
    """Batches of events, programmes, calls, erasures and moves of the clock, in any order."""
    histories = [draw(random_cases.histories(name, anchor, shop=shop, only_trades=True)) for name in CUSTOMERS]
    batches = draw(random_cases.arrivals(list(itertools.chain(*histories))))
    programmes = draw(st.lists(random_cases.programmes(), min_size=1, max_size=3))
    moves = draw(st.lists(random_cases.times(anchor), max_size=2))
    given = draw(st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.integers(0, 3)), max_size=1))
    steps: list[Step] = [
        *(("deliver", batch) for batch in batches),
        *(("programme", programme) for programme in programmes),
        *(("move", moved) for moved in moves),
        *(("give", gift) for gift in given),
        *draw(st.lists(st.tuples(st.sampled_from(["join", "erase"]), st.sampled_from(CUSTOMERS)), max_size=1)),
    ]
    return draw(st.permutations(steps))


async def take(step: Step, told: Told, loyalty: Stage) -> None:
    kind, what = step
    if kind == "deliver":
        await loyalty.deliver(*what)
        told.events += what
    elif kind == "move":
        loyalty.clock.at = max(loyalty.clock.at, micros(what))
    elif kind == "programme":
        answer = await loyalty.put("/programme", json=written(what))
        assert answer.is_success, answer.text
        told.versions.append(Version(loyalty.clock.at if told.versions else START, what))
    elif kind == "erase":
        fact = CustomerErased(customer_id=what)
        await take(("deliver", [make.event(fact, shop=told.shop, time=moment(loyalty.clock.at))]), told, loyalty)
        told.calls[what].clear()
    elif told.versions:
        await (give if kind == "give" else join)(what, told, loyalty)


async def give(gift: tuple[str, int], told: Told, loyalty: Stage) -> None:
    """A tier given by hand."""
    (customer, rank), tiers = gift, told.versions[-1].tiers
    tier = tiers[min(rank, len(tiers) - 1)].key
    await loyalty.settle()
    # Later than what the jobs have just said.
    loyalty.clock.at += 1
    answer = await loyalty.put(f"/members/{customer}/tier", json={"tier": tier, "reason": "a test"})
    assert answer.is_success, answer.text
    told.calls[customer].append(Call(loyalty.clock.at, tier))


async def join(customer: str, told: Told, loyalty: Stage) -> None:
    """A joining by request; a member stays what they are."""
    await loyalty.settle()
    answer = await loyalty.post("/members", json={"customer_id": customer})
    assert answer.is_success or answer.status_code == 409, answer.text
    told.calls[customer].append(Call(loyalty.clock.at))


def written(programme: Programme) -> dict[str, Any]:
    """A programme as the API takes it."""
    tiers = []
    for tier in programme:
        thresholds = {"amount": tier.amount, "trades": tier.trades}
        known = {name: value for name, value in thresholds.items() if value is not None}
        tiers.append({"key": tier.key, "name": tier.key.title(), "discount": 95, **known})
    return {"tiers": tiers, "joining": "on_payment", "mode": {"kind": "official"}}


async def compare(told: Told, loyalty: Stage) -> None:
    """The API's members, and those that the service's events speak of, are the naive model's."""
    await loyalty.settle()
    assert await verify(loyalty.ctx, told.shop, None) == []
    told.said += [event for event in await loyalty.emitted() if event.shop == told.shop]
    for customer in CUSTOMERS:
        events = [event for event in told.events if event.data.subject == customer]
        expected = standing_at(events, told.versions, told.calls[customer], loyalty.clock.at)
        answer = await loyalty.get(f"/members/{customer}")
        heard = profile.tier([event for event in told.said if event.subject == customer], loyalty.clock.at)
        assert heard == expected.tier
        if expected.joined_at is None:
            assert answer.status_code == 404, answer.text
        else:
            found = answer.json()
            joined_at = micros(datetime.fromisoformat(found["joined_at"]))
            assert (joined_at, found["tier"]["key"], found["amount"], found["trades"]) == expected
