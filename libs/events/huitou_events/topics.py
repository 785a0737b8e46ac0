"""Every topic with who publishes it and how long it is kept, and every type of event by its name."""

from dataclasses import dataclass

from huitou_events import behaviour, campaign, catalogue, customer, loyalty, notify, segment, settings, trade
from huitou_events.fact import Fact


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic; retention_days None keeps its records, and those of its dead letters, for ever."""

    name: str
    publisher: str
    retention_days: int | None = None

    @property
    def dlq(self) -> str:
        """Where records of this topic go that cannot be understood."""
        return f"{self.name}.dlq"


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("shop.trades", "shop"),
        Topic("shop.behaviours", "shop"),
        Topic("shop.customers", "shop", retention_days=7),
        Topic("shop.catalogue", "shop"),
        Topic("shop.settings", "all services"),
        Topic("loyalty.members", "loyalty-svc"),
        Topic("segment.audiences", "segment-svc"),
        Topic("campaign.benefits", "campaign-svc"),
        Topic("notify.jobs", "campaign-svc"),
        Topic("notify.deliveries", "notify-svc"),
    )
}

_FACTS: tuple[type[Fact], ...] = (
    trade.TradeCreated,
    trade.TradePaid,
    trade.TradeCompleted,
    trade.TradeClosed,
    trade.TradeRefunded,
    behaviour.CartAdded,
    behaviour.CartRemoved,
    behaviour.FavouriteAdded,
    behaviour.FavouriteRemoved,
    behaviour.PageViewed,
    behaviour.ShopFollowed,
    behaviour.ShopUnfollowed,
    behaviour.CustomerSignedIn,
    behaviour.PosterShown,
    behaviour.PosterClicked,
    customer.CustomerUpdated,
    customer.CustomerErased,
    catalogue.ItemUpdated,
    settings.ShopUpdated,
    loyalty.MemberJoined,
    loyalty.TierChanged,
    loyalty.PointsChanged,
    loyalty.MembershipEnded,
    loyalty.GiftGranted,
    loyalty.CardBound,
    loyalty.CardUnbound,
    segment.AudienceEntered,
    segment.AudienceLeft,
    campaign.CouponDefined,
    campaign.PlanStarted,
    campaign.PlanEnded,
    campaign.CouponClaimed,
    campaign.CouponLocked,
    campaign.CouponRedeemed,
    campaign.CouponReleased,
    campaign.CouponExpired,
    campaign.CouponRevoked,
    notify.MessageRequested,
    notify.MessageCancelled,
    notify.MessageScheduled,
    notify.MessageSuppressed,
    notify.MessageSent,
    notify.MessageDelivered,
    notify.MessageFailed,
    notify.MessageClicked,
    notify.RecipientOptedOut,
)

CATALOGUE: dict[str, type[Fact]] = {fact.type: fact for fact in _FACTS}
