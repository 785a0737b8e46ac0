"""A shop's figures over a day, a month and a year, with what was told up to now."""

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta

import httpx2

from bench.population import populate
from bench.servers import Say, Servers, connected, migrated, servers, service

TIMES = 5
DAYS = (1, 30, 365)
PATHS = {"overview": "/overview", "regions": "/figures/regions", "discounts": "/figures/discounts"}


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("segment", running)
        await populate(running, customers, stale=True)
        async with service(running, "segment") as segment:
            say(f"the sheets of two years made in {await _kept(running):.0f} s, a third of it work")
            for name, path in PATHS.items():
                for days in DAYS:
                    took = sorted([await _timed(segment, path, days) for _ in range(TIMES)])
                    say(f"{name}, {days} days: p50 {statistics.median(took):.2f} s, longest {took[-1]:.2f} s")


async def _kept(running: Servers) -> float:
    """The seconds until the worker has packed all that is over."""
    began = time.perf_counter()
    async with connected(running) as connection:
        while await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM stale_people) OR EXISTS (
                SELECT FROM stale_day WHERE at_us + length_us <= extract(epoch FROM now()) * 1000000
            )
            """
        ):
            await asyncio.sleep(0.5)
    return time.perf_counter() - began


async def _timed(segment: httpx2.AsyncClient, path: str, days: int) -> float:
    """The seconds for the last so many days; RuntimeError unless something happened."""
    since = datetime.now(UTC) - timedelta(days - 1)
    began = time.perf_counter()
    answer = await segment.get(path, params={"from": since.isoformat()})
    took = time.perf_counter() - began
    answer.raise_for_status()
    found = answer.json()
    if not (found["total"]["paid_trades"] if "total" in found else found["items"]):
        raise RuntimeError(f"nothing happened in {days} days: {found}")
    return took
