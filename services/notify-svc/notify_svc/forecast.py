"""The best moment to write to one customer, and what it rests on."""

from datetime import datetime

from huitou_chassis import Model, Tx
from huitou_events import moment
from notify_svc import policy, preferences, signals
from notify_svc.preferences import NOTHING_KNOWN
from notify_svc.recipients import zone_of
from notify_svc.schedule import DAY, Policy, Span, openings
from notify_svc.send_time import best_moment, habit, slot

USUAL_WINDOW = DAY
LONGEST_WINDOW = 60 * DAY


class Why(Model):
    """`chance` is that of the chosen hour against an average hour of the week (1.0)."""

    own_signals: int
    own_weight: float
    """Signals that count by their age: one of eight weeks ago counts half."""
    weight: float
    """The share of the customer's own habit, 0 to 1; the rest is the shop's."""
    shop_weight: float
    """The share of the shop's habit in that rest, 0 to 1; what is left is an even day."""
    chance: float | None
    timezone: str
    reason: str


class Forecast(Model):
    """`at` is null when the window lies in quiet hours."""

    at: datetime | None
    why: Why


async def best(tx: Tx, shop_id: str, customer_id: str, window: Span) -> Forecast:
    """Cap and gap are left to the scheduler: they depend on what else is planned."""
    who = (shop_id, customer_id)
    shop = (await tx.shops([shop_id]))[shop_id]
    _, rules, _ = (await policy.read(tx, [shop_id])).get(shop_id, (0, Policy(), None))
    wishes = (await preferences.load(tx, [who])).get(who, NOTHING_KNOWN)
    zone = zone_of(wishes, shop)
    known = habit((await signals.load(tx, [who])).get(who, []), await signals.shop_rhythm(tx, shop), zone, tx.us)
    spans = openings(zone, rules, window)
    at = best_moment(spans, known.chances, zone, f"{shop_id}:{customer_id}") if spans else None
    why = Why(
        own_signals=known.own_signals,
        own_weight=round(known.own_weight, 3),
        weight=round(known.share, 3),
        shop_weight=round(known.shop_share, 3),
        chance=round(known.chances[slot(at, zone)], 3) if at is not None else None,
        timezone=zone.key,
        reason="best" if at is not None else "quiet-hours",
    )
    return Forecast(at=moment(at) if at is not None else None, why=why)
