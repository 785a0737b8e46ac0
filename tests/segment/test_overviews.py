"""A shop's figures over a period."""

import asyncio
from typing import Any

from huitou_events import CustomerErased, MemberJoined, MembershipEnded, ShopFollowed
from segment_svc import tallies
from tests import make, waiting
from tests.make import ago
from tests.segment.audience import after
from tests.stage import Stage


async def overview(segment: Stage, **options: str) -> dict[str, Any]:
    await segment.run_job("tallies")
    answer = await segment.get("/overview", params=options)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def some(figures: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(figures[name] for name in names)


async def test_visitors_are_counted_once_and_a_visit_of_one_page_bounces(segment: Stage) -> None:
    view = make.page(visit_id="v1", dwell_seconds=30)
    await segment.deliver(
        view,
        view,
        make.page(visit_id="v1", dwell_seconds=60),
        make.page(visit_id="v2", time=ago(days=1)),
        make.page(customer="bo", visit_id="v1"),
        make.page(customer="bo"),
        make.cart(customer="cy"),
    )
    found = await overview(segment)
    assert some(found["total"], "visitors", "page_views", "visits", "bounces", "bounce_rate") == (2, 5, 3, 2, 0.6667)
    assert some(found["total"], "page_views_per_visitor", "dwell_seconds", "average_dwell_seconds") == (2.5, 90, 90.0)
    assert (len(found["days"]), found["days"][-1]["date"], found["days"][-1]["until"]) == (
        30,
        "2026-11-02",
        "2026-11-02T16:00:00Z",
    )
    assert [some(day, "visitors", "visits", "bounces") for day in found["days"][-2:]] == [(1, 1, 1), (2, 2, 1)]


async def test_buyers_paid_and_customers_who_trade_completed(segment: Stage) -> None:
    await segment.deliver(
        make.page(),
        make.page(customer="cy"),
        make.paid(trade="t1", amount=300, time=ago(days=2)),
        make.completed(trade="t1", amount=300),
        make.refunded(trade="t1", amount=50),
        make.paid(customer="bo", trade="t2", time=ago(days=2)),
        make.closed(customer="bo", trade="t2", time=ago(days=1)),
        make.paid(customer="cy", trade="t3", amount=80),
        make.completed(customer="cy", trade="t4", amount=20, time=ago(days=1)),
        make.refunded(customer="cy", trade="t4", amount=20),
    )
    found = await overview(segment)
    assert some(found["total"], "buyers", "paid_trades", "paid_amount", "conversion") == (2, 2, 330, 1.0)
    assert some(found["total"], "trading_customers", "trades", "amount", "average_order_value") == (1, 1, 250, 250)
    by_day = [some(day, "buyers", "paid_amount", "trading_customers", "amount") for day in found["days"][-3:]]
    assert by_day == [(1, 250, 0, 0), (0, 0, 0, 0), (1, 80, 1, 250)]


async def test_a_period_has_whole_days_of_the_shop_s_calendar(segment: Stage) -> None:
    await segment.deliver(make.page(time=ago(hours=13)), make.page(customer="bo", time=ago(hours=11)))
    found = await overview(segment, **{"from": "2026-11-01", "until": "2026-11-02"})
    assert some(found, "from", "until", "timezone") == (
        "2026-10-31T16:00:00Z",
        "2026-11-01T16:00:00Z",
        "Asia/Shanghai",
    )
    assert (found["total"]["visitors"], len(found["days"])) == (1, 1)
    found = await overview(segment, **{"from": "2026-11-01T12:00:00Z", "until": "2026-11-01T16:00:00.5Z"})
    assert [day["visitors"] for day in found["days"]] == [1, 1]


async def test_a_period_that_is_none_is_refused_with_its_field(segment: Stage) -> None:
    for options, field in (
        ({"from": "yesterday"}, "from"),
        ({"until": "2026-02-30"}, "until"),
        ({"from": "2026-11-04"}, "from"),
        ({"from": "9999-12-31T23:59:59Z"}, "from"),
        ({"from": "2026-11-01", "until": "2026-11-01"}, "until"),
        ({"from": "2024-10-31", "until": "2026-11-01T16:00:01Z"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"until": "0001-01-01"}, "until"),
        ({"until": "2026-11-02 04:00"}, "until"),
    ):
        answer = await segment.get("/overview", params=options)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), options
    for options in ({"from": "2024-11-01", "until": "2026-11-02"}, {"until": "1970-01-02"}, {"until": "9999-12-31"}):
        assert (await segment.get("/overview", params=options)).status_code == 200


async def test_totals_stay_when_a_customer_is_erased_and_nobody_s_they_are(segment: Stage) -> None:
    await segment.deliver(
        make.page(visit_id="v1", dwell_seconds=9, time=ago(days=1)),
        make.page(customer="bo", visit_id="v1"),
        make.paid(trade="t1", time=ago(days=1)),
        make.refunded(trade="t1", amount=10, time=ago(hours=3)),
    )
    before = await overview(segment)
    await segment.deliver(make.page(visit_id="v2", time=ago(hours=2)))
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=ago(hours=1)))
    later = await overview(segment)
    assert some(later["total"], "visitors", "visits", "page_views", "buyers", "paid_amount") == (2, 3, 3, 1, 90)
    assert later["days"][:-1] == before["days"][:-1]
    numbers = {row[0] for row in await segment.db.pool.fetch("SELECT who FROM customer")}
    kept = await segment.db.pool.fetch("SELECT who, trade_id, event_id, at FROM deed")
    assert len(kept) == 2
    for who, trade, event, at in kept:
        assert who not in numbers and trade != "t1" and len(event) == 10 and at % 900_000_000 == 0
    await segment.deliver(make.page(visit_id="v1", time=ago(days=1)), make.page(visit_id="v1"))
    assert some((await overview(segment))["total"], "visitors", "visits", "page_views") == (3, 4, 4)


