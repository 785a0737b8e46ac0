"""The sheets of a shop's days and people: kept when a day is over, and stale as soon as they are not right."""

import asyncio
import random
from typing import Any

import numpy as np
import pytest

from huitou_events import MemberJoined, micros
from segment_svc import keeping, ledgers, sheets, tallies
from segment_svc.calendar import DAY
from tests import make
from tests.make import ago
from tests.naive.effort import times
from tests.segment.audience import after
from tests.stage import Stage

YESTERDAY, TODAY = micros(make.NOW) // DAY - 1, micros(make.NOW) // DAY


async def kept(segment: Stage) -> list[int]:
    """The days of sheets, after the jobs have run."""
    await segment.run_job("tallies")
    while await stale(segment, "stale_day WHERE at_us < $1", TODAY * DAY) or await stale(segment, "stale_people"):
        await segment.run_job("sheets")
    await segment.run_job("sheets")
    return [
        row[0] // DAY
        for row in await segment.db.pool.fetch(
            "SELECT at_us FROM day_sheet WHERE at_us < $1 ORDER BY at_us", TODAY * DAY
        )
    ]


async def stale(segment: Stage, where: str, *values: Any) -> int:
    found = await segment.db.pool.fetchval(f"SELECT count(*) FROM {where}", *values)
    assert isinstance(found, int)
    return found


