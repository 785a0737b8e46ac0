"""Calls about coupons: define them, look at them."""

from typing import Annotated

from fastapi import Path

from campaign_svc import coupons
from campaign_svc.answers import CouponOut
from campaign_svc.terms import CouponTerms
from huitou_chassis import Page, Paged, Router, ShopId, Transaction
from huitou_events import Id

router = Router(tags=["coupons"])
PathId = Annotated[Id, Path()]


@router.post("/coupons", status_code=201)
async def define_coupon(terms: CouponTerms, shop: ShopId, tx: Transaction) -> CouponOut:
    """Defines a coupon, which can be claimed from then on. `stock` null: any number; `per_customer`: no limit
    unless given."""
    return CouponOut.of(await coupons.define(tx, shop, terms))


@router.get("/coupons")
async def list_coupons(shop: ShopId, page: Page, tx: Transaction) -> Paged[CouponOut]:
    """Coupons, oldest first."""
    (after,) = page.key(str) or ("",)
    rows = await coupons.page(tx, shop, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda coupon: [coupon.id], item=CouponOut.of)


@router.get("/coupons/{coupon_id}")
async def get_coupon(coupon_id: PathId, shop: ShopId, tx: Transaction) -> CouponOut:
    return CouponOut.of(await coupons.get(tx, shop, coupon_id))
