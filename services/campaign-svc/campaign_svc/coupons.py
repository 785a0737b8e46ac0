"""Coupons as they were defined: what they take off, how many there are, when they are valid."""

from collections.abc import Iterable
from datetime import datetime

import huitou_events as events
from campaign_svc.discounts import FixedPrice, Kind, Off
from campaign_svc.models import Coupon
from campaign_svc.terms import CouponTerms, ValidityTerms
from huitou_chassis import NotFound, Tx
from huitou_events import CouponDefined, Validity, micros
from huitou_events.event import new_id

Key = tuple[str, str]
# A coupon without a stock has no counter that every claim would write; its claims are counted when asked for.
COLUMNS = """
    shop_id, coupon_id, name, kind, stock, per_customer, valid_from_us, valid_until_us, valid_days, created_us,
    CASE WHEN stock IS NULL
        THEN (SELECT count(*) FROM claim WHERE (claim.shop_id, claim.coupon_id) = (coupon.shop_id, coupon.coupon_id))
        ELSE claimed
    END AS claimed
"""


async def define(tx: Tx, shop: str, terms: CouponTerms) -> Coupon:
    """coupon.defined; from now on it can be claimed."""
    coupon = Coupon(
        shop=shop,
        id=f"cp_{new_id()}",
        name=terms.name,
        kind=terms.kind,
        stock=terms.stock,
        claimed=0,
        per_customer=terms.per_customer,
        valid_from_us=_micros(terms.validity.from_),
        valid_until_us=_micros(terms.validity.until),
        valid_days=terms.validity.days,
        created_us=tx.us,
    )
    await tx.execute(
        """
        INSERT INTO coupon (shop_id, coupon_id, name, kind, stock, per_customer,
                            valid_from_us, valid_until_us, valid_days, created_us)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        coupon.shop,
        coupon.id,
        coupon.name,
        coupon.kind.model_dump(mode="json"),
        coupon.stock,
        coupon.per_customer,
        coupon.valid_from_us,
        coupon.valid_until_us,
        coupon.valid_days,
        coupon.created_us,
    )
    tx.emit(_defined(coupon, terms.validity), shop=shop, because=f"coupon {coupon.id} defined")
    return coupon


async def get(tx: Tx, shop: str, coupon_id: str) -> Coupon:
    """NotFound if the shop has no such coupon."""
    row = await tx.fetchrow(f"SELECT {COLUMNS} FROM coupon WHERE (shop_id, coupon_id) = ($1, $2)", shop, coupon_id)
    if row is None:
        raise NotFound(f"no coupon {coupon_id!r}; GET /coupons lists them")
    return Coupon.of(row)


async def page(tx: Tx, shop: str, *, after: str, limit: int) -> list[Coupon]:
    """Coupons by id, which is by age."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM coupon WHERE shop_id = $1 AND coupon_id > $2 ORDER BY coupon_id LIMIT $3",
        shop,
        after,
        limit,
    )
    return [Coupon.of(row) for row in rows]


async def kinds(tx: Tx, keys: Iterable[Key]) -> dict[Key, Kind]:
    """What each of these (shop, coupon) takes off; a definition never changes, so nothing is locked."""
    wanted = sorted(set(keys))
    rows = await tx.fetch(
        """
        SELECT coupon.*
        FROM unnest($1::text[], $2::text[]) AS wanted (shop_id, coupon_id) JOIN coupon USING (shop_id, coupon_id)
        """,
        [shop for shop, _ in wanted],
        [coupon_id for _, coupon_id in wanted],
    )
    return {(row["shop_id"], row["coupon_id"]): Coupon.of(row).kind for row in rows}


def _micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _defined(coupon: Coupon, validity: ValidityTerms) -> CouponDefined:
    return CouponDefined(
        coupon_id=coupon.id,
        name=coupon.name,
        kind=_said(coupon.kind),
        stock=coupon.stock,
        per_customer=coupon.per_customer,
        validity=Validity(from_=validity.from_, until=validity.until, days=validity.days),
    )


def _said(kind: Kind) -> events.Off | events.Percent | events.FixedPrice:
    match kind:
        case Off():
            return events.Off(off=kind.off, over=kind.over or 0)
        case FixedPrice():
            return events.FixedPrice(price=kind.price, item=kind.item)
    return events.Percent(pay=float(kind.pay), cap=kind.cap)
