"""How far back a shop's scores by RFM look; None is to the beginning of what is counted."""

from huitou_chassis import Tx
from segment_svc.calendar import DAY

LONGEST = 3650


async def get(tx: Tx, shop: str) -> int | None:
    """In days."""
    days: int | None = await tx.fetchval("SELECT rfm_window_days FROM snapshot_plan WHERE shop_id = $1", shop)
    return days


async def put(tx: Tx, shop: str, days: int | None) -> None:
    """From the next snapshot on."""
    await tx.execute("UPDATE snapshot_plan SET rfm_window_days = $2 WHERE shop_id = $1", shop, days)


def after(days: int | None, now: int) -> int | None:
    """A trade is within the window if it is later than this; what is exactly so many days old is not."""
    return None if days is None else now - days * DAY
