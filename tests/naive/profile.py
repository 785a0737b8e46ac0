"""A customer's attributes at a moment: of each field the latest word up to then."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from huitou_events import (
    CustomerUpdated,
    Event,
    MemberJoined,
    MembershipEnded,
    PointsChanged,
    ShopFollowed,
    ShopUnfollowed,
    TierChanged,
)
from tests.naive.facts import EPOCH, micros

Value: TypeAlias = str | int | bool | Fraction | None


def attribute(name: str, events: Sequence[Event[Any]], t: int) -> Value:
    """The value at t; None if nobody has said it. What is asked with `is` is always known."""
    if name == "gender":
        return said("gender", events, t) or "unknown"
    if name == "has_phone":
        return said("phone", events, t) is not None
    if name == "sms_consent":
        consent = said("consent", events, t)
        return consent is not None and consent.sms is True
    if name == "fan":
        return isinstance(latest(events, t, ShopFollowed, ShopUnfollowed), ShopFollowed)
    if name == "member":
        return isinstance(latest(events, t, MemberJoined, MembershipEnded), MemberJoined)
    if name == "points":
        points = latest(events, t, PointsChanged)
        return points.balance if isinstance(points, PointsChanged) else None
    if name == "registered_at":
        registered = said("registered_at", events, t)
        return micros(registered) if registered else None
    value: str | None = said(name, events, t)
    return value


def age(events: Sequence[Event[Any]], zone: ZoneInfo, t: int) -> int | None:
    """Whole years by the calendar of the shop; born on 29 February: 1 March; no year, no age."""
    birthday = said("birthday", events, t)
    if birthday is None or str(birthday).startswith("--"):
        return None
    born = date.fromisoformat(str(birthday))
    today = (EPOCH + timedelta(microseconds=t)).astimezone(zone).date()
    # As tuples, 29 February comes after 28 February and before 1 March in every year.
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def tier(events: Sequence[Event[Any]], t: int) -> str | None:
    """The tier that loyalty-svc spoke of last."""
    last = latest(events, t, MemberJoined, TierChanged, MembershipEnded)
    if isinstance(last, MemberJoined):
        return last.tier
    return last.after if isinstance(last, TierChanged) else None


def said(field: str, events: Iterable[Event[Any]], t: int) -> Any:
    """A field of customer.updated: absent is unchanged, null is cleared."""
    value = None
    for event in in_order(events, t):
        if isinstance(event.data, CustomerUpdated) and field in event.data.model_fields_set:
            value = getattr(event.data, field)
    return value


def latest(events: Iterable[Event[Any]], t: int, *kinds: type) -> object | None:
    """The payload of the last event of these kinds up to t."""
    found = None
    for event in in_order(events, t):
        if isinstance(event.data, kinds):
            found = event.data
    return found


def in_order(events: Iterable[Event[Any]], t: int) -> list[Event[Any]]:
    past = [event for event in events if micros(event.time) <= t]
    return sorted(past, key=lambda event: (micros(event.time), event.source, event.id))
