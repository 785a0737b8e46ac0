"""What calls are answered: coupons, claims, plans and their effects, as others see them."""

from datetime import datetime

from pydantic import Field

from campaign_svc import life
from campaign_svc.discounts import Kind
from campaign_svc.effects import Effects
from campaign_svc.models import Claim, ClaimStatus, Coupon, Plan, PlanState
from campaign_svc.terms import Channel, PosterTerms, TimingTerms, ValidityTerms
from huitou_chassis import Model
from huitou_events import moment


class CouponOut(Model):
    """A coupon; `claimed` counts the claims ever made."""

    id: str
    name: str
    kind: Kind
    stock: int | None
    per_customer: int | None
    validity: ValidityTerms
    claimed: int
    created_at: datetime

    @staticmethod
    def of(coupon: Coupon) -> "CouponOut":
        return CouponOut(
            id=coupon.id,
            name=coupon.name,
            kind=coupon.kind,
            stock=coupon.stock,
            per_customer=coupon.per_customer,
            validity=ValidityTerms(
                from_=_time(coupon.valid_from_us),
                until=_time(coupon.valid_until_us),
                days=coupon.valid_days,
            ),
            claimed=coupon.claimed,
            created_at=moment(coupon.created_us),
        )


class ClaimOut(Model):
    """A claim at the moment of the answer; `valid_until` is exclusive, `discount` is null unless redeemed."""

    claim_id: str
    coupon_id: str
    customer_id: str
    plan_id: str | None
    code: str
    status: ClaimStatus
    valid_from: datetime
    valid_until: datetime
    claimed_at: datetime
    trade_id: str | None
    locked_until: datetime | None
    amount: int | None
    discount: int | None

    @staticmethod
    def of(claim: Claim, us: int) -> "ClaimOut":
        claim = life.lapse(claim, us)
        held = claim.status in ("locked", "redeemed")
        return ClaimOut(
            claim_id=claim.id,
            coupon_id=claim.coupon_id,
            customer_id=claim.customer_id,
            plan_id=claim.plan_id,
            code=claim.code,
            status=claim.status,
            valid_from=moment(claim.valid_from_us),
            valid_until=moment(claim.valid_until_us),
            claimed_at=moment(claim.claimed_us),
            trade_id=claim.trade_id if held else None,
            locked_until=_time(claim.locked_until_us) if claim.status == "locked" else None,
            amount=claim.amount,
            discount=claim.discount,
        )


class PlanOut(Model):
    """A plan with its terms; `audience_size` is that of the moment at which it was made or changed."""

    id: str
    state: PlanState
    audience_size: int
    name: str
    audience: str
    channels: tuple[Channel, ...]
    coupon_id: str | None
    template_id: str | None
    variables: dict[str, str]
    timing: TimingTerms
    poster: PosterTerms | None
    holdout: float
    ends_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @staticmethod
    def of(plan: Plan) -> "PlanOut":
        terms = {name: getattr(plan.terms, name) for name in type(plan.terms).model_fields}
        return PlanOut(
            id=plan.id,
            state=plan.state,
            audience_size=plan.audience_size,
            created_at=moment(plan.created_us),
            started_at=_time(plan.started_us),
            ended_at=_time(plan.ended_us),
            **terms,
        )


class EffectsOut(Model):
    """Customers: `audience` (taken at the start), `held_out`, `reached` (at least one message delivered), `sold_out`.

    Messages: `requested`, `cancelled`, `sent`, `failed`, `clicked`, `suppressed` by reason. Coupons: `claimed`,
    `redeemed`.
    """

    audience: int
    held_out: int
    requested: int
    reached: int
    sent: int
    suppressed: dict[str, int]
    failed: int
    clicked: int
    cancelled: int
    claimed: int
    redeemed: int
    sold_out: int

    @staticmethod
    def of(effects: Effects) -> "EffectsOut":
        return EffectsOut(**{name: getattr(effects, name) for name in EffectsOut.model_fields})


class PlanListed(PlanOut):
    """A plan in the list, with its effects so far."""

    effects: EffectsOut = Field(...)

    @staticmethod
    def with_effects(plan: Plan, effects: Effects) -> "PlanListed":
        known = PlanOut.of(plan)
        return PlanListed(
            **{name: getattr(known, name) for name in PlanOut.model_fields}, effects=EffectsOut.of(effects)
        )


def _time(us: int | None) -> datetime | None:
    return None if us is None else moment(us)
