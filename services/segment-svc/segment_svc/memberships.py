"""How many members a shop had: as members count who were it at any moment of a period."""

from huitou_chassis import Tx
from segment_svc.periods import Period


async def numbers(tx: Tx, shop: str, period: Period) -> list[int]:
    """How many were members at any moment of the period, and of each of its days."""
    rows = await tx.fetch(
        """
        SELECT width_bucket(joined_us, $2::bigint[]), width_bucket(left_us - 1, $2::bigint[]), count(*)
        FROM trait WHERE shop_id = $1 AND joined_us IS NOT NULL AND joined_us < $3
        GROUP BY 1, 2
        """,
        shop,
        list(period.bounds),
        period.until,
    )
    days = len(period.days)
    spans = [(max(came, 1), days if left is None else min(left, days), number) for came, left, number in rows]
    return [
        sum(number for came, left, number in spans if came <= left),
        *(sum(number for came, left, number in spans if came <= day <= left) for day in range(1, days + 1)),
    ]
