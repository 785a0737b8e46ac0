"""What a customer is in the whole shop: quintiles of recency, frequency, monetary value and average order, loyalty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from huitou_chassis import Tx
from segment_svc import rfm_windows, whole_shops
from segment_svc.calendar import local_day, midnight
from segment_svc.loyalty_levels import Level
from segment_svc.nodes import LEVELS, SCORES
from segment_svc.whole_shops import BACK

NAMES = (*SCORES, *LEVELS)
"""The places in the arrays of scores."""
MONTHS = 6
SINCE_2010 = 1_262_304_000_000_000
Cell: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Months:
    """Full months of a calendar, from a moment until before another."""

    start: int
    end: int


def months(now: int, zone: ZoneInfo) -> Months:
    """The last six full calendar months."""
    today = date.fromordinal(local_day(now, zone))
    number = today.year * 12 + today.month - 1
    first, last = (date(one // 12, one % 12 + 1, 1) for one in (number - MONTHS, number))
    return Months(midnight(first.toordinal(), zone), midnight(last.toordinal(), zone))


async def compute(tx: Tx, shop: str, zone: ZoneInfo, *, levels: Sequence[Level], window_days: int | None) -> list[Cell]:
    """Writes down whose scores are to change; gives the sizes and bounds of each combination of R, F and M.

    A score is 1 + floor(5 * share of the customers with a completed trade who are strictly below), those of R, F and M
    by the trades within the window, the levels by their own. Which trades there are is what `tallies` has counted.
    """
    asked = months(tx.us, zone)
    rows = await whole_shops.fetch(
        tx,
        f"WITH {RANKED}, queued AS ({QUEUED}) {CELLS}",
        shop,
        tx.us,
        SINCE_2010,
        asked.start,
        asked.end,
        [level.trades for level in levels],
        [level.amount for level in levels],
        rfm_windows.after(window_days, tx.us),
    )
    return [dict(row) for row in rows]


def _score(figure: str) -> str:
    """Among those with a trade within the window, null for the others."""
    return f"CASE WHEN trades > 0 THEN 1 + 5 * (rank() OVER (scored ORDER BY {figure}) - 1) / count(*) OVER scored END"


RANKED = f"""
    {BACK}, done AS (
        SELECT d.who, d.at, d.amount - coalesce(b.refunded, 0) AS amount,
            b.refunded IS NULL OR b.refunded < d.amount AS stands, d.at >= $4 AND d.at < $5 AS recent,
            d.at > $8 OR $8::bigint IS NULL AS inside
        FROM deed AS d LEFT JOIN back AS b USING (who, trade_id)
        WHERE d.shop_id = $1 AND d.type = 'trade.completed' AND d.at >= $3 AND d.at <= $2
    ), buyer AS (
        SELECT c.customer_id, c.who, count(*) FILTER (WHERE stands) AS ever_trades, sum(d.amount) AS ever_amount,
            max(d.at) FILTER (WHERE stands AND inside) AS last_at,
            count(*) FILTER (WHERE stands AND inside) AS trades, sum(d.amount) FILTER (WHERE inside) AS amount,
            count(*) FILTER (WHERE stands AND recent) AS recent_trades,
            coalesce(sum(d.amount) FILTER (WHERE recent), 0) AS recent_amount
        FROM done AS d JOIN customer AS c ON c.shop_id = $1 AND c.who = d.who
        GROUP BY c.customer_id, c.who
        HAVING count(*) FILTER (WHERE stands) > 0
    ), ranked AS MATERIALIZED (
        SELECT customer_id, who, last_at, trades, amount, ARRAY[
            {_score("last_at")}, {_score("trades")}, {_score("amount")},
            1 + 5 * (rank() OVER (
                ORDER BY div(ever_amount, ever_trades), mod(ever_amount, ever_trades) / ever_trades
            ) - 1) / count(*) OVER (),
            (
                SELECT max(level) FROM unnest($6::bigint[], $7::bigint[]) WITH ORDINALITY AS l (trades, amount, level)
                WHERE b.recent_trades >= l.trades AND b.recent_amount >= l.amount
            )
        ]::smallint[] AS scores
        FROM buyer AS b WINDOW scored AS (PARTITION BY trades > 0)
    )
"""
QUEUED = """
    INSERT INTO score_change (shop_id, customer_id, who, before, after)
    SELECT $1, c.customer_id, c.who,
        coalesce(s.scores, array_fill(NULL::smallint, ARRAY[5])),
        coalesce(r.scores, array_fill(NULL::smallint, ARRAY[5]))
    FROM ranked AS r
    FULL JOIN (SELECT customer_id, scores FROM score WHERE shop_id = $1) AS s USING (customer_id)
    JOIN customer AS c ON c.shop_id = $1 AND c.customer_id = coalesce(r.customer_id, s.customer_id)
    WHERE r.scores IS DISTINCT FROM s.scores
"""
CELLS = """
    SELECT scores[1] AS recency, scores[2] AS frequency, scores[3] AS monetary, count(*) AS customers,
        min(last_at) AS last_from, max(last_at) AS last_to, min(trades) AS trades_from, max(trades) AS trades_to,
        min(amount)::bigint AS amount_from, max(amount)::bigint AS amount_to
    FROM ranked WHERE trades > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
