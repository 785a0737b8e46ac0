"""A shop from above, over a period and by its days: who came and how they looked around, who paid and traded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Tx
from segment_svc import memberships
from segment_svc.deals import DEALS, make_room
from segment_svc.periods import Period


@dataclass
class Figures:
    """What was counted, as docs/figures.md defines it; amounts in the minor unit. Rates follow from it."""

    visitors: int = 0
    page_views: int = 0
    dwell_seconds: int = 0
    dwellers: int = 0
    visits: int = 0
    bounces: int = 0
    buyers: int = 0
    paid_trades: int = 0
    paid_amount: int = 0
    trading_customers: int = 0
    trades: int = 0
    amount: int = 0
    member_trades: int = 0
    member_amount: int = 0
    members: int = 0
    active_members: int = 0

    @property
    def bounce_rate(self) -> float | None:
        return share(self.bounces, self.visits)

    @property
    def conversion(self) -> float | None:
        return share(self.buyers, self.visitors)

    @property
    def page_views_per_visitor(self) -> float | None:
        return share(self.page_views, self.visitors)

    @property
    def average_dwell_seconds(self) -> float | None:
        return share(self.dwell_seconds, self.dwellers)

    @property
    def member_activity(self) -> float | None:
        return share(self.active_members, self.members)

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None


def share(part: int, whole: int) -> float | None:
    """To four digits after the point; None of nothing."""
    return round(part / whole, 4) if whole else None


@dataclass(frozen=True)
class Overview:
    total: Figures
    days: Sequence[Figures]


async def overview(tx: Tx, shop: str, period: Period) -> Overview:
    """The period's figures and those of each of its days. A customer who came on two days is one visitor of both."""
    found = [Figures() for _ in period.bounds]
    await make_room(tx)
    for statement, names in ((ACTS, COMINGS), (VIEWS, PAGES), (VISITS, LOOKS), (TRADES, TRADED)):
        arguments = [shop, list(period.bounds), period.bounds[0], period.until]
        rows = await tx.fetch(statement, *arguments, *([tx.us] if "$5" in statement else []))
        _fill(found, names, rows)
    for figures, number in zip(found, await memberships.numbers(tx, shop, period), strict=True):
        figures.members = number
    return Overview(found[0], found[1:])


def _fill(found: Sequence[Figures], names: Sequence[str], rows: Iterable[Any]) -> None:
    """Rows begin with the number of their day, 0 for the whole period."""
    for place, *numbers in rows:
        for name, number in zip(names, numbers, strict=True):
            setattr(found[place], name, int(number or 0))


COMINGS = ("visitors", "dwellers", "active_members")
ACTS = """
    WITH daily AS MATERIALIZED (
        SELECT width_bucket(slot_us, $2::bigint[]) AS day, who, bool_or(views > 0) AS visited,
            bool_or(dwells > 0) AS dwelled
        FROM act WHERE shop_id = $1 AND slot_us >= $3 AND slot_us < $4
        GROUP BY 1, 2
    ), part AS (
        SELECT day, who, visited, dwelled, ($2::bigint[])[day] AS start, ($2::bigint[])[day + 1] AS until FROM daily
        UNION ALL
        SELECT 0, who, bool_or(visited), bool_or(dwelled), $3, $4 FROM daily GROUP BY who
    )
    SELECT day, count(*) FILTER (WHERE visited), count(*) FILTER (WHERE dwelled),
        count(*) FILTER (WHERE t.joined_us < until AND (t.left_us IS NULL OR t.left_us > start))
    FROM part LEFT JOIN trait AS t ON t.shop_id = $1 AND t.who = part.who AND t.joined_us IS NOT NULL
    GROUP BY day
"""
PAGES = ("page_views", "dwell_seconds")
VIEWS = """
    SELECT coalesce(width_bucket(slot_us, $2::bigint[]), 0), sum(views), sum(dwell_seconds)
    FROM act WHERE shop_id = $1 AND slot_us >= $3 AND slot_us < $4
    GROUP BY GROUPING SETS ((width_bucket(slot_us, $2::bigint[])), ())
"""
LOOKS = ("visits", "bounces")
VISITS = """
    WITH daily AS MATERIALIZED (
        SELECT width_bucket(begun_us, $2::bigint[]) AS day, count(*) AS visits, count(*) FILTER (WHERE pages = 1) AS one
        FROM visit WHERE shop_id = $1 AND begun_us >= $3 AND begun_us < $4
        GROUP BY 1
    )
    SELECT day, visits, one FROM daily UNION ALL SELECT 0, sum(visits), sum(one) FROM daily
"""
TRADED = (
    "buyers",
    "trading_customers",
    "paid_trades",
    "paid_amount",
    "trades",
    "amount",
    "member_trades",
    "member_amount",
)
TRADES = f"""
    {DEALS}, step AS (
        SELECT who, paid_at AS at, 1 AS payment, paid_amount - refunded AS worth, 0 AS trade, 0 AS amount
        FROM deal WHERE paid_at >= $3 AND paid_at < $4 AND NOT (refunds > 0 AND refunded >= paid_amount)
        UNION ALL
        SELECT who, completed_at, 0, 0,
            CASE WHEN refunds > 0 AND refunded >= completed_amount THEN 0 ELSE 1 END, completed_amount - refunded
        FROM deal WHERE completed_at >= $3 AND completed_at < $4
    ), daily AS MATERIALIZED (
        SELECT width_bucket(at, $2::bigint[]) AS day, step.who, payment, worth, trade, amount,
            joined_us <= at AND (left_us IS NULL OR at < left_us) AS inside
        FROM step LEFT JOIN trait AS t ON t.shop_id = $1 AND t.who = step.who AND t.joined_us IS NOT NULL
    ), mark AS MATERIALIZED (
        SELECT day, who, bool_or(payment = 1) AS paid, bool_or(trade = 1) AS traded FROM daily GROUP BY day, who
    ), buyer AS (
        SELECT day, count(*) FILTER (WHERE paid) AS buyers, count(*) FILTER (WHERE traded) AS trading FROM (
            SELECT * FROM mark UNION ALL SELECT 0, who, bool_or(paid), bool_or(traded) FROM mark GROUP BY who
        ) AS part GROUP BY day
    ), total AS (
        SELECT coalesce(day, 0) AS day, sum(payment) AS payments, sum(worth) AS paid, sum(trade) AS trades,
            sum(amount) AS amount, sum(trade) FILTER (WHERE inside) AS member_trades,
            sum(amount) FILTER (WHERE inside) AS member_amount
        FROM daily GROUP BY GROUPING SETS ((day), ())
    )
    SELECT day, buyers, trading, payments, paid, trades, amount, member_trades, member_amount
    FROM buyer JOIN total USING (day)
"""
