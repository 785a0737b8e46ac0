"""Marks of what is stale -> sheets of what is over, within a second or so; of a day that is not over, its hours'."""

import time

from huitou_chassis import Context, Tx
from segment_svc.bills import BILL_SHEET
from segment_svc.calendar import DAY
from segment_svc.deals import make_room
from segment_svc.sheets import BLOCK, DAY_SHEET, PEOPLE_SHEET

LOCK = 0x73686565
BUSY_SECONDS = 0.25


async def keep(ctx: Context) -> bool:
    """Packs what is stale, the oldest marks first, for a moment; what is left waits, so that events do not."""
    began = time.monotonic()
    while time.monotonic() - began < BUSY_SECONDS:
        if not (await _keep_span(ctx) | await _keep_people(ctx)):
            break
    return False


async def _keep_span(ctx: Context) -> bool:
    async with ctx.db.transaction() as tx:
        # What one run keeps must not be older than what another kept.
        if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
            return False
        await _thin_out(tx)
        today = tx.us - tx.us % DAY
        one = await tx.fetchrow(
            f"""
            (SELECT shop_id, at_us, length_us FROM stale_day WHERE at_us + length_us <= $1 ORDER BY number LIMIT 1)
            UNION ALL
            (SELECT shop_id, at_us, length_us FROM day_sheet WHERE until_us <= $1 LIMIT 1)
            UNION ALL
            (SELECT shop_id, at_us, length_us FROM day_sheet WHERE bills IS NULL LIMIT 1)
            UNION ALL
            (SELECT shop_id, at_us, length_us FROM day_sheet WHERE length_us < {DAY} AND at_us < $2 LIMIT 1)
            LIMIT 1
            """,
            tx.us,
            today,
        )
        if one is None:
            return False
        shop, at, length = one
        await (_keep(tx, shop, at - at % DAY, DAY) if at < today else _keep(tx, shop, at, length))
    return True


async def _keep(tx: Tx, shop: str, at: int, length: int) -> None:
    """In the place of the sheets of its hours, if it is a day's."""
    await make_room(tx)
    inside = "shop_id = $1 AND at_us >= $2 AND at_us < $3"
    # Before it is read: what is told meanwhile marks it again.
    await tx.execute(f"DELETE FROM stale_day WHERE {inside}", shop, at, at + length)
    await tx.execute(f"DELETE FROM day_sheet WHERE {inside}", shop, at, at + length)
    await tx.execute(
        f"""
        INSERT INTO day_sheet (shop_id, at_us, length_us, acts, deals, looks, until_us, bills, lines, items)
        SELECT $1::text, $2::bigint, $3::bigint - $2, * FROM ({DAY_SHEET}) AS d CROSS JOIN ({BILL_SHEET}) AS b
        """,
        shop,
        at,
        at + length,
        tx.us,
    )


async def _keep_people(ctx: Context) -> bool:
    async with ctx.db.transaction() as tx:
        if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
            return False
        one = await tx.fetchrow("SELECT shop_id, first_who FROM stale_people ORDER BY number LIMIT 1")
        if one is None:
            return False
        shop, first = one
        await tx.execute("DELETE FROM stale_people WHERE shop_id = $1 AND first_who = $2", shop, first)
        await tx.execute(
            f"""
            INSERT INTO people_sheet (shop_id, first_who, people, places)
            SELECT $1::text, $2::bigint, * FROM ({PEOPLE_SHEET})
            ON CONFLICT (shop_id, first_who) DO UPDATE SET people = EXCLUDED.people, places = EXCLUDED.places
            """,
            shop,
            first,
            first + BLOCK,
        )
    return True


async def _thin_out(tx: Tx) -> None:
    """One mark is enough for what is not over, and comes with each batch."""
    await tx.execute(
        """
        DELETE FROM stale_day WHERE at_us > $1
            AND number NOT IN (SELECT min(number) FROM stale_day WHERE at_us > $1 GROUP BY shop_id, at_us, length_us)
        """,
        tx.us - DAY,
    )
