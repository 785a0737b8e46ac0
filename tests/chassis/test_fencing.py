"""A worker whose partitions were given to another writes nothing more."""

import asyncio

import pytest

from huitou_chassis import Record, fencing
from huitou_chassis.batch import process
from huitou_chassis.fencing import Epochs, Fenced, Place
from huitou_events import HEADERS
from tests import make
from tests.stage import Stage
from tests.waiting import until

TRADES, CARTS = Place("shop.trades", 0), Place("shop.behaviours", 0)


def records(*, first: int = 1, number: int = 3) -> list[Record]:
    events = [make.completed(customer=f"c{n}", trade=f"t{n}", id=f"e{n}") for n in range(first, first + number)]
    return [Record(e.topic, 0, n, n, e.key, e.encode(), HEADERS) for n, e in enumerate(events, first)]


async def counted(tally: Stage) -> int:
    number: int = await tally.db.pool.fetchval("SELECT count(*) FROM tally")
    return number


async def written(tally: Stage) -> list[int]:
    tables = ("tally", "inbox", "outbox")
    return [await tally.db.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]


async def test_who_still_has_the_old_epoch_writes_nothing(tally: Stage) -> None:
    old = await fencing.take(tally.db, [TRADES, CARTS], "a")
    await process(tally.ctx, records(), old)
    before = await written(tally)
    new = await fencing.take(tally.db, [TRADES], "b")
    with pytest.raises(Fenced, match="read by b now"):
        await process(tally.ctx, records(first=4), old)
    assert await written(tally) == before
    await process(tally.ctx, records(first=4), new)
    assert await counted(tally) == 6


async def test_one_bad_record_among_others_does_not_hide_that_the_partition_is_gone(tally: Stage) -> None:
    old = await fencing.take(tally.db, [TRADES], "a")
    await fencing.take(tally.db, [TRADES], "b")
    bad = Record("shop.trades", 0, 9, 9, b"s1:ada", b"{", HEADERS)
    with pytest.raises(Fenced):
        await process(tally.ctx, [*records(), bad], old)
    assert await written(tally) == [0, 0, 0]


async def test_a_batch_under_way_is_waited_for_and_not_torn(tally: Stage) -> None:
    old = await fencing.take(tally.db, [TRADES], "a")
    async with tally.db.transaction() as tx:
        await fencing.check(tx, old)
        taking = asyncio.create_task(fencing.take(tally.db, [TRADES], "b"))

        async def waits() -> bool:
            found = await tally.db.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(found)

        await until(waits)
        assert not taking.done()
    new = await taking
    assert new[TRADES] == old[TRADES] + 1


async def test_taking_the_same_partitions_at_once_never_deadlocks(tally: Stage) -> None:
    places = [Place(f"topic{n}", n) for n in range(20)]

    async def take(name: str, order: list[Place]) -> Epochs:
        return await fencing.take(tally.db, order, name)

    taken = await asyncio.gather(*(take(str(n), places if n % 2 else places[::-1]) for n in range(8)))
    assert sorted(epochs[places[0]] for epochs in taken) == list(range(1, 9))
