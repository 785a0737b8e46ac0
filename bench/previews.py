"""How many a rule would find: the estimate, the exact size, and DuckDB's on Parquet of the same events; saved ones."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import duckdb
import httpx2

from bench.population import PROVINCES, populate
from bench.servers import Say, Servers, connected, migrated, process, servers, service
from bench.shop import KINDS, rule
from huitou_events import micros
from huitou_events.moments import _utc

DAY = 86_400_000_000
EXPORT = """
    SELECT customer_id, at AS moment, type, amount, lines::json -> 0 ->> 0 AS item,
        changes::json ->> 'province' AS province, changes::json ->> 'has_phone' AS has_phone
    FROM history
"""
TIMES = 5
SAVED = 5


def bought(days: int) -> str:
    return f"type = 'trade.completed' AND moment > $now - {days * DAY}"


IN_DUCKDB = {
    1: f"""count(*) FILTER ({bought(720)}) >= 1 AND count(*) FILTER ({bought(90)}) = 0
        AND count(*) FILTER (type = 'cart.added' AND moment > $now - {30 * DAY}) >= 1""",
    2: f"""count(*) FILTER (type = 'cart.added' AND moment > $now - {DAY}) >= 1
        AND count(*) FILTER (type = 'trade.paid' AND moment > $now - {DAY}) = 0 AND bool_or(has_phone = 'true')""",
    4: f"""bool_or(province IN ('{PROVINCES[0]}', '{PROVINCES[3]}'))
        AND sum(amount) FILTER ({bought(365)}) >= 20000
        AND sum(amount) FILTER (type = 'trade.completed') >= 10000 * count(*) FILTER (type = 'trade.completed')""",
    8: f"""count(DISTINCT item) FILTER ({bought(180)}) >= 2 AND count(*) FILTER ({bought(365)}) >= 2
        AND count(*) FILTER (type = 'trade.refunded' AND moment > $now - {90 * DAY}) = 0""",
}
"""Rules of `bench.shop` as one would ask DuckDB for them, by their kind."""


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("segment", running)
        await populate(running, customers)
        parquet = await _parquet(running)
        async with service(running, "segment", worker=False) as segment:
            segment.timeout = httpx2.Timeout(60)
            await _estimates(say, segment)
            await _exact(say, segment, parquet)
            await _saved(say, running, segment)


async def _estimates(say: Say, segment: httpx2.AsyncClient) -> None:
    """Each rule a few times: the first one of all chooses the customers who are looked at."""
    took = []
    for kind in range(len(KINDS)):
        for number in range(TIMES):
            began = time.perf_counter()
            answer = await segment.post("/audiences/preview", json={"rule": rule(10 * number + kind)})
            took.append(time.perf_counter() - began)
            answer.raise_for_status()
    await _quiet(segment)
    first, took = took[0], sorted(took)
    say(
        f"estimate: the first of a process {first * 1000:.0f} ms, then p50 {statistics.median(took) * 1000:.0f} ms, "
        f"longest {took[-1] * 1000:.0f} ms ({len(took)} rules of three conditions, exact sizes counted beside them)"
    )


async def _quiet(segment: httpx2.AsyncClient) -> None:
    """Waits until no exact size is being counted."""
    while not (await _preview(segment, rule(0)))["exact"]:
        pass


async def _preview(segment: httpx2.AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    answer = await segment.post("/audiences/preview", json={"rule": asked}, params={"wait": 8})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def _exact(say: Say, segment: httpx2.AsyncClient, parquet: Path) -> None:
    longest = 0.0
    for kind in range(len(KINDS)):
        # A rule that was not tried before.
        asked = rule(90 + kind) if kind not in IN_DUCKDB else {"all": [*rule(kind)["all"], {"any": [{"all": []}]}]}
        began = time.perf_counter()
        while not (found := await _preview(segment, asked))["exact"]:
            pass
        took = time.perf_counter() - began
        longest = max(longest, took)
        beside = await _duckdb(parquet, kind, found) if kind in IN_DUCKDB else None
        if beside:
            say(
                f"exact, rule of kind {kind}: {found['size']:,} customers in {took:.2f} s; "
                f"DuckDB {beside:.2f} s, ratio {took / beside:.1f}"
            )
    say(f"exact: the longest of {len(KINDS)} kinds of rules {longest:.1f} s")


async def _duckdb(parquet: Path, kind: int, found: dict[str, Any]) -> float:
    """The seconds that DuckDB takes for the same number; RuntimeError if it finds another."""
    now = micros(_utc(found["at"]))
    query = f"""
        SELECT count(*) FROM (
            SELECT customer_id FROM '{parquet}' WHERE moment <= $now GROUP BY customer_id HAVING {IN_DUCKDB[kind]}
        )
    """
    with duckdb.connect() as connection:
        began = time.perf_counter()
        row = connection.execute(query, {"now": now}).fetchone()
        took = time.perf_counter() - began
    if row is None or row[0] != found["size"]:
        raise RuntimeError(f"DuckDB finds {row} for kind {kind}, not {found['size']}")
    return took


async def _parquet(running: Servers) -> Path:
    """The events as one file of columns, lines and attributes taken apart."""
    csv, parquet = running.home / "events.csv", running.home / "events.parquet"
    async with connected(running) as connection:
        await connection.copy_from_query(EXPORT, output=csv, format="csv", header=True, timeout=600)
    with duckdb.connect() as made:
        made.execute(f"COPY (SELECT * FROM read_csv('{csv}', header = true)) TO '{parquet}' (FORMAT parquet)")
    csv.unlink()
    return parquet


async def _saved(say: Say, running: Servers, segment: httpx2.AsyncClient) -> None:
    """Sizes and overlaps of audiences that are there."""
    made = [
        (await segment.post("/audiences", json={"name": "saved", "rule": rule(n)})).json()["id"] for n in range(SAVED)
    ]
    async with process(running, "segment", "worker"):
        for audience in made:
            while (await segment.get(f"/audiences/{audience}")).json()["state"] != "live":
                await asyncio.sleep(0.1)
    sizes = [await _timed(segment, f"/audiences/{audience}") for audience in made for _ in range(10)]
    overlaps = [await _timed(segment, f"/audiences/overlap?audiences={','.join(made)}") for _ in range(20)]
    say(
        f"saved audiences: size p50 {statistics.median(sizes) * 1000:.0f} ms; overlap of {SAVED} the first time "
        f"{overlaps[0] * 1000:.0f} ms, then p50 {statistics.median(overlaps) * 1000:.0f} ms"
    )


async def _timed(segment: httpx2.AsyncClient, path: str) -> float:
    began = time.perf_counter()
    (await segment.get(path)).raise_for_status()
    return time.perf_counter() - began
