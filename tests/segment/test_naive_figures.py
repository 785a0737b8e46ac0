"""segment-svc's figures against those counted anew from all that arrived, in whatever order and however often."""

import random
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from huitou_events import (
    CartAdded,
    CustomerErased,
    CustomerUpdated,
    Event,
    Fact,
    ItemUpdated,
    MemberJoined,
    MembershipEnded,
    PageViewed,
    ShopFollowed,
    ShopUnfollowed,
    ShopUpdated,
    TradeClosed,
    TradeCompleted,
    TradeCreated,
    TradePaid,
    TradeRefunded,
)
from tests import make
from tests.naive.audiences import moment
from tests.naive.effort import times
from tests.naive.figures import Shop, days, discount, figures, groups, local
from tests.stage import Stage

CUSTOMERS = ["ada", "bo", "cy"]
ZONES = ["Asia/Shanghai", "America/New_York", "Pacific/Chatham"]


@pytest.mark.parametrize("seed", range(15 * times()))
async def test_figures_are_those_counted_anew(seed: int, segment: Stage) -> None:
    rng = random.Random(seed)
    now = moment(segment.clock.at)
    model = Shop()
    zone = "Asia/Shanghai"
    for batch in some_shop(rng, segment.shop, now):
        await segment.deliver(*batch)
        model.take(batch)
        if rng.random() < 0.5:
            await segment.run_job("tallies")
            await segment.run_job("sheets")
        if rng.random() < 0.2:
            await compare(segment, model, zone, rng)
        if rng.random() < 0.1:
            segment.clock.at += rng.choice([900_000_000, 86_400_000_000])
            await segment.run_job("traits")
        if rng.random() < 0.1:
            zone = rng.choice(ZONES)
            fact = ShopUpdated(timezone=zone, currency="CNY", language="zh")
            await segment.deliver(make.event(fact, shop=segment.shop, time=moment(segment.clock.at)))
    await compare(segment, model, zone, rng)


async def compare(segment: Stage, model: Shop, name: str, rng: random.Random) -> None:
    zone, now = ZoneInfo(name), segment.clock.at
    await segment.run_job("tallies")
    today = local(now, zone)
    first = today - timedelta(rng.choice([0, 1, 2, 3, 40]))
    last = min(first + timedelta(rng.choice([0, 1, 2, 3, 40])), today)
    options = {"from": first.isoformat(), "until": (last + timedelta(1)).isoformat()}
    found = (await segment.get("/overview", params=options)).json()
    bounds = days(first, last, zone)
    start, end = bounds[0][0], bounds[-1][1]
    souls = model.everybody
    same(found["total"], figures(souls, start, end, now))
    assert len(found["days"]) == len(bounds)
    for day, (begin, until) in zip(found["days"], bounds, strict=True):
        same(day, figures(souls, begin, until, now))
    splits = found["splits"]
    assert split(splits["genders"]) == groups(souls, "gender", start, end, now, zone)
    assert split(splits["ages"]) == groups(souls, "age", start, end, now, zone)
    assert split({True: splits["fans"], False: splits["others"]}) == groups(souls, "fan", start, end, now, zone)
    for region in ("city",):
        listed = (await segment.get("/figures/regions", params={**options, "by": region})).json()["items"]
        named = {one["name"]: one for one in listed}
        assert split(named) == groups(souls, region, start, end, now, zone)
    total = (await segment.get("/figures/discounts", params=options)).json()["total"]
    names = ("paid_trades", "priced_trades", "list_amount", "paid_amount")
    assert tuple(total[name] for name in names) == discount(model, start, end, now)


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if name != "dwellers":
            assert found[name] == value, name


def split(found: dict[Any, Any]) -> dict[Any, Any]:
    numbers = {name: (one["visitors"], one["buyers"], one["trades"]) for name, one in found.items()}
    return {name: counted for name, counted in numbers.items() if any(counted)}


def some_shop(rng: random.Random, shop: str, now: datetime) -> list[list[Event[Any]]]:
    """Events of a few customers and items within a few days, many of one moment or one quarter of an hour, some twice,
    in batches; erasures among them."""
    moments = [now - timedelta(days=rng.choice([0, 1, 1, 2]), seconds=rng.choice([0, 1, 899, 901])) for _ in range(5)]
    moments.append(now + timedelta(minutes=rng.choice([1, 15, 1000])))
    events = [
        make.event(fact(rng, rng.choice(CUSTOMERS)), shop=shop, time=rng.choice(moments), id=f"e{number}")
        for number in range(rng.randint(5, 50))
    ]
    for number in range(rng.randint(0, 2)):
        gone = CustomerErased(customer_id=rng.choice(CUSTOMERS))
        events.append(make.event(gone, shop=shop, time=min(rng.choice(moments), now), id=f"x{number}"))
    events += rng.sample(events, 4)
    rng.shuffle(events)
    size = rng.randint(1, 20)
    return [events[start : start + size] for start in range(0, len(events), size)]


def fact(rng: random.Random, customer: str) -> Fact:
    kind = rng.choices(["view", "trade", "updated", "standing", "cart", "price"], [8, 8, 2, 4, 1, 2])[0]
    if kind == "view":
        visit, dwell = rng.choice(["v1", "v2", None]), rng.choice([None, 0, 7, 60])
        return PageViewed(customer_id=customer, visit_id=visit, dwell_seconds=dwell)
    if kind == "trade":
        return trade(rng, customer)
    if kind == "updated":
        fields: dict[str, list[str | None]] = {
            "gender": ["female", None],
            "birthday": ["1996-11-02", "--03-01", "2099-01-01"],
            "city": ["London"],
        }
        name = rng.choice(list(fields))
        return CustomerUpdated(customer_id=customer, **{name: rng.choice(fields[name])})
    if kind == "standing":
        joined = MemberJoined(customer_id=customer, tier="vip")
        ended, followed = MembershipEnded(customer_id=customer), ShopFollowed(customer_id=customer)
        return rng.choice([joined, joined, ended, followed, ShopUnfollowed(customer_id=customer)])
    if kind == "cart":
        return CartAdded(customer_id=customer)
    return ItemUpdated(item_id=rng.choice(["i1", "i2"]), price=rng.choice([None, 0, 60, 2**53 - 1]))


def trade(rng: random.Random, customer: str) -> Fact:
    lines = tuple(
        make.line(rng.choice(["i1", "i1", "i2"]), quantity=rng.randint(0, 2)) for _ in range(rng.randint(0, 2))
    )
    named: dict[str, Any] = {"customer_id": customer, "trade_id": f"{customer}-{rng.randint(1, 3)}", "currency": "CNY"}
    amount = rng.choice([0, 50, 50, 100, 2**53 - 1])
    if rng.random() < 0.2:
        return TradeRefunded(**named, refund_id=rng.choice(["r1", "r2"]), amount=amount)
    kind = rng.choice([TradeCreated, TradePaid, TradePaid, TradeCompleted, TradeCompleted, TradeClosed])
    return kind(**named, amount=amount, items=lines)
