"""An audience seen from above."""

import random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from huitou_events import MemberJoined
from segment_svc import explain
from segment_svc.nodes import Attribute, Known
from segment_svc.people import People
from segment_svc.portraits import ATTRIBUTES, portrait
from segment_svc.view import View
from tests import make
from tests.make import ago
from tests.segment import chance
from tests.segment.audience import CARTED, create
from tests.segment.test_evaluate import person_of
from tests.stage import Stage


async def insight(segment: Stage, audience: str) -> dict[str, Any]:
    answer = await segment.get(f"/audiences/{audience}/insight")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_insight_holds_an_audience_against_the_shop(segment: Stage) -> None:
    await segment.deliver(
        make.customer("ada", gender="female"),
        make.completed(customer="ada", trade="t1", amount=300, time=ago(days=1)),
        make.completed(customer="bo", trade="t2", amount=100),
        make.completed(customer="bo", trade="t3", amount=50),
        make.refunded(customer="bo", trade="t3", amount=20),
        make.page(customer="cy"),
    )
    found = await insight(segment, "new-customers")
    assert found["size"] == 1
    assert {name: found["audience"][name] for name in ("customers", "genders", "trading", "trades", "amount")} == {
        "customers": 1,
        "genders": {"female": 1, "male": 0, "unknown": 0},
        "trading": 1,
        "trades": 1,
        "amount": 300,
    }
    assert found["audience"]["average_order_value"] == 300
    assert (found["shop"]["customers"], found["shop"]["genders"]["unknown"], found["shop"]["amount"]) == (3, 2, 430)


async def test_insight_splits_by_age_and_region(segment: Stage) -> None:
    birthdays = ("2008-11-02", "2008-11-03", "1996-02-29", "--05-05", "1900-01-01")
    await segment.deliver(
        *(
            make.customer(f"c{number}", birthday=birthday, country="CN", city="Hangzhou" if number else None)
            for number, birthday in enumerate(birthdays)
        ),
        *(make.customer(f"x{number}", country=f"X{number:02}") for number in range(12)),
    )
    everybody = await create(segment, {"not": {"tag": "nobody"}})
    found = await insight(segment, everybody)
    assert found["audience"] == found["shop"]
    assert {band: number for band, number in found["shop"]["ages"].items() if number} == {
        "0-17": 1,
        "18-24": 1,
        "30-34": 1,
        "60+": 1,
        "unknown": 13,
    }
    country = found["shop"]["regions"]["country"]
    assert country["top"][:2] == [{"name": "CN", "customers": 5}, {"name": "X00", "customers": 1}]
    assert (len(country["top"]), country["rest"], country["unknown"]) == (10, 3, 0)
    assert found["shop"]["regions"]["city"] == {
        "top": [{"name": "Hangzhou", "customers": 4}],
        "rest": 0,
        "unknown": 13,
    }
    assert found["shop"]["regions"]["province"] == {"top": [], "rest": 0, "unknown": 17}


async def test_conversion_is_buyers_by_visitors_of_the_last_30_days(segment: Stage) -> None:
    await segment.deliver(
        *(make.page(customer=name, time=ago(days=days)) for name, days in (("ada", 1), ("bo", 29), ("cy", 30))),
        make.paid(customer="ada", trade="t1", time=ago(days=2)),
        make.completed(customer="ada", trade="t1"),
        make.paid(customer="bo", trade="t2", time=ago(days=30)),
        make.paid(customer="cy", trade="t3"),
        make.refunded(customer="cy", trade="t3", amount=100),
    )
    shop = (await insight(segment, "interested"))["shop"]
    assert (shop["visitors"], shop["buyers"], shop["conversion"]) == (2, 1, 0.5)
    nobody = (await insight(segment, "interested"))["audience"]
    assert (nobody["visitors"], nobody["conversion"]) == (0, None)


async def test_insight_shows_members_with_their_trades_and_the_sizes_before(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(
        *(make.event(MemberJoined(customer_id=name, tier="vip")) for name in ("ada", "bo")),
        *(make.cart(customer=name) for name in ("ada", "bo")),
        make.completed(customer="ada", amount=300),
        make.completed(customer="cy", trade="t2"),
    )
    await segment.advance("2h")
    found = await insight(segment, audience)
    assert found["audience"]["members"] == {
        "customers": 2,
        "trading": 1,
        "trades": 1,
        "amount": 300,
        "average_order_value": 300,
    }
    assert [(step["entered"], step["size"]) for step in found["by_hour"]] == [(2, 2), (0, 2), (0, 2)]
    assert [(step["entered"], step["size"]) for step in found["by_day"]] == [(2, 2)]


@pytest.mark.parametrize("seed", range(4))
def test_a_portrait_of_many_is_what_is_told_of_each(seed: int) -> None:
    rng = random.Random(seed)
    zone = ZoneInfo(rng.choice(["Asia/Shanghai", "America/New_York"]))
    persons = [person_of(chance.customer(rng, zone)) for _ in range(15)]
    columns = portrait(View(People.of(persons, zone), np.full(len(persons), chance.NOW)))
    for place, person in enumerate(persons):
        for name in ATTRIBUTES:
            told = explain.why(Attribute(name, Known(True)), person, zone, chance.NOW).get("measured")
            assert columns[name][place] == told, name
