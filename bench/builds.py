"""New audiences over the whole shop while visitors' events are taken, against the events' rate before and after."""

import time
from collections.abc import AsyncIterator
from itertools import islice

from bench.floor import TOPICS, floor
from bench.population import populate
from bench.rest import rest
from bench.servers import Say, migrated, servers, service
from bench.shop import live, make_audience, make_audiences, rule
from bench.stream import AUDIENCES, EVENTS, progress
from bench.traffic import publish, visitors

PARTS = 18
"""So many times `EVENTS` are there from the start that they do not end before the audiences are live."""
WARMING = 200_000
"""Until a worker has most of a shop's customers in mind it gets faster and faster, which flatters what comes later."""
MEASURED = 60_000
NEW = {"few": 0, "many": 1}
"""Kinds of rules (bench/shop.py): one that holds for some in a thousand customers, and one for some in a hundred."""


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
            await _pace(taken, WARMING)
            say(f"floor {base:,.0f} events/s; {customers:,} customers, {AUDIENCES} audiences")
            before = await _pace(taken, MEASURED)
            say(f"visitors before {before:,.0f} events/s")
            for members, kind in NEW.items():
                first, began = await anext(taken), time.perf_counter()
                audience = await make_audience(segment, f"{members} members", rule(AUDIENCES + kind))
                await live(segment, audience)
                seconds = time.perf_counter() - began
                meanwhile = (await anext(taken) - first) / seconds
                size = (await segment.get(f"/audiences/{audience}")).json()["size"]
                say(f"an audience of {size:,} is live after {seconds:.0f} s")
                after = await _pace(taken, MEASURED)
                share = 2 * meanwhile / (before + after)
                rates = f"visitors meanwhile {meanwhile:,.0f} and after it {after:,.0f} events/s"
                say(f"{rates}: {share:.2f} of the rate was kept")
                before = after


async def _pace(taken: AsyncIterator[int], number: int) -> float:
    """Events a second over the next ones; RuntimeError if there are not as many."""
    first, began = await anext(taken), time.perf_counter()
    async for done in taken:
        if done - first >= number:
            break
        if done >= PARTS * EVENTS:
            raise RuntimeError(f"{PARTS * EVENTS:,} events ended too early for this: there have to be more of them")
    return (done - first) / (time.perf_counter() - began)
