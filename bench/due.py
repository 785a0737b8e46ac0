"""What only time changes: a moment that all customers share, and 1,000 moments a second, each of one customer."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from bench.population import CUSTOMER, SOURCE, populate
from bench.servers import SHOP, Say, Servers, connected, migrated, process, servers, service
from bench.shop import make_audience, make_audiences
from huitou_events import micros
from segment_svc import histories

AUDIENCES = 100
RATE = 1000
CHANGES = 20_000
AHEAD = timedelta(seconds=30)
RULE = {"event": "cart.added", "item": ["soon"], "within": "1d"}


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("segment", running)
        async with service(running, "segment", worker=False) as segment:
            # Made before there is anybody, so that nothing is to be built.
            audience = await make_audience(segment, "soon over", RULE)
            async with process(running, "segment", "worker"):
                await make_audiences(segment, AUDIENCES - 1)
        await populate(running, customers, due=True)
        began = time.perf_counter()
        async with process(running, "segment", "worker"):
            await _until_none_is_due(running)
            took = time.perf_counter() - began
            say(
                f"{customers:,} customers looked at for the first time, {AUDIENCES} audiences: {_pace(took, customers)}"
            )
            took = await _turn(running)
            say(f"all due at once again, as when a day turns: {_pace(took, customers)}")
            async with process(running, "segment", "worker", HUITOU_INSTANCE="bench-second"):
                took = await _turn(running)
            say(f"the same with two workers: {_pace(took, customers)}")
            late = await _changes(running, audience)
        p50, p99 = (late[int(len(late) * share)] * 1000 for share in (0.5, 0.99))
        say(f"{RATE:,} moments a second: seen p50 {p50:.0f} ms, p99 {p99:.0f} ms after their moment")


def _pace(seconds: float, customers: int) -> str:
    return f"{seconds:.0f} s, {customers / seconds:,.0f} a second"


async def _turn(running: Servers) -> float:
    """Everybody's moment comes; the seconds until all were looked at."""
    async with connected(running) as connection:
        await connection.execute("UPDATE customer SET due_us = $1", micros(datetime.now(UTC)), timeout=600)
    began = time.perf_counter()
    await _until_none_is_due(running)
    return time.perf_counter() - began


async def _until_none_is_due(running: Servers) -> None:
    async with connected(running) as connection:
        while await connection.fetchval("SELECT 1 FROM customer WHERE due_us <= $1 LIMIT 1", micros(datetime.now(UTC))):
            await asyncio.sleep(0.1)


async def _changes(running: Servers, audience: str) -> list[float]:
    """Members who leave one after the other because time passes: how long after its moment each is gone, in seconds."""
    async with connected(running) as connection:
        start = micros(datetime.now(UTC) + AHEAD)
        day = timedelta(days=1) // timedelta(microseconds=1)
        ends = [start + number * 1_000_000 // RATE for number in range(CHANGES)]
        lines = '[["soon", null, 1, 0]]'
        await connection.copy_records_to_table(
            "history",
            records=[
                (SHOP, f"soon{n}", end - day, SOURCE, f"soon{n}", "cart.added", None, None, 0, lines, None, None, None)
                for n, end in enumerate(ends)
            ],
            columns=histories.COLUMNS,
        )
        now = micros(datetime.now(UTC))
        await connection.copy_records_to_table(
            "customer",
            records=[(SHOP, f"soon{n}", 1, end - day, now, now) for n, end in enumerate(ends)],
            columns=CUSTOMER,
        )
        await _until_none_is_due(running)
        late: list[float] = []
        while len(late) < CHANGES:
            left = await connection.fetchval(
                "SELECT count(*) FROM member WHERE shop_id = $1 AND audience_id = $2", SHOP, audience
            )
            seen = micros(datetime.now(UTC))
            if seen > start:
                late += [(seen - end) / 1e6 for end in ends[len(late) : CHANGES - left]]
            await asyncio.sleep(0.02)
        return sorted(late)