async def stale_days(segment: Stage) -> list[int]:
    await segment.run_job("tallies")
    rows = await segment.db.pool.fetch("SELECT at_us FROM stale_day")
    return sorted({row[0] // DAY for row in rows})


async def total(segment: Stage) -> dict[str, Any]:
    found: dict[str, Any] = (await segment.get("/overview")).json()["total"]
    return found


async def test_a_day_that_is_over_has_a_sheet_and_today_has_one_mark(segment: Stage) -> None:
    await segment.deliver(make.page(time=ago(days=1)), make.page(time=ago(days=3)), make.page())
    assert await kept(segment) == [YESTERDAY - 2, YESTERDAY]
    for number in range(3):
        await segment.deliver(make.page(customer=f"c{number}"))
        await kept(segment)
    assert await stale_days(segment) == [TODAY]
    assert await stale(segment, "stale_day") == 1
    assert (await total(segment))["visitors"] == 4
    for hours in (1, 24):
        await segment.advance(f"{hours}h")
        await segment.run_job("sheets")
        assert await stale(segment, "stale_day") == 0
        assert await stale(segment, "day_sheet WHERE length_us < $1", DAY) == (hours == 1)
        assert (await total(segment))["visitors"] == 4


async def test_what_changes_a_day_makes_its_sheet_stale_and_nothing_else_does(segment: Stage) -> None:
    await segment.deliver(
        make.page(visit_id="v1", time=ago(days=2)),
        *(make.paid(trade=trade, amount=100, time=ago(days=3)) for trade in ("t1", "t2", "t3")),
        make.completed(trade="t1", amount=100, time=ago(days=2)),
    )
    assert await kept(segment) == [TODAY - 3, TODAY - 2]
    for event, days in (
        (make.page(), []),
        (make.completed(trade="t2", amount=100), []),
        (make.page(visit_id="v1"), [TODAY - 2]),
        (make.page(time=ago(days=5)), [TODAY - 5]),
        (make.refunded(trade="t1", amount=10), [TODAY - 3, TODAY - 2]),
        (make.closed(trade="t3"), [TODAY - 3]),
        (make.completed(trade="t3", amount=100), [TODAY - 3]),
        (make.paid(trade="t1", amount=90, time=ago(days=4), id="earlier"), [TODAY - 4, TODAY - 3, TODAY - 2]),
    ):
        await segment.deliver(event)
        assert [day for day in await stale_days(segment) if day < TODAY] == days, event.data
        before = await total(segment)
        await kept(segment)
        assert await total(segment) == before


async def test_a_refund_that_was_announced_changes_the_day_of_its_trade_when_it_comes(segment: Stage) -> None:
    await segment.deliver(
        make.paid(trade="t1", amount=100, time=ago(days=3)), make.refunded(trade="t1", amount=30, time=after(hours=1))
    )
    await kept(segment)
    assert (await total(segment))["paid_amount"] == 100
    await segment.advance("1h")
    assert (await total(segment))["paid_amount"] == 70
    await segment.run_job("sheets")
    assert await segment.db.pool.fetchval("SELECT count(*) FROM day_sheet WHERE until_us IS NOT NULL") == 0
    assert (await total(segment))["paid_amount"] == 70


async def test_who_becomes_a_member_or_moves_is_seen_in_figures_of_the_past(segment: Stage) -> None:
    await segment.deliver(make.page(time=ago(days=1)), make.customer("ada", city="London"))
    await kept(segment)
    assert await stale(segment, "stale_people") == 0
    await segment.deliver(make.event(MemberJoined(customer_id="ada", tier="vip"), time=ago(days=2)))
    await segment.deliver(make.customer("ada", city="Paris"), make.customer("bo", city="Rome"))
    for _ in range(2):
        assert (await total(segment))["active_members"] == 1
        top = (await segment.get("/overview")).json()["splits"]["regions"]["city"]["top"]
        assert [(one["name"], one["visitors"]) for one in top] == [("Paris", 1)]
        await kept(segment)


async def test_years_that_are_stale_answer_in_time_or_not_at_all(
    segment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await segment.deliver(make.page(time=ago(days=1)))
    await segment.run_job("tallies")
    monkeypatch.setattr(sheets, "MOST_SECONDS", -1)
    assert (await segment.get("/overview")).status_code == 503
    await kept(segment)
    assert (await segment.get("/overview")).status_code == 200


@pytest.mark.parametrize("seed", range(2 * times()))
async def test_what_is_told_while_sheets_are_packed_is_in_them(seed: int, segment: Stage) -> None:
    chance = random.Random(seed)
    told = asyncio.Event()

    async def tell() -> None:
        for number in range(60):
            customer, trade, time = f"c{chance.randrange(5)}", f"t{chance.randrange(9)}", ago(days=chance.randint(0, 3))
            await segment.deliver(
                make.page(customer=customer, visit_id=f"v{chance.randrange(9)}", time=time),
                chance.choice([make.paid, make.completed, make.refunded])(
                    customer=f"{customer}{trade}", trade=trade, amount=chance.randint(1, 9), time=time, id=f"e{number}"
                ),
            )
            await tallies.count(segment.ctx)
        told.set()

    async def pack() -> None:
        while not told.is_set():
            await keeping.keep(segment.ctx)

    await asyncio.gather(tell(), pack())
    await kept(segment)
    before = (await segment.get("/overview")).json()
    await segment.db.execute("DELETE FROM day_sheet")
    await segment.db.execute(
        """
        INSERT INTO stale_day (shop_id, at_us, length_us)
        SELECT DISTINCT shop_id, slot_us / $1 * $1, $1::bigint FROM act
        """,
        DAY,
    )
    assert (await segment.get("/overview")).json() == before


@pytest.mark.parametrize("seed", range(20 * times()))
def test_persons_are_numbered_whether_their_numbers_lie_close_or_far_apart(seed: int) -> None:
    chance = random.Random(seed)
    least, span = chance.choice([(1, 30), (2**40, 30), (5, 2**50)])
    columns = [
        [least + chance.randrange(span) for _ in range(chance.randint(0, 9))] for _ in range(chance.randint(1, 4))
    ]
    who, persons = ledgers.numbered([np.array(column, np.int64) for column in columns])
    assert who.tolist() == sorted({*who.tolist(), *(number for column in columns for number in column)})
    assert [[int(who[place]) for place in part] for part in persons] == columns


def test_sums_are_exact_where_no_machine_number_holds_them() -> None:
    amounts = [2**62, 2**62, 2**62, -(2**62), 2**53 - 1, -7]
    assert ledgers.totals([np.array(amounts)]) == [sum(amounts), sum(amounts)]
