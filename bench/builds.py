"""A new audience over the whole shop while visitors' events are taken, against the events' rate without it."""

import time

from bench.floor import TOPICS, floor
from bench.population import populate
from bench.servers import Say, Servers, migrated, servers, service
from bench.shop import make_audiences
from bench.stream import AUDIENCES, EVENTS, WARM, progress, reach, visits

MEANWHILE = 400_000
"""So many events are there while the audience is built that they do not end before it is live."""


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("segment", running)
        await populate(running, customers)
        async with service(running, "segment") as segment:
            await make_audiences(segment, AUDIENCES)
        await visits(running, customers, "before")
        base = await floor(running, EVENTS)
        before = await reach(running, "segment", TOPICS, EVENTS)
        await visits(running, customers, "meanwhile", MEANWHILE)
        beside, seconds = await _build(running)
        await visits(running, customers, "after")
        after = await reach(running, "segment", TOPICS, EVENTS)
        alone = (before.rate + after.rate) / 2
        say(f"floor {base:,.0f} events/s; {customers:,} customers, {AUDIENCES} audiences")
        say(f"a new audience is live after {seconds:.0f} s")
        say(f"events a second meanwhile {beside:,.0f} ({beside / alone:.2f} of the rate without it)")
        say(f"events a second without it {before.rate:,.0f} before, {after.rate:,.0f} after")


async def _build(running: Servers) -> tuple[float, float]:
    """Events a second while a new audience is built, and the seconds until it is live."""
    async with service(running, "segment") as segment:
        watched = progress(running.kafka, "segment-worker", TOPICS)
        start = await anext(watched)
        async for done in watched:
            if done - start >= WARM:
                break
        first, began = done, time.perf_counter()
        seconds = await make_audiences(segment, 1, after=AUDIENCES)
        done = await anext(watched)
        rate = (done - first) / (time.perf_counter() - began)
    if done - start >= MEANWHILE:
        raise RuntimeError(f"the {MEANWHILE:,} events ended before the audience was live after {seconds:.0f} s")
    return rate, seconds