async def test_after_a_late_erasure_later_facts_are_those_of_one_new_person(segment: Stage) -> None:
    await segment.deliver(
        make.page(visit_id="v1", time=ago(days=2)),
        make.page(visit_id="v2"),
        make.paid(trade="t1", amount=70, time=ago(days=2)),
        make.completed(trade="t1", amount=70),
    )
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=ago(days=1)))
    await segment.deliver(make.page(visit_id="v2"), make.paid(trade="t1", amount=70, id="again"))
    found = await overview(segment)
    by_day = [some(day, "visitors", "visits", "bounces") for day in found["days"][-3:]]
    assert by_day == [(1, 1, 1), (0, 0, 0), (1, 1, 0)]
    assert some(found["total"], "visitors", "buyers", "paid_trades", "trading_customers") == (2, 2, 2, 1)


async def test_visitors_are_split_by_gender_age_fans_and_region(segment: Stage) -> None:
    await segment.deliver(
        make.customer("ada", gender="female", birthday="1996-11-03", country="CN", city="Hangzhou"),
        make.customer("bo", gender="unknown", birthday="--05-05", country="CN"),
        make.event(ShopFollowed(customer_id="ada")),
        *(make.page(customer=name) for name in ("ada", "ada", "bo", "cy")),
        make.completed(customer="ada", amount=300),
        make.completed(customer="di", trade="t2", amount=50),
    )
    found = (await overview(segment))["splits"]
    parts = {name: some(one, "visitors", "share", "buyers") for name, one in found["genders"].items()}
    assert parts == {"female": (1, 0.3333, 1), "male": (0, 0.0, 0), "unknown": (2, 0.6667, 1)}
    assert {name: one["visitors"] for name, one in found["ages"].items() if one["buyers"] or one["visitors"]} == {
        "25-29": 1,
        "unknown": 2,
    }
    fans = some(found["fans"], "visitors", "conversion", "average_order_value", "genders")
    assert fans == (1, 1.0, 300, {"female": 1, "male": 0, "unknown": 0})
    assert some(found["others"], "visitors", "buyers", "conversion", "average_order_value") == (2, 1, 0.5, 50)
    country = found["regions"]["country"]
    assert [some(one, "name", "visitors", "buyers") for one in country["top"]] == [("CN", 2, 1)]
    assert (country["rest"], country["unknown"], found["regions"]["city"]["unknown"]) == (0, 1, 2)


async def test_members_are_those_of_the_day_and_stay_members_of_it(segment: Stage) -> None:
    await segment.deliver(
        make.event(MemberJoined(customer_id="ada", tier="vip"), time=ago(days=3)),
        make.event(MembershipEnded(customer_id="ada"), time=ago(days=1)),
        make.event(MemberJoined(customer_id="bo", tier="vip"), time=ago(hours=1)),
        make.completed(trade="t1", amount=10, time=ago(days=4)),
        make.completed(trade="t2", amount=20, time=ago(days=2)),
        make.completed(trade="t3", amount=40),
        make.completed(customer="bo", trade="t4", amount=80),
        make.page(customer="cy"),
    )
    names = ("members", "active_members", "member_activity", "member_trades", "member_amount")
    found = await overview(segment)
    assert some(found["total"], *names) == (2, 2, 1.0, 2, 100)
    assert [some(day, *names) for day in found["days"][-5:]] == [
        (0, 0, None, 0, 0),
        (1, 0, 0.0, 0, 0),
        (1, 1, 1.0, 1, 20),
        (1, 0, 0.0, 0, 0),
        (1, 1, 1.0, 1, 80),
    ]
    await segment.deliver(make.event(CustomerErased(customer_id="ada")), make.event(CustomerErased(customer_id="bo")))
    later = await overview(segment)
    assert (later["total"], later["days"]) == (found["total"], found["days"])
    assert await segment.db.pool.fetchval("SELECT count(*) FROM trait WHERE customer_id IS NOT NULL") == 0


async def test_what_is_announced_of_a_customer_holds_from_its_moment_on(segment: Stage) -> None:
    await segment.deliver(make.page(), make.customer(gender="female", time=after(hours=1)))
    await segment.run_job("traits")
    assert (await overview(segment))["splits"]["genders"]["female"]["visitors"] == 0
    await segment.advance("1h")
    await segment.run_job("traits")
    assert (await overview(segment))["splits"]["genders"]["female"]["visitors"] == 1


async def test_counting_that_is_broken_off_or_done_by_two_counts_each_fact_once(segment: Stage) -> None:
    await segment.deliver(*(make.page(customer=f"c{number % 7}", visit_id="v") for number in range(50)))
    async with segment.db.transaction() as tx:
        await tx.execute("LOCK TABLE act")
        broken_off = asyncio.create_task(tallies.count(segment.ctx))

        async def waits() -> bool:
            found = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'act'::regclass)"
            return bool(await tx.fetchval(found))

        await waiting.until(waits)
        broken_off.cancel()
        await asyncio.wait([broken_off])
    assert await segment.db.pool.fetchval("SELECT count(*) FROM uncounted") == 50
    await asyncio.gather(*(tallies.count(segment.ctx) for _ in range(2)))
    found = await overview(segment)
    assert some(found["total"], "visitors", "page_views", "visits", "bounces") == (7, 50, 7, 0)
