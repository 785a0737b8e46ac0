"""Lanes that count the hours of the same shops at the same time."""

import asyncio

from notify_svc.send_time import HOUR
from notify_svc.signals import record
from tests import make
from tests.notify.world import World
from tests.waiting import until

SHOPS = ("s1", "s2")


async def test_two_lanes_count_the_same_hours_in_opposite_order(world: World) -> None:
    """Each has heard of one shop before either hears of the other."""
    db = world.stage.db
    begun: list[str] = []

    async def met() -> bool:
        waiting = await db.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return len(begun) == 2 or waiting > 0

    async def lane(first: str, second: str) -> None:
        async with db.transaction() as tx:
            await record([make.cart(customer=f"of-{first}", shop=first)], tx)
            begun.append(first)
            await until(met)
            await record([make.cart(customer=f"of-{first}", shop=second)], tx)

    async with asyncio.TaskGroup() as group:
        group.create_task(lane(*SHOPS))
        group.create_task(lane(*reversed(SHOPS)))
    rows = await db.pool.fetch("SELECT shop_id, hour, number FROM shop_hour ORDER BY shop_id")
    assert [tuple(row) for row in rows] == [(shop, int(make.NOW.timestamp() * 1e6) // HOUR, 2) for shop in SHOPS]
