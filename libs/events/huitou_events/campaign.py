"""What campaign-svc says about plans and coupons."""

from typing import Annotated

from pydantic import ConfigDict, Field

from huitou_events.fact import CustomerFact, Fact, Part
from huitou_events.moments import Moment
from huitou_events.values import Count, Id, Money, Text

Percentage = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]


class Off(Part):
    """Takes an amount off, from a threshold on."""

    off: Money
    over: Money = 0


class Percent(Part):
    """Lets the customer pay so many per cent; takes at most `cap` off."""

    pay: Percentage
    cap: Money | None = None


class FixedPrice(Part):
    """Gives an item for a price."""

    price: Money
    item: Id


class Validity(Part):
    """Between two moments, or so many days from the claim."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    from_: Moment | None = Field(None, alias="from")
    until: Moment | None = None
    days: Count | None = None


class CouponDefined(Fact):
    """A coupon can be claimed; stock None is without limit."""

    type = "coupon.defined"
    topic = "campaign.benefits"

    coupon_id: Id
    name: Text | None = None
    kind: Off | Percent | FixedPrice | None = None
    stock: Count | None = None
    per_customer: Count | None = None
    validity: Validity | None = None

    @property
    def subject(self) -> str:
        return self.coupon_id


class PlanMoved(Fact):
    """A plan began or ended for an audience."""

    topic = "campaign.benefits"

    plan_id: Id
    audience_id: Id

    @property
    def subject(self) -> str:
        return self.plan_id


class PlanStarted(PlanMoved):
    """A plan is under way and can no longer be edited."""

    type = "plan.started"


class PlanEnded(PlanMoved):
    """A plan is over; what has not gone out stays in."""

    type = "plan.ended"


class ClaimMoved(CustomerFact):
    """A step in the life of one claim to a coupon."""

    topic = "campaign.benefits"

    coupon_id: Id
    claim_id: Id
    plan_id: Id | None = None
    trade_id: Id | None = None


class CouponClaimed(ClaimMoved):
    """A customer has a coupon."""

    type = "coupon.claimed"


class CouponLocked(ClaimMoved):
    """An order holds the coupon."""

    type = "coupon.locked"


class CouponRedeemed(ClaimMoved):
    """The coupon was used."""

    type = "coupon.redeemed"


class CouponReleased(ClaimMoved):
    """The order let go of the coupon."""

    type = "coupon.released"


class CouponExpired(ClaimMoved):
    """The coupon can no longer be used."""

    type = "coupon.expired"


class CouponRevoked(ClaimMoved):
    """The shop took the coupon back."""

    type = "coupon.revoked"
