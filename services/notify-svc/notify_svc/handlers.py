"""What other services and the shop say, and what notify-svc does about it.

customer.updated      -> preferences
customer.erased       -> preferences, signals, deliveries -> message.suppressed
trade.*               -> signals (when the customer is about; that they have bought)
behaviours            -> signals; posters -> message.delivered, message.clicked
message.requested     -> decisions -> message.scheduled, message.suppressed
message.cancelled     -> plans -> message.suppressed
plan.ended            -> plans -> message.suppressed
"""

from typing import Any

from huitou_chassis import Tx
from huitou_events import (
    CustomerErased,
    CustomerUpdated,
    Event,
    MessageCancelled,
    MessageRequested,
    PlanEnded,
    PosterClicked,
    PosterShown,
)
from notify_svc import decisions, deliveries, plans, posters, preferences, signals


async def record_preferences(events: list[Event[CustomerUpdated]], tx: Tx) -> None:
    await preferences.record(events, tx)


async def forget_customers(events: list[Event[CustomerErased]], tx: Tx) -> None:
    erased = await preferences.erase(events, tx)
    await deliveries.scrub(tx, erased)


async def record_signals(events: list[Event[Any]], tx: Tx) -> None:
    await signals.record(events, tx)
    seen = [event for event in events if isinstance(event.data, PosterShown | PosterClicked)]
    if seen:
        await posters.record(seen, tx)


async def schedule_messages(events: list[Event[MessageRequested]], tx: Tx) -> None:
    await decisions.decide(events, tx)


async def cancel_messages(events: list[Event[MessageCancelled]], tx: Tx) -> None:
    await plans.cancel(events, tx)


async def end_plans(events: list[Event[PlanEnded]], tx: Tx) -> None:
    await plans.end(events, tx)
