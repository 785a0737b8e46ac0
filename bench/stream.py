"""Events a second from Kafka to committed state, against a floor that only dedupes and counts."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bench.floor import TOPICS, floor
from bench.population import populate
from bench.rest import rest
from bench.servers import SHOP, Say, Servers, connected, migrated, process, servers, service
from bench.shop import make_audiences, make_programme
from bench.traffic import publish, strangers, visitors

EVENTS = 100_000
WARM = 20_000
AUDIENCES = 100
UNTOUCHED = 900
PARTITIONS = 4
TIMES = 3
LOOK_SECONDS = 0.1


class Reached(NamedTuple):
    """Events a second, and the most memory that a worker had, in MiB."""

    rate: float
    memory: int


async def reach(
    running: Servers, service: str, topics: Sequence[str], number: int, *, warm: int = WARM, workers: int = 1
) -> Reached:
    """Starts workers and measures from their commit of the first `warm` events to that of the last of `number`."""
    async with AsyncExitStack() as stack:
        children = [
            await stack.enter_async_context(process(running, service, "worker", HUITOU_INSTANCE=f"bench-{place}"))
            for place in range(workers)
        ]
        first, began, start = 0.0, 0, -1
        async for done in progress(running.kafka, f"{service}-worker", topics):
            if any(child.returncode is not None for child in children):
                raise RuntimeError(f"{service} worker ended: see its log in {running.home}")
            start = done if start < 0 else start
            if done - start >= warm and not first:
                first, began = time.perf_counter(), done
            if done - start >= number:
                rate = (done - began) / (time.perf_counter() - first)
                return Reached(rate, max(_memory(child.pid) for child in children))
    raise RuntimeError("the worker was not watched to its end")


def _memory(pid: int) -> int:
    """The most memory that the process ever had, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


async def progress(kafka: str, group: str, topics: Sequence[str]) -> AsyncIterator[int]:
    """How many records of the topics the group has taken; looking more often would slow down what is measured."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
    try:
        while True:
            offsets = await admin.list_consumer_group_offsets(group, partitions=places)
            yield sum(max(0, offsets[place].offset) for place in places)
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await admin.close()


async def main(say: Say, customers: int) -> None:
    async with servers() as running:
        await migrated("loyalty", running)
        await migrated("segment", running)
        async with service(running, "loyalty") as loyalty:
            await make_programme(loyalty)
        seconds = await populate(running, customers)
        say(f"{customers:,} customers with {customers * 10:,} events, loaded by COPY in {seconds:.0f} s")
        async with service(running, "segment") as segment:
            seconds = await make_audiences(segment, AUDIENCES)
        say(f"{AUDIENCES} audiences of three conditions built in {seconds:.0f} s")
        await rest(running, "segment")
        first = list(islice(strangers(customers, "first"), EVENTS))
        trades = sum(event.topic == "shop.trades" for event in first)
        await publish(running.kafka, first)
        base = await floor(running, EVENTS)
        say(f"floor                               {base:>8,.0f} events/s")
        before = await _moves(running)
        alone = await reach(running, "segment", TOPICS, EVENTS)
        moved = (await _moves(running) - before) / EVENTS
        say(f"segment, strangers                  {_against(alone, base)}, {moved:.1f} comings and goings an event")
        loyal = await reach(running, "loyalty", ["shop.trades"], trades, warm=trades // 5)
        say(f"loyalty, trades                     {_against(loyal, base)}")
        await rest(running, "loyalty")
        await _visits(running, customers, "second")
        one = await reach(running, "segment", TOPICS, EVENTS)
        say(f"segment, visitors, the first ones   {_against(one, base)}")
        await _visits(running, customers, "third")
        two = await reach(running, "segment", TOPICS, EVENTS, workers=2)
        say(f"segment, visitors, two workers      {_against(two, base)}")
        few, many = await _few_and_many(running, customers)
        say(f"segment, visitors, median of {TIMES}      {_against(few, base)}")
        much = f"{AUDIENCES + UNTOUCHED} audiences, of which the events touch {AUDIENCES}"
        share = many.rate / few.rate
        say(f"segment, visitors, {much}, median of {TIMES}: {many.rate:,.0f} events/s ({share:.2f})")


async def _few_and_many(running: Servers, customers: int) -> tuple[Reached, Reached]:
    """The medians with the audiences alone and with as many untouched ones beside them, measured by turns."""
    few, many = [], []
    for turn in range(TIMES):
        await _visits(running, customers, f"few {turn}")
        few.append(await reach(running, "segment", TOPICS, EVENTS))
        await _add_untouched(running)
        await _visits(running, customers, f"many {turn}")
        many.append(await reach(running, "segment", TOPICS, EVENTS))
        await _remove_untouched(running)
    return sorted(few)[TIMES // 2], sorted(many)[TIMES // 2]


async def _visits(running: Servers, customers: int, name: str) -> None:
    """Publishes a part's events when everything from the parts before is done."""
    await rest(running, "segment")
    await publish(running.kafka, list(islice(visitors(customers, name), EVENTS)))


def _against(reached: Reached, base: float) -> str:
    return f"{reached.rate:>8,.0f} events/s   ratio {reached.rate / base:.2f}   {reached.memory} MiB a worker at most"


async def _moves(running: Servers) -> int:
    async with connected(running) as connection:
        return int(await connection.fetchval("SELECT coalesce(sum(moves), 0) FROM headcount"))


async def _add_untouched(running: Servers) -> None:
    """Audiences that no event of the run has anything to do with."""
    async with connected(running) as connection:
        await connection.execute(
            """
            INSERT INTO audience (shop_id, audience_id, name, rule, state, created_us)
            SELECT $1, 'aud_untouched' || n, 'untouched', json_build_object('all', json_build_array(
                json_build_object('event', 'coupon.claimed', 'within', n || 'd'), json_build_object('tag', 'tag ' || n),
                json_build_object('event', 'message.clicked', 'within', 2 * n || 'd'))), 'live', 0
            FROM generate_series(1, $2) AS n
            """,
            SHOP,
            UNTOUCHED,
        )
        await connection.execute("UPDATE roster SET version = nextval('stamp') WHERE shop_id = $1", SHOP)


async def _remove_untouched(running: Servers) -> None:
    async with connected(running) as connection:
        await connection.execute("DELETE FROM audience WHERE audience_id LIKE 'aud\\_untouched%'")
        await connection.execute("UPDATE roster SET version = nextval('stamp') WHERE shop_id = $1", SHOP)
