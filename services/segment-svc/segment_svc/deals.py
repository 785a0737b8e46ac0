"""A shop's trades as they stand: when each was paid and completed, for how much, and what went back."""

from huitou_chassis import Tx


async def make_room(tx: Tx) -> None:
    """For statements over a period's facts: room to group them, and no compiling, which takes longer than they do."""
    await tx.execute("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")


def _of(type: str, *columns: str) -> str:
    """The columns of a trade's one deed of a type; they are aggregates, so that no part is joined with another."""
    return ", ".join(f"max({name}) FILTER (WHERE type = 'trade.{type}') AS {type}_{name}" for name in columns)


def _place(type: str) -> str:
    return f"({type}_at, {type}_source, {type}_event_id)"


def _deals(columns: tuple[str, ...], chosen: str) -> str:
    place = ("at", "source", "event_id")
    return f"""
    WITH near AS MATERIALIZED (
        SELECT DISTINCT who, trade_id FROM deed
        WHERE shop_id = $1 AND type IN ('trade.paid', 'trade.completed') AND at >= $2 AND at < $3
    ), deal AS MATERIALIZED (
        SELECT near.who, near.trade_id, completed_at, completed_amount, refunded, refunds, {chosen},
            CASE WHEN by_payment THEN paid_at ELSE completed_at END AS paid_at,
            CASE WHEN by_payment THEN paid_amount ELSE completed_amount END AS paid_amount
        FROM near CROSS JOIN LATERAL (
            -- Of each trade alone: a plan for all at once goes through every trade that there ever was.
            SELECT {_of("paid", *place, *columns)}, {_of("completed", *place, *columns)}, {_of("closed", *place)},
                coalesce(sum(amount) FILTER (WHERE type = 'trade.refunded'), 0) AS refunded,
                count(*) FILTER (WHERE type = 'trade.refunded') AS refunds
            FROM deed WHERE shop_id = $1 AND who = near.who AND trade_id = near.trade_id AND at <= $4
        ) AS told CROSS JOIN LATERAL (
            SELECT paid_at IS NOT NULL
                AND (completed_at IS NULL OR {_place("paid")} <= {_place("completed")})
                AND (closed_at IS NULL OR coalesce({_place("completed")} <= {_place("closed")}, false)) AS by_payment
        ) AS how
    )
"""


DEALS = _deals(("amount",), "refunds > 0 AND refunded >= completed_amount AS undone")
DEALS_WITH_LINES = _deals(("amount", "lines"), "CASE WHEN by_payment THEN paid_lines ELSE completed_lines END AS lines")
"""The deals of shop $1 that were paid or completed from $2 until before $3, with what is known at $4.

A deal is paid once, at the earlier of payment and completion, unless it was closed before it was completed: then it was
not paid, or only with its completion.
"""
