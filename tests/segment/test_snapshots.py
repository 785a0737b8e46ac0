"""What customers are in the whole shop: scores and levels of the latest snapshot, and the audiences that read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from huitou_events import CustomerErased, Event, micros
from segment_svc import publications, schedules, scores
from segment_svc.segments import SEGMENTS
from segment_svc.verify import verify
from tests import make
from tests.make import NOW, SHOP, ago
from tests.segment.audience import Said, after, create, members, moment, said
from tests.stage import Stage

BEST = {"rfm": {"recency": [4, 5], "monetary": [4, 5]}}
HOURS = 3_600_000_000


async def snapshot(segment: Stage) -> dict[str, Any]:
    """A new snapshot as it is published."""
    assert (await segment.post("/snapshots")).status_code == 202
    await segment.run_job("snapshots")
    found: dict[str, Any] = (await segment.get("/rfm")).json()
    return found


def bought(*amounts: int) -> list[Event[Any]]:
    """One trade each of c0, c1, …, the first the longest ago."""
    return [
        make.completed(customer=f"c{n}", trade=f"t{n}", amount=amount, time=ago(days=len(amounts) - n))
        for n, amount in enumerate(amounts)
    ]


async def attributes(segment: Stage, customer: str) -> dict[str, Any]:
    found: dict[str, Any] = (await segment.get(f"/customers/{customer}")).json()["attributes"]
    return found


async def test_a_snapshot_moves_customers_in_and_out_at_the_moment_it_is_published(segment: Stage) -> None:
    await segment.deliver(*bought(100, 200, 300, 400, 500))
    audience = await create(segment, BEST)
    assert await members(segment, audience) == []
    await segment.advance("1h")
    found = await snapshot(segment)
    assert (found["version"], moment(found["published_at"]), found["customers"]) == (1, after(hours=1), 5)
    assert await said(segment, audience) == [Said(f"c{n}", audience, True, after(hours=1)) for n in (3, 4)]
    await segment.advance("1h")
    await segment.deliver(make.completed(customer="c0", trade="big", amount=9_000, time=after(hours=2)))
    assert await said(segment, audience) == []
    assert (await snapshot(segment))["version"] == 2
    assert await said(segment, audience) == [
        Said("c0", audience, True, after(hours=2)),
        Said("c3", audience, False, after(hours=2)),
    ]
    why = (await segment.get(f"/audiences/{audience}/members/c0")).json()["why"]
    assert (why["value"], why["measured"]) == (True, {"recency": 5, "monetary": 5})
    assert (why["snapshot"]["version"], moment(why["snapshot"]["published_at"])) == (2, after(hours=2))
    assert await verify(segment.ctx, SHOP, None) == []


async def test_who_comes_after_the_snapshot_has_no_scores_and_passes_no_comparison(segment: Stage) -> None:
    await segment.deliver(*bought(100, 200))
    low, unknown = {"attribute": "consumption_level", "at_least": 1}, {"attribute": "consumption_level", "known": False}
    first, second = await create(segment, low), await create(segment, unknown)
    await snapshot(segment)
    await segment.deliver(make.completed(customer="zoe", trade="late"), make.page(customer="yan"))
    assert (await members(segment, first), await members(segment, second)) == (["c0", "c1"], ["yan", "zoe"])
    assert (await attributes(segment, "zoe"))["consumption_level"] is None
    assert (await attributes(segment, "c1"))["consumption_level"] == 3
    assert (await segment.get("/customers/c1")).json()["rfm"] == {"recency": 3, "frequency": 1, "monetary": 3}
    assert (await segment.get("/customers/zoe")).json()["rfm"] == dict.fromkeys(("recency", "frequency", "monetary"))


async def test_scores_that_differ_from_those_published_are_found(segment: Stage) -> None:
    await segment.deliver(*bought(100, 200))
    await snapshot(segment)
    assert await verify(segment.ctx, SHOP, None) == []
    await segment.db.pool.execute("UPDATE score SET scores[1] = 5 WHERE customer_id = 'c0'")
    (difference,) = await verify(segment.ctx, SHOP, None)
    assert difference.startswith("s1: c0 has the scores [1, 1, 1, 1, ")


async def test_a_customer_seen_after_the_publication_is_found_when_their_chunk_comes(segment: Stage) -> None:
    await segment.deliver(*bought(100, 200, 300, 400, 500))
    audience = await create(segment, BEST)
    await segment.post("/snapshots")
    await publications.advance(segment.ctx)
    await segment.advance("1m")
    await segment.deliver(make.completed(customer="c4", trade="next", time=after(minutes=1)))
    await segment.run_job("snapshots")
    assert await said(segment, audience) == [
        Said("c3", audience, True, NOW),
        Said("c4", audience, True, after(minutes=1)),
    ]


async def test_all_trades_refunded_takes_the_scores_away(segment: Stage) -> None:
    await segment.deliver(*bought(100, 200))
    audience = await create(segment, {"rfm": {"frequency": [1]}})
    await snapshot(segment)
    assert await members(segment, audience) == ["c0", "c1"]
    await segment.deliver(make.refunded(customer="c0", trade="t0", amount=100))
    assert (await snapshot(segment))["customers"] == 1
    assert await members(segment, audience) == ["c1"]


async def test_the_scores_of_an_erased_customer_are_gone_also_those_under_way(segment: Stage) -> None:
    await segment.deliver(*bought(100, 200))
    audience = await create(segment, {"rfm": {"frequency": [1]}})
    await snapshot(segment)
    await segment.deliver(make.completed(customer="c1", trade="more"), make.completed(customer="c0", trade="more"))
    await segment.post("/snapshots")
    await publications.advance(segment.ctx)
    await segment.deliver(make.event(CustomerErased(customer_id="c1"), time=NOW))
    await segment.run_job("snapshots")
    assert await members(segment, audience) == ["c0"]
    for table in ("score", "score_change", "history"):
        query = f"SELECT count(*) FROM {table} WHERE customer_id = 'c1'"
        assert await segment.db.pool.fetchval(query) == 0, table
    assert (await snapshot(segment))["customers"] == 1
    assert await verify(segment.ctx, SHOP, None) == []


async def test_scores_and_levels_are_those_of_the_naive_model(segment: Stage) -> None:
    rng, now = Random(7), micros(NOW)
    trades = [
        (f"c{rng.randint(0, 17)}", f"t{n}", rng.choice([0, 50, 100, 300]), rng.randint(-1, 300)) for n in range(60)
    ]
    events = [make.completed(customer=who, trade=t, amount=n, time=ago(days=days)) for who, t, n, days in trades]
    backs = [
        (who, trade, rng.choice([amount, 50]), rng.randint(-1, 300)) for who, trade, amount, _ in rng.sample(trades, 25)
    ]
    events += [
        make.refunded(customer=who, trade=trade, amount=amount, time=ago(days=days))
        for who, trade, amount, days in backs
    ]
    rng.shuffle(events)
    await segment.deliver(*events)
    await segment.put("/loyalty-levels", json={"levels": [{"trades": n, "amount": 60 * n} for n in (0, 1, 2, 3, 4)]})
    await snapshot(segment)
    expected = naive([event for event in events if event.us <= now])
    rows = await segment.db.pool.fetch("SELECT customer_id, scores FROM score")
    assert {row[0]: row[1] for row in rows} == expected
    assert {values[4] for values in expected.values()} >= {1, 2, 3, 4}


def naive(events: Sequence[Event[Any]]) -> dict[str, list[int | None]]:
    """Recency, frequency, monetary value, consumption and loyalty level of everybody with a trade that stands."""
    start, end = micros(datetime(2026, 4, 30, 16, tzinfo=UTC)), micros(datetime(2026, 10, 31, 16, tzinfo=UTC))
    raw: dict[str, tuple[Any, ...]] = {}
    for who in {event.data.customer_id for event in events}:
        own = [event for event in events if event.data.customer_id == who and event.type == "trade.completed"]
        worth = []
        for trade in own:
            back = [
                event.data.amount
                for event in events
                if event.type == "trade.refunded"
                and (event.data.customer_id, event.data.trade_id) == (who, trade.data.trade_id)
            ]
            worth.append((trade.us, trade.data.amount - sum(back), not back or sum(back) < trade.data.amount))
        kept = [us for us, _, stands in worth if stands]
        if kept:
            amount = sum(amount for _, amount, _ in worth)
            number = sum(start <= us < end for us in kept)
            recent = sum(amount for us, amount, _ in worth if start <= us < end)
            reached = [n + 1 for n in range(5) if number >= n and recent >= 60 * n]
            raw[who] = (max(kept), len(kept), amount, Fraction(amount, len(kept)), max(reached, default=None))
    return {
        who: [
            *(1 + 5 * sum(other[n] < values[n] for other in raw.values()) // len(raw) for n in range(4)),
            values[4],
        ]
        for who, values in raw.items()
    }


async def test_a_day_s_snapshot_is_made_by_itself_by_the_shop_s_clock_and_one_that_was_missed_once(
    segment: Stage,
) -> None:
    await segment.deliver(*bought(100))
    await segment.run_job("snapshots")
    assert (await segment.get("/rfm")).json()["version"] is None
    await segment.advance("16h")
    await segment.run_job("snapshots")
    assert moment((await segment.get("/rfm")).json()["published_at"]) == after(hours=16)
    await segment.advance("3d")
    await segment.run_job("snapshots")
    assert (await segment.get("/rfm")).json()["version"] == 2
    assert schedules.following(micros(NOW), ZoneInfo("America/New_York")) == micros(NOW) + 5 * HOURS
    assert scores.months(micros(NOW), ZoneInfo("Asia/Shanghai")) == scores.Months(
        micros(datetime(2026, 4, 30, 16, tzinfo=UTC)), micros(datetime(2026, 10, 31, 16, tzinfo=UTC))
    )


async def test_groups_have_everybody_once_and_each_has_the_rule_that_finds_it(segment: Stage) -> None:
    for recency, frequency in product(range(1, 6), repeat=2):
        assert sum(recency in one.recency and frequency in one.frequency for one in SEGMENTS) == 1
    await segment.deliver(*bought(100, 200, 300, 400, 500), make.completed(customer="c4", trade="more"))
    found = await snapshot(segment)
    sizes = {one["key"]: one["size"] for one in found["segments"] if one["size"]}
    assert sizes == {"champions": 1, "hibernating": 2, "about-to-sleep": 1, "promising": 1}
    assert found["monetary"][0] == {"score": 1, "customers": 1, "least": 100, "greatest": 100}
    assert moment(found["recency"][4]["greatest"]) == NOW
    assert sum(cell["customers"] for cell in found["cells"]) == 5
    rules = {one["key"]: one["rule"] for one in found["segments"]}
    assert await members(segment, await create(segment, rules["champions"])) == ["c4"]


async def test_loyalty_levels_are_the_shop_s_own_and_wrong_ones_are_refused(segment: Stage) -> None:
    usual = (await segment.get("/loyalty-levels")).json()["levels"]
    assert usual[0] == {"trades": 1, "amount": 0} and len(usual) == 5
    for levels, field in (
        (usual[:4], "levels"),
        ([*usual[:4], usual[3]], "levels[4]"),
        ([*usual[:4], {"trades": 1, "amount": 900_000}], "levels[4].trades"),
        ([*usual[:4], {"trades": 9, "amount": -1}], "levels[4].amount"),
    ):
        answer = await segment.put("/loyalty-levels", json={"levels": levels})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    await segment.deliver(*bought(100, 500))
    await segment.put("/loyalty-levels", json={"levels": [{"trades": 0, "amount": n} for n in (0, 1, 200, 300, 900)]})
    await snapshot(segment)
    assert [(await attributes(segment, one))["loyalty_level"] for one in ("c0", "c1")] == [2, 1]
