"""Lines of events as SQL: what replaces one by something later, and what refunds take off one."""

from __future__ import annotations

from segment_svc.nodes import REFUND, TRADES
from segment_svc.queries import Question

REFUNDS = ("trade_id", "refund_id")
"""Columns by which a refund is known."""
LINES = "line ->> 0 AS item, (line ->> 2)::bigint AS quantity, (line ->> 3)::bigint AS line_amount"


def replacing(question: Question, later: frozenset[str], after: int) -> dict[str, str]:
    """The part `r`: items of events after a moment that replace earlier ones; a closed trade was not paid."""
    parts, rows = {}, []
    columns = "who, h.at, h.source, h.event_id, h.lines"
    trades = later & set(TRADES)
    if plain := later - trades - {REFUND}:
        rows.append(question.told(plain, columns, after=after))
    if REFUND in later:
        rows.append(question.once({REFUND}, columns, REFUNDS, after=after))
    if "trade.paid" in trades:
        trades |= {"trade.completed"}
        ends = question.once({"trade.closed", "trade.completed"}, "who, h.trade_id, h.type", ["trade_id"])
        parts["c"] = f"SELECT who, trade_id FROM ({ends}) AS t WHERE type = 'trade.closed'"
    if trades:
        standing = question.once(trades, f"{columns}, h.type, h.trade_id", ["trade_id", "type"], after=after)
        left = """ WHERE type <> 'trade.paid' OR NOT EXISTS (
            SELECT FROM c WHERE c.who = t.who AND c.trade_id = t.trade_id
        )"""
        rows.append(f"SELECT who, at, source, event_id, lines FROM ({standing}) AS t{left if 'c' in parts else ''}")
    return parts | {
        "r": f"""
            SELECT who, at, source, event_id, line ->> 0 AS item FROM ({" UNION ALL ".join(rows)}) AS d
            CROSS JOIN LATERAL json_array_elements(d.lines::json) AS line
        """
    }


WORTH = """
    SELECT *, sum(amount) OVER trade AS whole, place = max(place) OVER trade AS last,
        place = max(place) OVER item AS last_of_item,
        coalesce(sum(amount) OVER (item ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS skipped
    FROM (
        SELECT e.who, e.trade_id, b.spreads, place, coalesce(line ->> 0, '') AS item, (line ->> 3)::numeric AS amount
        FROM e JOIN b USING (who, trade_id)
        CROSS JOIN LATERAL json_array_elements(e.lines::json) WITH ORDINALITY AS x (line, place)
        WHERE e.back IS NOT NULL
    ) AS line
    WINDOW trade AS (PARTITION BY who, trade_id), item AS (PARTITION BY who, trade_id, item)
"""
BORNE = "greatest(coalesce(given, 0) - skipped, 0)"
LOST = {
    "g": """
        SELECT who, trade_id, coalesce(line ->> 0, '') AS item, sum((line ->> 3)::bigint) AS given
        FROM d CROSS JOIN LATERAL json_array_elements(d.lines::json) AS line
        GROUP BY 1, 2, 3
    """,
    "w": f"""
        SELECT *, (SELECT coalesce(sum(div(one * amount, greatest(whole, 1))), 0) FROM unnest(spreads) AS one) AS share
        FROM ({WORTH}) AS w
    """,
    "o": f"""
        SELECT who, trade_id, place, share
            + CASE WHEN last_of_item THEN {BORNE} ELSE least({BORNE}, amount) END
            + CASE WHEN last THEN coalesce((SELECT sum(one) FROM unnest(spreads) AS one), 0)
                - sum(share) OVER (PARTITION BY who, trade_id) ELSE 0 END AS loss
        FROM w LEFT JOIN g USING (who, trade_id, item)
    """,
}
"""The part `o`, where `e` has trades: what their lines lost by refunds, those of items by item, others by amount.

Each line bears its share of a refund, rounded down, the last one the rest; of what went back of an item each of its
lines bears what is left after those before it, the last one the rest.
"""
