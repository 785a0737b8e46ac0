"""A new audience over the whole shop while visitors' events are taken, against the events' rate before and after."""

import time
from collections.abc import AsyncIterator
from itertools import islice

from bench.floor import TOPICS, floor
from bench.population import populate
from bench.rest import rest
from bench.servers import Say, migrated, servers, service
from bench.shop import make_audiences
from bench.stream import AUDIENCES, EVENTS, WARM, progress
from bench.traffic import publish, visitors

PARTS = 24
"""So many times `EVENTS` are there from the start that they do not end before the audience is live."""
MEASURED = 60_000


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("segment", running)
        await populate(running, customers)
        async with service(running, "segment") as segment:
            await make_audiences(segment, AUDIENCES)
        await rest(running, "segment")
        events = visitors(customers, "builds")
        for _ in range(PARTS):
            await publish(running.kafka, list(islice(events, EVENTS)))
        base = await floor(running, EVENTS)
        async with service(running, "segment") as segment:
            taken = progress(running.kafka, "segment-worker", TOPICS)
            await _pace(taken, WARM)
            before = await _pace(taken, MEASURED)
            say(f"floor {base:,.0f} events/s; {customers:,} customers, {AUDIENCES} audiences")
            say(f"visitors before {before:,.0f} events/s")
            first, began = await anext(taken), time.perf_counter()
            seconds = await make_audiences(segment, 1, after=AUDIENCES)
            meanwhile = (await anext(taken) - first) / (time.perf_counter() - began)
            say(f"a new audience is live after {seconds:.0f} s, visitors meanwhile {meanwhile:,.0f} events/s")
            after = await _pace(taken, MEASURED)
            share = 2 * meanwhile / (before + after)
            say(f"visitors after it {after:,.0f} events/s: {share:.2f} of the rate was kept")


async def _pace(taken: AsyncIterator[int], number: int) -> float:
    """Events a second over the next ones; RuntimeError if there are not as many."""
    first, began = await anext(taken), time.perf_counter()
    async for done in taken:
        if done - first >= number:
            break
        if done >= PARTS * EVENTS:
            raise RuntimeError(f"{PARTS * EVENTS:,} events ended too early for this: there have to be more of them")
    return (done - first) / (time.perf_counter() - began)
