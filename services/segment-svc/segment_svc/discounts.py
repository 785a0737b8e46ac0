"""How much less than the catalogue's prices customers paid, by days and regions."""

from dataclasses import dataclass, field
from typing import NamedTuple

from huitou_chassis import Tx
from segment_svc.deals import DEALS_WITH_LINES, make_room
from segment_svc.insights import PLACES
from segment_svc.overviews import share
from segment_svc.periods import Period


@dataclass
class Discount:
    """Of `paid_trades` the `priced_trades` are those of whose lines every price is known; amounts are theirs."""

    paid_trades: int = 0
    priced_trades: int = 0
    list_amount: int = 0
    paid_amount: int = 0

    @property
    def discount(self) -> float | None:
        return share(self.list_amount - self.paid_amount, self.list_amount)


class Region(NamedTuple):
    """A region by its name, None where it is not known."""

    name: str | None
    discount: Discount


@dataclass
class Discounts:
    """Regions by their kind, those where the most was paid first."""

    total: Discount
    days: list[Discount]
    regions: dict[str, list[Region]] = field(default_factory=lambda: {name: [] for name in PLACES})


async def discounts(tx: Tx, shop: str, period: Period) -> Discounts:
    """The discounts of the period's paid trades, by its days and by where the customers are known to be now."""
    await make_room(tx)
    rows = await tx.fetch(PAID, shop, list(period.bounds), period.bounds[0], period.until, tx.us)
    found = Discounts(Discount(), [Discount() for _ in period.days])
    for kind, day, *rest in rows:
        places, numbers = rest[: len(PLACES)], Discount(*(int(number or 0) for number in rest[len(PLACES) :]))
        if kind < len(PLACES):
            found.regions[PLACES[kind]].append(Region(places[kind], numbers))
        elif day is None:
            found.total = numbers
        else:
            found.days[day - 1] = numbers
    for regions in found.regions.values():
        regions.sort(key=lambda one: (-one.discount.paid_amount, one.name is None, one.name or ""))
    return found


PAID = f"""
    {DEALS_WITH_LINES}, paid AS MATERIALIZED (
        SELECT width_bucket(paid_at, $2::bigint[]) AS day, who, trade_id, paid_at, paid_amount, lines
        FROM deal WHERE paid_at >= $3 AND paid_at < $4 AND NOT (refunds > 0 AND refunded >= paid_amount)
    ), line AS MATERIALIZED (
        SELECT day, who, trade_id, paid_at, paid_amount, l.value ->> 0 AS item_id,
            (l.value ->> 2)::numeric AS quantity
        FROM paid LEFT JOIN LATERAL json_array_elements(lines::json) AS l ON true
    ), valid AS MATERIALIZED (
        -- An item's first price holds before it, too: a catalogue often comes later than the first trades.
        SELECT item_id, price, lead(at) OVER later AS until,
            CASE WHEN row_number() OVER later > 1 THEN at ELSE -9223372036854775808 END AS since
        FROM price WHERE shop_id = $1 AND item_id IN (SELECT item_id FROM line)
        WINDOW later AS (PARTITION BY item_id ORDER BY at, source, event_id)
    ), priced AS MATERIALIZED (
        SELECT l.who, l.trade_id, l.day, l.paid_amount, sum(v.price * l.quantity) AS listed,
            count(*) = count(v.price) AS known
        FROM line AS l LEFT JOIN valid AS v
            ON v.item_id = l.item_id AND v.since <= l.paid_at AND (v.until IS NULL OR l.paid_at < v.until)
        GROUP BY l.who, l.trade_id, l.day, l.paid_amount
    )
    SELECT CASE WHEN grouping(country) = 0 THEN 0 WHEN grouping(province) = 0 THEN 1 WHEN grouping(city) = 0 THEN 2
            ELSE 3 END, day, country, province, city,
        count(*), count(*) FILTER (WHERE known), sum(listed) FILTER (WHERE known),
        sum(paid_amount) FILTER (WHERE known)
    FROM priced AS p LEFT JOIN trait AS t ON t.shop_id = $1 AND t.who = p.who
    GROUP BY GROUPING SETS ((), (day), (country), (province), (city))
"""
