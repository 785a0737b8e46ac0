"""loyalty-svc: who is a member, and in which tier, from what happened."""

from huitou_chassis import Job, Service
from huitou_events import (
    CustomerErased,
    CustomerUpdated,
    MemberJoined,
    MembershipEnded,
    TierChanged,
    TradeClosed,
    TradeCompleted,
    TradePaid,
    TradeRefunded,
)
from loyalty_svc import api, due, handlers
from loyalty_svc.verify import verify

service = Service(
    name="loyalty",
    title="Huitou loyalty: members and tiers",
    routers=[api.router],
    consumes={
        TradePaid: handlers.record_trades,
        TradeCompleted: handlers.record_trades,
        TradeClosed: handlers.record_trades,
        TradeRefunded: handlers.record_trades,
        CustomerUpdated: handlers.record,
        CustomerErased: handlers.record,
    },
    emits=[MemberJoined, TierChanged, MembershipEnded],
    jobs=[Job("due", due.settle, every=0.2)],
    migrations="loyalty_svc.migrations",
    verify=verify,
)
