"""How large an audience will be if nothing happens."""

from typing import Any

import pytest

from segment_svc import forecasts, roster
from segment_svc.calendar import DAY
from tests import make
from tests.make import ago
from tests.segment.audience import CARTED, after, create
from tests.stage import Stage


async def forecast(segment: Stage, audience: str, **params: Any) -> dict[str, Any]:
    answer = await segment.get(f"/audiences/{audience}/forecast", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_forecast_tells_who_comes_and_who_leaves_by_itself(segment: Stage) -> None:
    await segment.deliver(make.cart(customer="ada"), make.cart(customer="bo", time=ago(days=8)))
    found = await forecast(segment, "interested", days=12)
    assert (found["size"], found["exact"]) == (1, True)
    assert [day["size"] for day in found["days"]] == [1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    assert found["days"][0] == {
        "from": "2026-11-01T16:00:00Z",
        "until": "2026-11-02T16:00:00Z",
        "size": 1,
        "error": None,
    }


async def test_what_will_happen_is_what_was_forecast(segment: Stage) -> None:
    await segment.deliver(*(make.cart(customer=f"c{n}", time=ago(hours=5 * n)) for n in range(50)))
    promised = (await forecast(segment, "interested"))["days"]
    await segment.advance("31d")
    await segment.settle()
    params = {"from": ago(days=0).isoformat(), "until": after(days=30).isoformat()}
    flow = (await segment.get("/audiences/interested/flow", params=params)).json()["items"]
    assert [day["size"] for day in promised] == [step["size"] for step in flow[:30]]


async def test_an_event_of_the_future_counts_from_its_time_on(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(make.cart(time=after(days=2)))
    assert [day["size"] for day in (await forecast(segment, audience, days=4))["days"]] == [0, 0, 1, 1]


@pytest.mark.parametrize("days", [0, 367])
async def test_a_forecast_has_a_day_at_least_and_a_year_at_most(segment: Stage, days: int) -> None:
    answer = await segment.get("/audiences/interested/forecast", params={"days": days})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "days")


async def test_in_a_large_shop_a_forecast_says_how_far_off_it_may_be(segment: Stage) -> None:
    await segment.deliver(*(make.cart(customer=f"c{n}", time=ago(days=8 if n < 30 else 0)) for n in range(100)))
    async with segment.db.transaction() as tx:
        there = (await roster.read(tx, [make.SHOP]))[make.SHOP]
        ends = [tx.us + days * DAY + 1 for days in (2, 3)]
        sums = await forecasts.summed(tx, there, "interested", ends, 100)
    change, error = forecasts.estimate(sums, 0, 1_000_000)
    assert change == -300_000
    assert 80_000 < error < 100_000
