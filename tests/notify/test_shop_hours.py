"""Lanes that count the hours of one shop at the same time."""

import asyncio
from collections import Counter

from huitou_chassis import Tx
from notify_svc.send_time import HOUR
from notify_svc.signals import count_hours
from tests.notify.world import World
from tests.waiting import until


async def test_two_lanes_count_the_same_hours_in_opposite_order(world: World) -> None:
    """Each has its first hour before either goes on, unless one is made to wait for the other."""
    db, shop = world.stage.db, world.stage.shop
    begun: list[int] = []

    async def met() -> bool:
        waiting = await db.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return len(begun) == 2 or waiting > 0

    async def count(tx: Tx, hour: int) -> None:
        await count_hours(tx, Counter({(shop, "ada", hour * HOUR): 1}))

    async def lane(first: int, second: int) -> None:
        async with db.transaction() as tx:
            await count(tx, first)
            begun.append(first)
            await until(met)
            await count(tx, second)

    async with asyncio.TaskGroup() as group:
        group.create_task(lane(1, 2))
        group.create_task(lane(2, 1))
    rows = await db.pool.fetch("SELECT hour, number FROM shop_hour WHERE shop_id = $1 ORDER BY hour", shop)
    assert [tuple(row) for row in rows] == [(1, 2), (2, 2)]
