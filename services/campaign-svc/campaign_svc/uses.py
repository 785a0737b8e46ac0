"""Uses of a claim: an order locks it, redeems it or gives it back. The one way, for calls and for events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from campaign_svc import coupons, life
from campaign_svc.discounts import Kind
from campaign_svc.life import Refused
from campaign_svc.models import Claim
from huitou_chassis import Tx
from huitou_events import (
    CouponExpired,
    CouponLocked,
    CouponRedeemed,
    CouponReleased,
    Event,
    Line,
    moment,
)


@dataclass(frozen=True)
class Lock:
    trade_id: str


@dataclass(frozen=True)
class Redeem:
    trade_id: str
    amount: int
    lines: Sequence[Line] = ()


@dataclass(frozen=True)
class Release:
    trade_id: str | None


Step: TypeAlias = Lock | Redeem | Release


@dataclass(frozen=True)
class Use:
    """One step for one claim at the moment `us`, and the event that asks for it, if it was one."""

    shop: str
    claim_id: str
    step: Step
    us: int
    because: Event[Any] | None = None


async def apply(tx: Tx, asked: Sequence[Use]) -> list[Claim | Refused]:
    """Takes the steps in their order; for each the claim after it, or why it was refused (or `not-found`)."""
    claims = await _hold(tx, asked)
    kinds = await coupons.kinds(tx, {(claim.shop, claim.coupon_id) for claim in claims.values()})
    outcomes: list[Claim | Refused] = []
    changed: dict[tuple[str, str], Claim] = {}
    for use in asked:
        before = claims.get((use.shop, use.claim_id))
        if before is None:
            outcomes.append(Refused("not-found", f"no claim {use.claim_id!r}"))
            continue
        after = _taken(before, use, kinds[before.shop, before.coupon_id])
        outcomes.append(after)
        if isinstance(after, Claim) and after != before:
            tell(tx, before, after, us=use.us, because=use.because)
            claims[use.shop, use.claim_id] = changed[use.shop, use.claim_id] = after
    await write(tx, list(changed.values()))
    return outcomes


def tell(tx: Tx, before: Claim, after: Claim, *, us: int, because: Event[Any] | None = None) -> None:
    """coupon.released, coupon.locked, coupon.redeemed, coupon.expired: what happened between the two."""
    held = ("locked", "redeemed")
    if before.status in held and (after.status not in held or after.trade_id != before.trade_id):
        # A lock that ran out before is over since then, also when its job has not come round to it.
        over_us = us if before.locked_until_us is None else min(us, before.locked_until_us)
        over_us = over_us if before.status == "locked" else us
        _say(tx, CouponReleased, after, trade_id=before.trade_id, us=over_us, because=because)
    if after.status == "locked" and (before.status, before.locked_us) != (after.status, after.locked_us):
        _say(tx, CouponLocked, after, trade_id=after.trade_id, us=us, because=because)
    if after.status == "redeemed" and before.status != "redeemed":
        _say(tx, CouponRedeemed, after, trade_id=after.trade_id, us=us, because=because)
    if after.status == "expired" and before.status != "expired":
        _say(tx, CouponExpired, after, trade_id=None, us=after.valid_until_us, because=because)


async def write(tx: Tx, claims: Sequence[Claim]) -> None:
    """Writes what may change in a claim; the rows are locked by this transaction."""
    if not claims:
        return
    await tx.execute(
        """
        UPDATE claim SET status = new.status, trade_id = new.trade_id, locked_us = new.locked_us,
            locked_until_us = new.locked_until_us, released_trade_id = new.released_trade_id,
            redeemed_us = new.redeemed_us, amount = new.amount, discount = new.discount, due_us = new.due_us
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
                    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
            AS new (shop_id, claim_id, status, trade_id, locked_us, locked_until_us, released_trade_id,
                    redeemed_us, amount, discount, due_us)
        WHERE (claim.shop_id, claim.claim_id) = (new.shop_id, new.claim_id)
        """,
        [claim.shop for claim in claims],
        [claim.id for claim in claims],
        [claim.status for claim in claims],
        [claim.trade_id for claim in claims],
        [claim.locked_us for claim in claims],
        [claim.locked_until_us for claim in claims],
        [claim.released_trade_id for claim in claims],
        [claim.redeemed_us for claim in claims],
        [claim.amount for claim in claims],
        [claim.discount for claim in claims],
        [claim.due_us for claim in claims],
    )


async def _hold(tx: Tx, asked: Sequence[Use]) -> dict[tuple[str, str], Claim]:
    wanted = sorted({(use.shop, use.claim_id) for use in asked})
    rows = await tx.fetch(
        """
        SELECT * FROM claim
        WHERE (shop_id, claim_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        ORDER BY shop_id, claim_id FOR UPDATE
        """,
        [shop for shop, _ in wanted],
        [claim_id for _, claim_id in wanted],
    )
    return {(row["shop_id"], row["claim_id"]): Claim.of(row) for row in rows}


def _taken(claim: Claim, use: Use, kind: Kind) -> Claim | Refused:
    match use.step:
        case Lock(trade_id):
            return life.lock(claim, trade_id, use.us)
        case Redeem(trade_id, amount, lines):
            return life.redeem(claim, trade_id, use.us, kind=kind, amount=amount, lines=lines)
        case Release(trade_id):
            return life.release(claim, trade_id)


Told: TypeAlias = type[CouponReleased] | type[CouponLocked] | type[CouponRedeemed] | type[CouponExpired]


def _say(tx: Tx, fact: Told, claim: Claim, *, trade_id: str | None, us: int, because: Event[Any] | None) -> None:
    said = fact(
        customer_id=claim.customer_id,
        coupon_id=claim.coupon_id,
        claim_id=claim.id,
        plan_id=claim.plan_id,
        trade_id=trade_id,
    )
    cause = because or f"claim {claim.id} of {trade_id or 'nobody'} at {us}"
    tx.emit(said, shop=claim.shop, because=cause, about=claim.id, time=moment(us))
