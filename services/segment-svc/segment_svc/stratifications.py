"""A shop's customers in layers by their completed trades: how many are in each, and how much of the amount is theirs.

Each figure is counted as the rules that find the layers do, to the event that has just come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Tx
from huitou_events.values import LARGEST
from segment_svc.calendar import DAY
from segment_svc.deals import make_room
from segment_svc.layers import AGES, OLDEST, By
from segment_svc.scores import SINCE_2010

Cut = Sequence[int] | int
"""Where layers begin, or how many of equal size there are to be."""


@dataclass(frozen=True)
class Layer:
    """Customers whose figure is at least `lower` and below `upper`; their trades, and the amount of these less
    refunds in the minor unit."""

    lower: int | None = None
    upper: int | None = None
    customers: int = 0
    amount: int = 0
    trades: int = 0

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None


@dataclass(frozen=True)
class Stratification:
    """Everybody is in one of the layers, the lowest first, or `without` a trade."""

    layers: Sequence[Layer]
    without: Layer

    @property
    def whole(self) -> Layer:
        """All customers of the shop."""
        parts = [*self.layers, self.without]
        customers = sum(part.customers for part in parts)
        return Layer(None, None, customers, sum(part.amount for part in parts), sum(part.trades for part in parts))


async def stratify(tx: Tx, shop: str, by: By, cut: Cut) -> Stratification:
    """Layers that begin at these bounds, or so many of equal size: fewer where too many customers are equal."""
    await make_room(tx)
    # Nearly every page is read; where statistics lag behind what has come, loops inside loops would be chosen.
    await tx.execute("SET LOCAL random_page_cost = 4; SET LOCAL enable_nestloop = off")
    rows = await tx.fetch(_statement(by, cut), shop, tx.us, SINCE_2010, tx.us - OLDEST, cut)
    found = {row["layer"]: row for row in rows}
    without = _layer(found.pop(0, None))
    places = sorted(found) if isinstance(cut, int) else range(1, len(cut) + 2)
    begins = [found[place]["least"] for place in places[1:]] if isinstance(cut, int) else list(cut)
    ends = zip(places, [None, *begins], [*begins, None], strict=False)
    return Stratification([_layer(found.get(place), *both) for place, *both in ends], without)


def _layer(row: Any, lower: int | None = None, upper: int | None = None) -> Layer:
    """An empty one if there is no row."""
    return Layer(lower, upper, *(map(int, row[2:]) if row else ()))


def _statement(by: By, cut: Cut) -> str:
    is_equal = isinstance(cut, int)
    figure = FIGURES[by]
    if by in AGES and is_equal:
        # Rules tell ages by whole minutes, and operators by days: who is of one day is equal.
        figure = f"({figure}) / {DAY} * {DAY}"
    layer = EQUAL if is_equal else "width_bucket(figure, $5::bigint[]) + 1"
    pieces, joined = (PIECES.format(pieces=MEASURES[by]), "LEFT JOIN piece USING (who)") if by in MEASURES else ("", "")
    return f"""
        WITH {DONE}{pieces}, figured AS (
            SELECT trades, amount,
                CASE WHEN trades > 0 THEN least(greatest({figure}, 0), {LARGEST})::bigint END AS figure
            FROM customer AS c LEFT JOIN buyer USING (who) {joined}
            WHERE c.shop_id = $1 AND c.born_us <= $2
        ), layered AS (
            SELECT CASE WHEN figure IS NULL THEN 0 ELSE {layer} END AS layer, figure, trades, amount FROM figured
        )
        SELECT layer, min(figure) AS least, count(*), coalesce(sum(amount), 0), coalesce(sum(trades), 0)
        FROM layered GROUP BY layer
    """


def _told(type: str) -> str:
    """The deeds of a type until $2, one a trade or refund. Of whom something is still to be counted it is looked up in
    both places: the earliest stands."""
    of_shop = f"shop_id = $1 AND type = '{type}' AND at <= $2"
    fresh = "SELECT who FROM uncounted WHERE shop_id = $1"
    return f"""
        SELECT who, trade_id, at, amount, lines FROM deed WHERE {of_shop} AND who NOT IN ({fresh})
        UNION ALL
        (SELECT DISTINCT ON (who, trade_id, refund_id) who, trade_id, at, amount, lines FROM (
            SELECT who, trade_id, refund_id, at, source, event_id, amount, lines
            FROM deed WHERE {of_shop} AND who = ANY (ARRAY({fresh}))
            UNION ALL
            SELECT who, trade_id, coalesce(refund_id, ''), at, source, event_id, amount, lines
            FROM uncounted WHERE {of_shop}
        ) AS told ORDER BY who, trade_id, refund_id, at, source, event_id)
    """


DONE = f"""
    completed AS ({_told("trade.completed")}), back AS (
        SELECT who, trade_id, sum(amount) AS refunded FROM ({_told("trade.refunded")}) AS refund GROUP BY who, trade_id
    ), done AS (
        SELECT who, at, amount - coalesce(refunded, 0) AS amount, refunded IS NULL OR refunded < amount AS stands, lines
        FROM completed LEFT JOIN back USING (who, trade_id) WHERE at > $4
    ), buyer AS (
        SELECT who, count(*) FILTER (WHERE stands AND at >= $3) AS trades,
            sum(amount) FILTER (WHERE at >= $3) AS amount,
            min(at) FILTER (WHERE stands) AS first_at, max(at) FILTER (WHERE stands) AS last_at
        FROM done GROUP BY who
    )
"""
PIECES = """, piece AS (
        SELECT who, {pieces} AS number FROM (
            SELECT who, json_array_elements(lines::json) AS line FROM done WHERE stands AND at >= $3
        ) AS line GROUP BY who
    )
"""
MEASURES = {"quantity": "sum((line ->> 2)::bigint)", "items": "count(DISTINCT line ->> 0)"}
FIGURES: dict[By, str] = {
    "amount": "amount",
    "trades": "trades",
    "average_order_value": "div(amount, trades)",
    "quantity": "coalesce(number, 0)",
    "items": "coalesce(number, 0)",
    "last_trade_at": "$2 - last_at",
    "first_trade_at": "$2 - first_at",
}
EQUAL = """
    1 + $5 * (rank() OVER (PARTITION BY figure IS NULL ORDER BY figure) - 1)
        / count(*) OVER (PARTITION BY figure IS NULL)
"""
