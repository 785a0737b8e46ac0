"""What loyalty-svc says about members."""

from huitou_events.fact import CustomerFact
from huitou_events.values import CardNo, Count, Id, Signed, Text


class Membership(CustomerFact):
    """A fact about a member, or about who may become one."""

    topic = "loyalty.members"


class MemberJoined(Membership):
    """A customer joined the programme, at once in the right tier."""

    type = "member.joined"

    tier: Id


class TierChanged(Membership):
    """A member moved to another tier; trade_id is the trade that did it."""

    type = "tier.changed"

    before: Id
    after: Id
    reason: Text
    trade_id: Id | None = None


class PointsChanged(Membership):
    """Points were given or taken; balance is what is left afterwards."""

    type = "points.changed"

    delta: Signed
    balance: Signed
    reason: Text


class MembershipEnded(Membership):
    """A member is a member no more."""

    type = "membership.ended"


class GiftGranted(Membership):
    """A gift pack was granted, with these coupons."""

    type = "gift.granted"

    pack_id: Id
    version: Count
    coupon_ids: tuple[Id, ...]


class CardBound(Membership):
    """An offline card belongs to this customer from now on."""

    type = "card.bound"

    card_no: CardNo


class CardUnbound(Membership):
    """An offline card is nobody's again."""

    type = "card.unbound"

    card_no: CardNo
