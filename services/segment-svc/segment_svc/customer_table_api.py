"""The customer table: customers with their figures, filtered, sorted, page by page."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from huitou_chassis import Model, Page, Paged, Router, ShopId, Transaction
from huitou_events import Id, moment
from huitou_events.values import LARGEST
from segment_svc import audiences, customer_table, rules, tag_definitions
from segment_svc.customer_figures import NOTHING
from segment_svc.customer_table import Filter, Row
from segment_svc.people import UNKNOWN

COLUMNS = {"last_paid_at": "last_paid_us", "first_seen": "first_seen_us"}
"""Those that are named otherwise."""
Sort = Literal[
    "country",
    "fan",
    "dwell_seconds",
    "product_views",
    "carts",
    "orders",
    "trades",
    "amount",
    "last_paid_amount",
    "last_paid_at",
    "first_seen",
]
Number = Annotated[int | None, Query(ge=0, le=LARGEST)]

router = Router(tags=["customers"])


class CustomerRowOut(Model):
    """One customer's figures up to now; money is in the minor unit, what is not known is null.

    `product_views` counts views of pages with an item, `carts` what was put into the cart, `orders` trades however far
    they came, `trades` and `amount` completed ones less refunds; the last payment is that of a trade that stands.
    """

    customer_id: str
    country: str | None
    fan: bool
    dwell_seconds: int
    product_views: int
    carts: int
    orders: int
    trades: int
    amount: int
    last_paid_amount: int | None
    last_paid_at: datetime | None
    first_seen: datetime


def _shown(row: Row) -> CustomerRowOut:
    found = row.figures
    return CustomerRowOut(
        customer_id=row.customer,
        country=found.country or None,
        fan=found.fan,
        dwell_seconds=found.dwell_seconds,
        product_views=found.product_views,
        carts=found.carts,
        orders=found.orders,
        trades=found.trades,
        amount=found.amount,
        last_paid_amount=None if found.last_paid_amount == NOTHING else found.last_paid_amount,
        last_paid_at=None if found.last_paid_us == UNKNOWN else moment(found.last_paid_us),
        first_seen=moment(row.first_seen),
    )


def _bounds(
    min_dwell_seconds: Number = None,
    max_dwell_seconds: Number = None,
    min_product_views: Number = None,
    max_product_views: Number = None,
    min_carts: Number = None,
    max_carts: Number = None,
    min_orders: Number = None,
    max_orders: Number = None,
    min_trades: Number = None,
    max_trades: Number = None,
    min_amount: Number = None,
    max_amount: Number = None,
    min_last_paid_amount: Number = None,
    max_last_paid_amount: Number = None,
) -> dict[str, tuple[int | None, int | None]]:
    given = {
        "dwell_seconds": (min_dwell_seconds, max_dwell_seconds),
        "product_views": (min_product_views, max_product_views),
        "carts": (min_carts, max_carts),
        "orders": (min_orders, max_orders),
        "trades": (min_trades, max_trades),
        "amount": (min_amount, max_amount),
        "last_paid_amount": (min_last_paid_amount, max_last_paid_amount),
    }
    return {name: bounds for name, bounds in given.items() if bounds != (None, None)}


@router.get("/customers")
async def listed(
    shop: ShopId,
    page: Page,
    tx: Transaction,
    bounds: Annotated[dict[str, tuple[int | None, int | None]], Depends(_bounds)],
    country: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    fan: bool | None = None,
    audience: Id | None = None,
    tag: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    sort: Sort = "first_seen",
    order: Literal["asc", "desc"] = "desc",
) -> Paged[CustomerRowOut]:
    """The shop's customers, as of a second ago at most: those with all that is asked for, in the order of a column."""
    by = COLUMNS.get(sort, sort)
    asked = await _asked(tx, shop, country=country, fan=fan, audience=audience, tag=tag, bounds=bounds)
    after = _after(page.key(str if by == "country" else int, str), by)
    rows = await customer_table.listed(
        tx, shop, asked, by=by, falling=order == "desc", after=after, limit=page.limit + 1
    )
    return page.answer(rows, key=lambda row: [_value(row, by), row.customer], item=_shown)


async def _asked(
    tx: Transaction,
    shop: ShopId,
    *,
    country: str | None,
    fan: bool | None,
    audience: str | None,
    tag: str | None,
    bounds: dict[str, tuple[int | None, int | None]],
) -> Filter:
    inside = []
    if audience is not None:
        await audiences.check(tx, shop, audience)
        inside.append(audience)
    if tag is not None and (await tag_definitions.get(tx, shop, tag)).rule is not None:
        inside, tag = [*inside, rules.kept(tag)], None
    return Filter(country, fan, inside, tag, bounds)


def _value(row: Row, by: str) -> Any:
    value = row.first_seen if by == "first_seen_us" else getattr(row.figures, by)
    return int(value) if by == "fan" else value


def _after(key: list[Any] | None, by: str) -> tuple[Any, str] | None:
    if not key:
        return None
    value, customer = key
    return bool(value) if by == "fan" else value, customer
