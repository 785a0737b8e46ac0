"""campaign-svc: coupons, their claims, and operation plans."""

from campaign_svc import cancelling, collecting, desk, expiry, handlers, issuing, plans
from campaign_svc.api import claims, coupons
from campaign_svc.api import plans as plans_api
from campaign_svc.verify import verify
from huitou_chassis import Context, Job, Service
from huitou_events import (
    AudienceEntered,
    CouponClaimed,
    CouponDefined,
    CouponExpired,
    CouponLocked,
    CouponRedeemed,
    CouponReleased,
    MessageCancelled,
    MessageClicked,
    MessageDelivered,
    MessageFailed,
    MessageRequested,
    MessageSent,
    MessageSuppressed,
    PlanEnded,
    PlanStarted,
    TradeClosed,
    TradeCompleted,
    TradeCreated,
    TradePaid,
)


async def end_plans(ctx: Context) -> bool:
    async with ctx.db.transaction() as tx:
        return await plans.end_due(tx) == plans.BATCH


service = Service(
    name="campaign",
    title="Huitou campaigns: coupons and plans",
    routers=[coupons.router, claims.router, plans_api.router],
    consumes={
        TradeCreated: handlers.follow_orders,
        TradePaid: handlers.follow_orders,
        TradeCompleted: handlers.follow_orders,
        TradeClosed: handlers.follow_orders,
        MessageSuppressed: handlers.note_deliveries,
        MessageSent: handlers.note_deliveries,
        MessageDelivered: handlers.note_deliveries,
        MessageFailed: handlers.note_deliveries,
        MessageClicked: handlers.note_deliveries,
    },
    watches=[AudienceEntered.topic],
    emits=[
        CouponDefined,
        CouponClaimed,
        CouponLocked,
        CouponRedeemed,
        CouponReleased,
        CouponExpired,
        PlanStarted,
        PlanEnded,
        MessageRequested,
        MessageCancelled,
    ],
    jobs=[
        Job("expiry", expiry.settle, every=0.2),
        Job("plan-ends", end_plans, every=0.2),
        Job("plan-members", collecting.collect, every=0.2),
        Job("plan-issues", issuing.issue, every=0.2),
        Job("plan-cancellations", cancelling.cancel, every=0.2),
    ],
    migrations="campaign_svc.migrations",
    verify=verify,
    holds=desk.open_desk,
)
