"""Statements over all of a shop's trades: they take their time, and are planned for it."""

from typing import Any

from huitou_chassis import Tx

SECONDS = 600
BACK = """
    back AS (
        SELECT who, trade_id, sum(amount) AS refunded FROM deed
        WHERE shop_id = $1 AND type = 'trade.refunded' AND at <= $2
        GROUP BY who, trade_id
    )
"""
"""What went back of each trade of shop $1 until $2."""


async def fetch(tx: Tx, sql: str, *values: object) -> list[Any]:
    """The rows of a statement that reads the whole shop, in up to `SECONDS`."""
    await tx.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'")
    # Where statistics lag behind what has come, loops inside loops would be chosen, and take hours.
    await tx.execute("SET LOCAL enable_nestloop = off")
    rows = await tx.connection.fetch(sql, *values, timeout=SECONDS)
    await tx.execute("RESET enable_nestloop")
    await tx.execute("RESET statement_timeout")
    return list(rows)
