"""An audience over time: as it was, and how many came and left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import import_module
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from huitou_chassis.db import create_database, database_url
from huitou_events import CustomerErased, ShopUpdated
from segment_svc import flows
from tests import make
from tests.make import NOW, ago
from tests.segment.audience import CARTED, after, create, listed
from tests.stage import Stage


async def were(segment: Stage, audience: str, at: datetime) -> dict[str, str | None]:
    """Who was in the audience, and until when."""
    answer = await segment.get(f"/audiences/{audience}/members", params={"at": at.isoformat()})
    assert answer.status_code == 200, answer.text
    return {one["customer_id"]: one["until"] for one in answer.json()["items"]}


async def steps(segment: Stage, audience: str, **params: Any) -> list[dict[str, Any]]:
    answer = await segment.get(f"/audiences/{audience}/flow", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_an_audience_is_seen_as_it_was(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.advance("1d")
    await segment.deliver(make.cart(customer="ada", time=after(hours=1)), make.cart(customer="bo", time=after(hours=2)))
    await segment.advance("20d")
    await segment.settle()
    assert await were(segment, audience, after(minutes=59)) == {}
    assert await were(segment, audience, after(hours=1)) == {"ada": "2026-11-12T05:00:00Z"}
    assert list(await were(segment, audience, after(days=1))) == ["ada", "bo"]
    assert list(await were(segment, audience, after(days=10, hours=1))) == ["bo"]
    assert await were(segment, audience, after(days=21)) == {}


@pytest.mark.parametrize(("at", "word"), [(after(hours=2), "future"), (ago(seconds=1), "2026-11-02T04:00:00")])
async def test_what_is_not_known_of_a_moment_is_refused(segment: Stage, at: datetime, word: str) -> None:
    audience = await create(segment, CARTED)
    await segment.advance("1h")
    answer = await segment.get(f"/audiences/{audience}/members", params={"at": at.isoformat()})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "at")
    assert word in answer.text


async def test_a_recommended_audience_is_known_from_the_first_event_on(segment: Stage) -> None:
    await segment.deliver(make.cart(time=ago(days=30)))
    assert await were(segment, "interested", ago(days=30)) == {}
    assert await were(segment, "interested", ago(days=25)) == {"ada": "2026-10-13T04:00:00Z"}


async def test_a_flow_counts_by_the_days_of_the_shop(segment: Stage) -> None:
    await segment.deliver(*(make.cart(customer=f"c{n}", time=ago(days=n)) for n in range(4, 8)))
    found = await steps(segment, "interested", **{"from": ago(days=4).isoformat()})
    assert [(one["from"], one["entered"], one["left"], one["size"]) for one in found] == [
        ("2026-10-28T16:00:00Z", 1, 0, 1),
        ("2026-10-29T16:00:00Z", 1, 0, 2),
        ("2026-10-30T16:00:00Z", 1, 0, 3),
        ("2026-10-31T16:00:00Z", 1, 0, 4),
        ("2026-11-01T16:00:00Z", 0, 0, 4),
    ]


async def test_a_flow_comes_page_by_page_and_ends_now(segment: Stage) -> None:
    await segment.deliver(make.cart(time=ago(days=4)))
    await segment.advance("8d")
    await segment.settle()
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": 3, "from": ago(days=30).isoformat(), "until": after(days=99).isoformat()}
        page = (
            await segment.get("/audiences/interested/flow", params=params | ({"cursor": cursor} if cursor else {}))
        ).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == 10
    assert all(one["until"] == following["from"] for one, following in pairwise(found))
    assert [one["size"] for one in found] == [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]


async def test_a_day_has_23_or_25_hours_where_clocks_change(segment: Stage) -> None:
    zone = ShopUpdated(timezone="Europe/Berlin", currency="CNY", language="zh")
    await segment.deliver(make.event(zone, time=ago(days=40)))
    carts = ("2026-10-20T12:00:00+02:00", "2026-10-22T01:30:00+02:00")
    await segment.deliver(*(make.cart(customer=at, time=datetime.fromisoformat(at)) for at in carts))
    days = await steps(segment, "interested", **{"from": "2026-10-25T10:00:00Z", "until": "2026-10-26T10:00:00Z"})
    assert [(one["from"], one["until"], one["entered"]) for one in days] == [
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 1),
        ("2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z", 0),
    ]
    hours = await steps(segment, "interested", by="hour", **{"from": days[0]["from"], "until": days[0]["until"]})
    assert len(hours) == 25
    assert [one["entered"] for one in hours[:3]] == [0, 1, 0]


async def test_a_flow_has_what_happened_this_very_moment(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(make.cart())
    assert [(one["entered"], one["size"]) for one in await steps(segment, audience, by="hour")] == [(1, 1)]


async def test_a_flow_that_ends_before_it_begins_is_refused(segment: Stage) -> None:
    params = {"from": NOW.isoformat(), "until": NOW.isoformat()}
    answer = await segment.get("/audiences/interested/flow", params=params)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until")
    assert (await segment.get("/audiences/interested/flow", params={"by": "week"})).status_code == 422


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_flow_at_the_ends_of_the_calendar_has_no_steps_of_its_own(segment: Stage, until: str) -> None:
    await segment.deliver(make.cart(time=ago(days=4)))
    assert await steps(segment, "interested", until=until, by="hour") == []


async def test_a_customer_is_told_where_they_came_and_left(segment: Stage) -> None:
    await segment.deliver(make.cart(time=ago(days=11)))
    audience = await create(segment, {"event": "cart.added"})
    assert (await segment.put("/tags/kept", json={"rule": {"event": "cart.added"}})).is_success
    await segment.settle()
    found = (await segment.get("/customers/ada/moves", params={"limit": 2})).json()
    assert [(one["audience_id"], one["at"], one["entered"], one["initial"]) for one in found["items"]] == [
        (audience, "2026-11-02T04:00:00Z", True, True),
        ("interested", "2026-11-01T04:00:00Z", False, False),
    ]
    cursor = found["next_cursor"]
    found = (await segment.get("/customers/ada/moves", params={"limit": 2, "cursor": cursor})).json()
    assert [(one["audience_name"], one["entered"]) for one in found["items"]] == [("兴趣人群", True)]
    assert found["next_cursor"] is None
    assert (await segment.get("/customers/nobody/moves")).status_code == 404


async def test_of_an_erased_customer_totals_stay_and_nothing_else(segment: Stage) -> None:
    await segment.deliver(make.cart(time=ago(days=4)))
    await segment.advance("1h")
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=after(hours=1)))
    assert await segment.db.pool.fetchval("SELECT count(*) FROM move") == 0
    assert await were(segment, "interested", ago(hours=1)) == {}
    found = await steps(segment, "interested", **{"from": ago(days=3).isoformat()})
    assert [(one["entered"], one["left"], one["size"]) for one in found] == [(1, 0, 1), (0, 1, 0)]


async def test_an_audience_that_ends_takes_its_log_along(segment: Stage) -> None:
    await segment.deliver(make.cart(), make.cart(customer="bo"))
    audience = await create(segment, {"event": "cart.added"})
    await segment.delete(f"/audiences/{audience}")
    await segment.settle()
    for table in ("move", "flow", "headcount"):
        assert await segment.db.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@asynccontextmanager
async def two_lanes(segment: Stage) -> AsyncIterator[None]:
    """The next two connections of the pool write in lanes of their own; the others are in use."""
    pool = segment.db.pool
    held = [await pool.acquire()]
    while len({one.get_server_pid() % flows.LANES for one in held}) == 1:
        held.append(await pool.acquire())
    first, *others = held
    try:
        for one in (first, others.pop()):
            await pool.release(one)
        yield
    finally:
        for one in others:
            await pool.release(one)


async def test_writers_of_one_audience_do_not_wait_for_each_other_and_sizes_add_up(segment: Stage) -> None:
    audience = await create(segment, {"event": "cart.added"})
    async with two_lanes(segment), segment.db.transaction() as one:
        # Held back until its end, and then in a lane of its own.
        flows.note(one, segment.shop, audience, one.us, entered=True)
        await one.flush()
        await segment.deliver(make.cart(customer="ada"), make.cart(customer="bo"))
    found = (await segment.get(f"/audiences/{audience}")).json()
    assert (found["size"], len(await listed(segment, audience))) == (3, 2)


async def test_who_was_a_member_before_there_was_a_log_came_in_when_they_did(postgres: str) -> None:
    await create_database(postgres, "before_moves")
    connection = await asyncpg.connect(database_url(postgres, "before_moves"))
    versions = "segment_svc.migrations.versions"
    await connection.execute(import_module(f"{versions}.0001_audiences").TABLES)
    await connection.execute(
        """
        INSERT INTO audience VALUES ('s1', 'a', 'a', '{}', 'live', false, NULL, 5);
        INSERT INTO member VALUES ('s1', 'ada', 'a', 1800000001), ('s1', 'bo', 'a', -1), ('s2', 'ada', 'a', 7)
        """
    )
    await connection.execute(import_module(f"{versions}.0002_moves").TABLES)
    moves = await connection.fetch("SELECT customer_id, at_us, entered FROM move WHERE shop_id = 's1' ORDER BY 1")
    assert [tuple(move) for move in moves] == [("ada", 1_800_000_001, True), ("bo", -1, True)]
    slots = await connection.fetch("SELECT slot_us, entries FROM flow WHERE shop_id = 's1' ORDER BY slot_us")
    assert [tuple(slot) for slot in slots] == [(-900_000_000, 1), (1_800_000_000, 1)]
    assert await connection.fetchval("SELECT members FROM headcount WHERE shop_id = 's1'") == 2
    assert await connection.fetchval("SELECT logged_us > 1700000000000000 FROM audience")
    await connection.close()
