"""notify-svc: each message once, when it is most likely read, to those who want it."""

from huitou_chassis import Job, Service
from huitou_events import (
    CartAdded,
    CartRemoved,
    CustomerErased,
    CustomerSignedIn,
    CustomerUpdated,
    FavouriteAdded,
    FavouriteRemoved,
    MessageCancelled,
    MessageClicked,
    MessageDelivered,
    MessageFailed,
    MessageRequested,
    MessageScheduled,
    MessageSent,
    MessageSuppressed,
    PageViewed,
    PlanEnded,
    PosterClicked,
    PosterShown,
    RecipientOptedOut,
    ShopFollowed,
    ShopUnfollowed,
    TradeCompleted,
    TradeCreated,
    TradePaid,
)
from notify_svc import api, contacts_api, handlers, receipts, sender, template_api
from notify_svc.settings import Settings

SIGNALS = (
    TradeCreated,
    TradePaid,
    TradeCompleted,
    CartAdded,
    CartRemoved,
    FavouriteAdded,
    FavouriteRemoved,
    PageViewed,
    ShopFollowed,
    ShopUnfollowed,
    CustomerSignedIn,
    PosterShown,
    PosterClicked,
)

service = Service(
    name="notify",
    title="Huitou notify-svc: messages",
    settings=Settings,
    routers=[api.router, contacts_api.router, template_api.router, receipts.router],
    consumes={
        CustomerUpdated: handlers.record_preferences,
        CustomerErased: handlers.forget_customers,
        **dict.fromkeys(SIGNALS, handlers.record_signals),
        MessageRequested: handlers.schedule_messages,
        MessageCancelled: handlers.cancel_messages,
        PlanEnded: handlers.end_plans,
    },
    # Phone, consent and whether somebody bought decide whether a message goes out at all.
    after={MessageRequested.topic: [CustomerUpdated.topic, TradeCompleted.topic]},
    emits=[
        MessageScheduled,
        MessageSuppressed,
        MessageSent,
        MessageDelivered,
        MessageFailed,
        MessageClicked,
        RecipientOptedOut,
    ],
    jobs=[Job("send", sender.send_due, every=0.2)],
    migrations="notify_svc.migrations",
)
