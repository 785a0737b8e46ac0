"""How far back a shop lets the scores by RFM look; levels go by their own months and trades."""

from random import Random
from typing import Any

from huitou_events import Event, micros
from segment_svc.calendar import DAY
from segment_svc.verify import verify
from tests import make
from tests.make import NOW, SHOP, ago
from tests.segment.audience import Said, after, create, members, said
from tests.segment.test_snapshots import attributes, bought, snapshot
from tests.stage import Stage


async def look_back(segment: Stage, days: int | None) -> None:
    answer = await segment.put("/rfm/settings", json={"window_days": days})
    assert (answer.status_code, answer.json()) == (200, {"window_days": days})


async def scores(segment: Stage, customer: str) -> list[int | None]:
    return list((await segment.get(f"/customers/{customer}")).json()["rfm"].values())


async def test_scores_look_at_all_trades_until_the_shop_sets_a_window_for_the_next_snapshot(segment: Stage) -> None:
    assert (await segment.get("/rfm/settings")).json() == {"window_days": None}
    await segment.deliver(*bought(100, 200, 300))
    audience = await create(segment, {"rfm": {"frequency": [1]}})
    assert (await snapshot(segment))["window_days"] is None
    assert await members(segment, audience) == ["c0", "c1", "c2"]
    await said(segment)
    await look_back(segment, 2)
    found = (await segment.get("/rfm")).json()
    assert (found["version"], found["window_days"], found["customers"]) == (1, None, 3)
    await segment.advance("1h")
    found = await snapshot(segment)
    assert (found["version"], found["window_days"], found["customers"]) == (2, 2, 1)
    assert await said(segment, audience) == [Said(f"c{n}", audience, False, after(hours=1)) for n in (0, 1)]
    why = (await segment.get(f"/audiences/{audience}/members/c2")).json()["why"]
    assert (why["snapshot"]["version"], why["snapshot"]["window_days"]) == (2, 2)
    await look_back(segment, None)
    assert (await snapshot(segment))["customers"] == 3
    assert await members(segment, audience) == ["c0", "c1", "c2"]
    assert await verify(segment.ctx, SHOP, None) == []


async def test_a_trade_exactly_as_old_as_the_window_is_out_of_it(segment: Stage) -> None:
    await segment.deliver(
        make.completed(trade="t1", time=ago(days=30)),
        make.completed(customer="bo", trade="t2", time=ago(days=30, microseconds=-1)),
    )
    rule = {"event": "trade.completed", "within": "30d"}
    await look_back(segment, 30)
    found = await snapshot(segment)
    assert (found["customers"], await members(segment, await create(segment, rule))) == (1, ["bo"])
    assert (await scores(segment, "ada"), await scores(segment, "bo")) == ([None] * 3, [1, 1, 1])


async def test_refunds_and_older_trades_leave_what_the_window_holds(segment: Stage) -> None:
    await segment.deliver(
        make.completed(trade="t1", amount=9_000, time=ago(days=60)),
        make.completed(trade="t2", amount=500, time=ago(days=2)),
        make.refunded(trade="t2", amount=200),
        make.completed(customer="bo", trade="t3", amount=400, time=ago(days=3)),
        make.completed(customer="cy", trade="t4", amount=9_000, time=ago(days=60)),
        make.completed(customer="cy", trade="t5", amount=100, time=ago(days=1)),
        make.refunded(customer="cy", trade="t5", amount=100),
    )
    await look_back(segment, 30)
    found = await snapshot(segment)
    assert [(one["score"], one["least"]) for one in found["monetary"]] == [(1, 300), (3, 400)]
    assert [await scores(segment, one) for one in ("ada", "bo", "cy")] == [[3, 1, 1], [1, 1, 3], [None] * 3]


async def test_levels_go_by_their_own_trades_whatever_the_window_is(segment: Stage) -> None:
    await segment.deliver(
        make.completed(trade="t1", amount=900, time=ago(days=100)),
        make.completed(customer="bo", trade="t2", amount=100, time=ago(days=1)),
    )
    await look_back(segment, 7)
    rule = {"attribute": "consumption_level", "at_least": 3}
    audience = await create(segment, rule)
    assert (await snapshot(segment))["customers"] == 1
    shown = await attributes(segment, "ada")
    assert (shown["consumption_level"], shown["loyalty_level"], await scores(segment, "ada")) == (3, 1, [None] * 3)
    shown = await attributes(segment, "bo")
    assert (shown["consumption_level"], shown["loyalty_level"], await scores(segment, "bo")) == (1, None, [1, 1, 1])
    why = (await segment.get(f"/audiences/{audience}/members/ada")).json()["why"]
    assert (why["value"], set(why["snapshot"])) == (True, {"version", "published_at"})


async def test_scores_within_a_window_are_those_of_a_plain_count_and_leave_the_levels_alone(segment: Stage) -> None:
    events = history(Random(11))
    await segment.deliver(*events)
    await snapshot(segment)
    before = await published(segment)
    for days in (90, 20):
        await look_back(segment, days)
        await snapshot(segment)
        found = await published(segment)
        counted = plain(events, micros(NOW) - days * DAY)
        assert {who: values[:3] for who, values in found.items() if values[0] is not None} == counted
        assert {who: values[3:] for who, values in found.items()} == {who: values[3:] for who, values in before.items()}
        assert 0 < len(counted) < len(before)
        assert await verify(segment.ctx, SHOP, None) == []


async def published(segment: Stage) -> dict[str, list[int | None]]:
    rows = await segment.db.pool.fetch("SELECT customer_id, scores FROM score")
    return {row[0]: row[1] for row in rows}


def history(chance: Random) -> list[Event[Any]]:
    """Trades of many customers over most of a year, of which some went back."""
    events = []
    for n in range(50):
        who, amount, days = f"c{chance.randint(0, 19)}", chance.choice([0, 50, 100, 300]), chance.randint(0, 300)
        events.append(make.completed(customer=who, trade=f"t{n}", amount=amount, time=ago(days=days)))
        if chance.random() < 0.3:
            back = chance.choice([amount, 50])
            events.append(make.refunded(customer=who, trade=f"t{n}", amount=back, time=ago(days=chance.randint(0, 99))))
    chance.shuffle(events)
    return events


def plain(events: list[Event[Any]], later_than: int) -> dict[str, list[int]]:
    """Recency, frequency and monetary value of everybody with a trade within the window that stands."""
    figures: dict[str, tuple[int, int, int]] = {}
    for who in {event.data.customer_id for event in events}:
        last, number, amount = 0, 0, 0
        for trade in events:
            if (trade.data.customer_id, trade.type) != (who, "trade.completed") or trade.us <= later_than:
                continue
            backs = [
                event.data.amount
                for event in events
                if (event.type, event.data.trade_id) == ("trade.refunded", trade.data.trade_id)
            ]
            amount += trade.data.amount - sum(backs)
            if not backs or sum(backs) < trade.data.amount:
                last, number = max(last, trade.us), number + 1
        if number:
            figures[who] = (last, number, amount)
    return {
        who: [1 + 5 * sum(other[n] < own[n] for other in figures.values()) // len(figures) for n in range(3)]
        for who, own in figures.items()
    }


async def test_a_window_that_is_none_is_refused(segment: Stage) -> None:
    for body in ({"window_days": 0}, {"window_days": 3651}, {"window_days": "30"}, {"window_days": 1.5}, {}):
        answer = await segment.put("/rfm/settings", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "window_days"), body
    answer = await segment.put("/rfm/settings", json={"window_days": 30, "days": 30})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "days")
