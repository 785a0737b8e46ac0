"""What a plan has brought about, counted from the facts: its members, its messages and its claims."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from huitou_chassis import Tx


@dataclass
class Effects:
    """Customers: audience, held_out, reached (at least one message delivered), sold_out. The rest counts messages
    and coupons; `suppressed` by reason.
    """

    audience: int = 0
    held_out: int = 0
    sold_out: int = 0
    requested: int = 0
    cancelled: int = 0
    sent: int = 0
    reached: int = 0
    failed: int = 0
    clicked: int = 0
    suppressed: dict[str, int] = field(default_factory=dict)
    claimed: int = 0
    redeemed: int = 0


async def of(tx: Tx, shop: str, plan_ids: Sequence[str]) -> dict[str, Effects]:
    """The effects of each plan; zero for one that has not begun."""
    effects: dict[str, Effects] = defaultdict(Effects)
    for sql in (MEMBERS, MESSAGES, CLAIMS):
        for row in await tx.fetch(sql, shop, list(plan_ids)):
            for name, number in list(row.items())[1:]:
                setattr(effects[row["plan_id"]], name, number)
    for row in await tx.fetch(HELD_BACK, shop, list(plan_ids)):
        suppressed = effects[row["plan_id"]].suppressed
        suppressed[row["reason"]] = suppressed.get(row["reason"], 0) + row["number"]
    return {plan_id: effects[plan_id] for plan_id in plan_ids}


MEMBERS = """
    SELECT plan_id,
        count(*) AS audience,
        count(*) FILTER (WHERE outcome = 'held-out') AS held_out,
        count(*) FILTER (WHERE outcome = 'sold-out') AS sold_out
    FROM plan_member WHERE shop_id = $1 AND plan_id = ANY($2::text[]) GROUP BY plan_id
"""

# A receipt may come before the word that the message was sent, and a second provider may deliver what one failed to.
MESSAGES = """
    SELECT plan_id,
        count(*) AS requested,
        count(*) FILTER (WHERE cancelled_us IS NOT NULL AND coalesce(sent_us, delivered_us) IS NULL) AS cancelled,
        count(*) FILTER (WHERE coalesce(sent_us, delivered_us) IS NOT NULL) AS sent,
        count(DISTINCT customer_id) FILTER (WHERE delivered_us IS NOT NULL) AS reached,
        count(*) FILTER (WHERE failed_us IS NOT NULL AND delivered_us IS NULL) AS failed,
        count(*) FILTER (WHERE clicked_us IS NOT NULL) AS clicked
    FROM message WHERE shop_id = $1 AND plan_id = ANY($2::text[]) GROUP BY plan_id
"""

CLAIMS = """
    SELECT plan_id, count(*) AS claimed, count(*) FILTER (WHERE status = 'redeemed') AS redeemed
    FROM claim WHERE shop_id = $1 AND plan_id = ANY($2::text[]) GROUP BY plan_id
"""

HELD_BACK = """
    SELECT plan_id, suppressed_reason AS reason, count(*) AS number
    FROM message WHERE shop_id = $1 AND plan_id = ANY($2::text[]) AND suppressed_us IS NOT NULL
    GROUP BY plan_id, suppressed_reason
    UNION ALL
    SELECT plan_id, outcome, count(*)
    FROM plan_member
    WHERE shop_id = $1 AND plan_id = ANY($2::text[]) AND outcome IN ('limit-reached', 'not-valid')
    GROUP BY plan_id, outcome
"""
