"""Calls about claims: claim a coupon, use it for an order, give it back."""

from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import Field

from campaign_svc import claims, uses
from campaign_svc.answers import ClaimOut
from campaign_svc.claims import Wish
from campaign_svc.desk import Asked, ClaimDesk
from campaign_svc.models import Claim
from campaign_svc.uses import Lock, Redeem, Release, Step, Use
from huitou_chassis import (
    UNCHANGING,
    Conflict,
    Held,
    Model,
    NotFound,
    Page,
    Paged,
    Router,
    ShopId,
    Transaction,
    Tx,
    idempotency,
)
from huitou_chassis.routing import replay, scope_of
from huitou_events import Id, Line, Money

router = Router(tags=["claims"])
PathId = Annotated[Id, Path()]


class ClaimIn(Model):
    customer_id: Id


@router.post("/coupons/{coupon_id}/claims", status_code=201, response_model=ClaimOut, openapi_extra=UNCHANGING)
async def claim_coupon(coupon_id: PathId, body: ClaimIn, shop: ShopId, held: Held, request: Request) -> Response:
    """A piece of the coupon for the customer; 409 `sold-out`, `limit-reached` or `not-valid`."""
    desk: ClaimDesk = held
    wish = Wish(shop, coupon_id, body.customer_id)
    key = request.headers.get("idempotency-key")
    if key is None:
        settled = await desk.ask(Asked(wish))
    else:
        fingerprint = idempotency.fingerprint(await request.body())
        settled = await desk.ask(Asked(wish, scope_of(request, key), fingerprint))
    if settled.repeated:
        return replay(settled.answer)
    return Response(settled.answer.body, settled.answer.status, media_type="application/json")


@router.get("/claims/{claim_id}")
async def get_claim(claim_id: PathId, shop: ShopId, tx: Transaction) -> ClaimOut:
    return ClaimOut.of(await claims.get(tx, shop, claim_id), tx.us)


@router.get("/codes/{code}")
async def get_claim_by_code(code: PathId, shop: ShopId, tx: Transaction) -> ClaimOut:
    """The claim with this code, as it was typed: case, spaces and hyphens do not matter."""
    return ClaimOut.of(await claims.by_code(tx, shop, code), tx.us)


@router.get("/customers/{customer_id:path}/coupons")
async def list_coupons_of_customer(customer_id: PathId, shop: ShopId, page: Page, tx: Transaction) -> Paged[ClaimOut]:
    """What the customer has claimed, oldest first."""
    after_us, after_id = page.key(int, str) or (-1, "")
    rows = await claims.page(tx, shop, customer_id, after=(after_us, after_id), limit=page.limit + 1)
    return page.answer(
        rows, key=lambda claim: [claim.claimed_us, claim.id], item=lambda claim: ClaimOut.of(claim, tx.us)
    )


class LockIn(Model):
    trade_id: Id


@router.post("/claims/{claim_id}/lock", openapi_extra=UNCHANGING)
async def lock_claim(claim_id: PathId, body: LockIn, shop: ShopId, tx: Transaction) -> ClaimOut:
    """Holds the coupon for the order for 30 minutes of the platform's clock."""
    return await _use(tx, shop, claim_id, Lock(body.trade_id))


class LineIn(Model):
    item_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)] = 1
    amount: Money


class RedeemIn(Model):
    """`amount` is what the coupon is used on; `items` tell a fixed price which of it is its item."""

    trade_id: Id
    amount: Money
    items: Annotated[list[LineIn], Field(max_length=1000)] = Field(default_factory=list)


@router.post("/claims/{claim_id}/redeem", openapi_extra=UNCHANGING)
async def redeem_claim(claim_id: PathId, body: RedeemIn, shop: ShopId, tx: Transaction) -> ClaimOut:
    """Uses the coupon for the order; `discount` is what it takes off, never more than `amount`."""
    lines = [Line(**line.model_dump()) for line in body.items]
    return await _use(tx, shop, claim_id, Redeem(body.trade_id, body.amount, lines))


class ReleaseIn(Model):
    """With the order, what it redeemed is given back too; without, only a lock is."""

    trade_id: Id | None = None


@router.post("/claims/{claim_id}/release", openapi_extra=UNCHANGING)
async def release_claim(claim_id: PathId, shop: ShopId, tx: Transaction, body: ReleaseIn | None = None) -> ClaimOut:
    """Gives the coupon back; it can be used again as long as it is valid."""
    return await _use(tx, shop, claim_id, Release(body.trade_id if body else None))


async def _use(tx: Tx, shop: str, claim_id: str, step: Step) -> ClaimOut:
    (outcome,) = await uses.apply(tx, [Use(shop, claim_id, step, tx.us)])
    if isinstance(outcome, Claim):
        return ClaimOut.of(outcome, tx.us)
    raise NotFound(outcome.detail) if outcome.type == "not-found" else Conflict(outcome.type, outcome.detail)
