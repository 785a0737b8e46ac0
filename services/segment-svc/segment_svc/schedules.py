"""When a shop's next snapshot is made: each day, four hours after the midnight of its calendar."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from huitou_chassis import Tx
from segment_svc.calendar import SECOND, local_day, midnight
from segment_svc.people import NEVER

AFTER_MIDNIGHT = 4 * 3600 * SECOND


def following(now: int, zone: ZoneInfo) -> int:
    """The first such moment after now."""
    today = local_day(now, zone)
    moments = [_moment(day, zone) for day in (today, today + 1)]
    return next((moment for moment in moments if moment > now), NEVER)


async def found(tx: Tx, shops: Sequence[str], zones: Sequence[ZoneInfo]) -> None:
    """New shops have snapshots from their next moment on."""
    await tx.execute(
        """
        INSERT INTO snapshot_plan (shop_id, next_us) SELECT * FROM unnest($1::text[], $2::bigint[])
        ON CONFLICT DO NOTHING
        """,
        shops,
        [following(tx.us, zone) for zone in zones],
    )


def _moment(day: int, zone: ZoneInfo) -> int:
    return min(midnight(day, zone), NEVER - AFTER_MIDNIGHT) + AFTER_MIDNIGHT
