"""A shop's trades as they stand: when each was paid and completed, for how much, and what went back."""

DEALS = """
    WITH near AS MATERIALIZED (
        SELECT DISTINCT who, trade_id FROM deed
        WHERE shop_id = $1 AND type IN ('trade.paid', 'trade.completed') AND at >= $3 AND at < $4
    ), told AS MATERIALIZED (
        SELECT d.who, d.trade_id, d.type, d.refund_id, d.at, d.source, d.event_id, d.amount, d.lines
        FROM near JOIN deed AS d USING (who, trade_id)
        WHERE d.shop_id = $1 AND d.at <= $5
    ), back AS MATERIALIZED (
        SELECT who, trade_id, sum(amount) AS refunded, count(*) AS refunds
        FROM told WHERE type = 'trade.refunded' GROUP BY who, trade_id
    ), deal AS MATERIALIZED (
        SELECT n.who, n.trade_id,
            CASE WHEN by_payment THEN p.at ELSE c.at END AS paid_at,
            CASE WHEN by_payment THEN p.amount ELSE c.amount END AS paid_amount,
            CASE WHEN by_payment THEN p.lines ELSE c.lines END AS lines,
            c.at AS completed_at, c.amount AS completed_amount,
            coalesce(b.refunded, 0) AS refunded, coalesce(b.refunds, 0) AS refunds
        FROM near AS n
        LEFT JOIN told AS p ON p.who = n.who AND p.trade_id = n.trade_id AND p.type = 'trade.paid'
        LEFT JOIN told AS c ON c.who = n.who AND c.trade_id = n.trade_id AND c.type = 'trade.completed'
        LEFT JOIN told AS x ON x.who = n.who AND x.trade_id = n.trade_id AND x.type = 'trade.closed'
        LEFT JOIN back AS b ON b.who = n.who AND b.trade_id = n.trade_id
        CROSS JOIN LATERAL (
            SELECT p.at IS NOT NULL
                AND (c.at IS NULL OR (p.at, p.source, p.event_id) <= (c.at, c.source, c.event_id))
                AND (x.at IS NULL OR coalesce((c.at, c.source, c.event_id) <= (x.at, x.source, x.event_id), false))
                AS by_payment
        ) AS how
    )
"""
"""The deals of shop $1 that were paid or completed from $3 until before $4, with what is known at $5.

A deal is paid once, at the earlier of payment and completion, unless it was closed before it was completed: then it was
not paid, or only with its completion.
"""
