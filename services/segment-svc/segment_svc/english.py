"""The conditions of a rule in English, each as what customers do, are or have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from segment_svc.conditions import MOMENTS
from segment_svc.nodes import (
    Aged,
    Attribute,
    Birthday,
    Bounds,
    Condition,
    InAudience,
    InTier,
    Is,
    Known,
    Occurred,
    OneOf,
    Repurchase,
    Scored,
    Since,
    Tagged,
    Window,
)
from segment_svc.terms import MONEY, Terms, dwell, length, quoted

EVENTS = {
    "trade.created": "placed an order",
    "trade.paid": "paid for an order",
    "trade.completed": "completed an order",
    "trade.closed": "had an order closed",
    "trade.refunded": "got a refund",
    "cart.added": "added to the cart",
    "cart.removed": "removed from the cart",
    "favourite.added": "added to favourites",
    "favourite.removed": "removed from favourites",
    "page.viewed": "viewed a page",
    "shop.followed": "followed the shop",
    "shop.unfollowed": "stopped following the shop",
    "customer.signed_in": "signed in",
    "poster.shown": "were shown a poster",
    "poster.clicked": "clicked a poster",
    "coupon.claimed": "claimed a coupon",
    "coupon.locked": "put a coupon into an order",
    "coupon.redeemed": "redeemed a coupon",
    "coupon.released": "got a coupon back",
    "coupon.expired": "let a coupon expire",
    "message.suppressed": "had a message held back",
    "message.sent": "were sent a message",
    "message.delivered": "received a message",
    "message.failed": "had a message fail",
    "message.clicked": "clicked a message",
    "recipient.opted_out": "opted out of messages",
}
ATTRIBUTES = {
    "gender": "gender",
    "age": "an age",
    "country": "the country",
    "province": "the province",
    "city": "the city",
    "language": "the language",
    "source": "the source",
    "registered_at": "a registration",
    "points": "a balance of points",
    "trades": "a number of completed orders",
    "amount": "a total of completed orders",
    "average_order_value": "an average order value",
    "first_trade_at": "a first completed order",
    "last_trade_at": "a last completed order",
    "consumption_level": "a consumption level",
    "loyalty_level": "a loyalty level",
}
FLAGS = {
    "has_phone": ("have a phone number", "have no phone number"),
    "sms_consent": ("have agreed to receive SMS", "have not agreed to receive SMS"),
    "member": ("are members", "are not members"),
    "fan": ("are fans", "are not fans"),
}
UNITS = {"d": "day", "h": "hour", "m": "minute"}


def condition(rule: Condition, terms: Terms) -> str:
    """What goes on after "Customers who"; it holds no semicolon but in quotes."""
    match rule:
        case Attribute():
            return _attribute(rule, terms)
        case Tagged(tag):
            return f"have the tag {quoted(tag)}"
        case InTier(tiers):
            return f"are in tier {_either(map(quoted, sorted(tiers)))}"
        case InAudience(audience):
            return f"are in the audience {terms.audience(audience)}"
        case Repurchase():
            return "have bought an item that is often bought again and are within its repurchase cycle now"
        case Scored():
            return f"have scores by RFM: {', '.join(_score(name, values) for name, values in rule.given)}"
        case Birthday(within, calendar):
            ahead = f" or within the next {_length(within)}" if within else ""
            return f"have their birthday today{ahead} by the {calendar} calendar"
        case Occurred():
            return _occurred(rule, terms)
        case _:
            assert_never(rule)


def _attribute(rule: Attribute, terms: Terms) -> str:
    name, test = rule.name, rule.test
    match test:
        case Known(known):
            what = f"whether they {FLAGS[name][0]}" if name in FLAGS else ATTRIBUTES[name]
            return f"{'have' if known else 'do not have'} {what} on record"
        case Is(value):
            return FLAGS[name][0 if value else 1]
        case OneOf(values):
            return f"have {ATTRIBUTES[name]}{_one_of(name, values, terms)}"
        case Bounds() if name in MOMENTS:
            return f"have {ATTRIBUTES[name]} {_period(test, terms)}"
        case Bounds():
            return f"have {ATTRIBUTES[name]} of {_bounds(test, _money(terms) if name in MONEY else str)}"
        case _:
            assert_never(test)


def _one_of(name: str, values: frozenset[str] | frozenset[int], terms: Terms) -> str:
    numbers = sorted(value for value in values if isinstance(value, int))
    if numbers:
        return f" of {_either(map(_money(terms) if name in MONEY else str, numbers))}"
    texts = sorted(value for value in values if isinstance(value, str))
    return f" {_either(texts if name == 'gender' else map(quoted, texts))}"


def _score(name: str, values: frozenset[int]) -> str:
    return f"{name} {_either(map(str, sorted(values)))}"


def _occurred(rule: Occurred, terms: Terms) -> str:
    done = _either(EVENTS[event] for event in sorted(rule.events))
    parts = [f"({done})" if len(rule.events) > 1 else done, _measured(rule, terms), _window(rule.window, terms)]
    if rule.items is not None:
        parts.append(f"with item {_either(map(quoted, sorted(rule.items)))}")
    if rule.categories is not None:
        parts.append(f"in category {_either(map(quoted, sorted(rule.categories)))}")
    if rule.unless_later is not None:
        later = _either(EVENTS[event] for event in sorted(rule.unless_later))
        parts.append(f"not counting an item for which they then or later ({later})")
    return " ".join(parts)


def _measured(rule: Occurred, terms: Terms) -> str:
    if rule.measure == "count":
        once = {(1, None): "at least once", (1, 1): "exactly once", (None, 1): "at most once"}
        return once.get((rule.bounds.at_least, rule.bounds.at_most)) or f"{_bounds(rule.bounds, str)} times"
    if rule.measure == "amount":
        return f"for {_bounds(rule.bounds, _money(terms))} in all"
    if rule.measure == "quantity":
        return f"for {_bounds(rule.bounds, str)} pieces in all"
    if rule.measure == "items":
        return f"for {_bounds(rule.bounds, str)} different items"
    if rule.measure == "dwell_seconds":
        return f"for {_bounds(rule.bounds, _dwell)} in all"
    if rule.measure == "visits":
        return f"in {_bounds(rule.bounds, str)} different visits"
    return f"on {_bounds(rule.bounds, str)} different days"


def _window(window: Window, terms: Terms) -> str:
    match window:
        case None:
            return "at any time"
        case Since(since):
            return f"since {terms.moment(since)}"
        case Aged(oldest, 0):
            return f"within the last {_length(oldest)}"
        case Aged(oldest, newest):
            return f"between {_length(oldest)} and {_length(newest)} ago"
        case _:
            assert_never(window)


def _bounds(bounds: Bounds, written: Callable[[int], str]) -> str:
    low, high = bounds.at_least, bounds.at_most
    if low is not None and low == high:
        return f"exactly {written(low)}"
    if low is not None and high is not None:
        return f"{written(low)} to {written(high)}"
    return f"at most {written(high)}" if high is not None else f"at least {written(low or 0)}"


def _period(bounds: Bounds, terms: Terms) -> str:
    low, high = bounds.at_least, bounds.at_most
    if low is not None and high is not None:
        return f"from {terms.moment(low)} to {terms.moment(high)}, both included"
    return f"at or before {terms.moment(high)}" if high is not None else f"at or after {terms.moment(low or 0)}"


def _money(terms: Terms) -> Callable[[int], str]:
    return lambda amount: f"{terms.currency} {terms.money(amount)}"


def _length(span: int) -> str:
    number, unit = length(span)
    return f"{number} {UNITS[unit]}" if number == 1 else f"{number} {UNITS[unit]}s"


def _dwell(seconds: int) -> str:
    number, unit = dwell(seconds)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
