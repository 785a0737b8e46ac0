"""Rules read one customer at a time, straightforwardly: what the columnar evaluator is held against."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from segment_svc.calendar import DAY
from segment_svc.nodes import (
    REFUND,
    TRADES,
    Aged,
    AllOf,
    AnyOf,
    Attribute,
    Birthday,
    Bounds,
    InAudience,
    InTier,
    InZone,
    Is,
    Known,
    Not,
    Occurred,
    OneOf,
    Repurchase,
    Rule,
    Scored,
    Since,
    Tagged,
    Test,
)
from segment_svc.people import Change, Line, Occurrence
from tests.naive import birthdays as naive

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SINCE_2010 = (datetime(2010, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)

FLAGS = ("has_phone", "sms_consent", "member", "fan")


@dataclass
class Customer:
    """Everything known of somebody, however far in the future, in no order."""

    occurrences: list[Occurrence]
    changes: list[Change]
    tags: frozenset[str]
    zone: ZoneInfo


def holds(rule: Rule, customer: Customer, t: int) -> bool:
    match rule:
        case AllOf(rules):
            return all(holds(one, customer, t) for one in rules)
        case AnyOf(rules):
            return any(holds(one, customer, t) for one in rules)
        case Not(one):
            return not holds(one, customer, t)
        case InZone(one, zone):
            return holds(one, replace(customer, zone=zone), t)
        case InAudience(_, one):
            assert one is not None
            return holds(one, customer, t)
        case Tagged(tag):
            return tag in customer.tags
        case InTier(tiers):
            return attribute(customer, "tier", t) in tiers
        case Birthday(within, calendar):
            born = in_force(customer, "birthday", t)
            return naive.near(born, customer.zone, t, within=within, calendar=calendar)
        case Repurchase(cycles):
            return cycles is not None and any(buys_again(customer, t, *cycle) for cycle in cycles.days.items())
        case Scored():
            return all(attribute(customer, name, t) in values for name, values in rule.given)
        case Attribute(name, test):
            return passes(attribute(customer, name, t), test)
        case Occurred():
            return passes(measure(rule, customer, t), rule.bounds)


def buys_again(customer: Customer, t: int, item: str, days: tuple[int, int]) -> bool:
    """Whether the latest purchase of the item that counts is as long ago as its cycle."""
    happened = standing(customer, t)
    bought = [
        one.at
        for one in happened
        if one.kind == "trade.completed" and not refunded(happened, one) and item in [line.item for line in one.lines]
    ]
    return bool(bought) and days[0] * DAY <= t - max(bought) < (days[1] + 1) * DAY


def passes(value: object, test: Test) -> bool:
    unknown = value is None
    match test:
        case Known(wanted):
            return wanted is not (unknown or value == "unknown")
        case Is(wanted):
            return value is wanted
        case OneOf(values):
            return not unknown and value in values
        case Bounds(low, high):
            return (
                isinstance(value, int | Fraction) and (low is None or value >= low) and (high is None or value <= high)
            )


def attribute(customer: Customer, name: str, t: int) -> object:
    if name in ("trades", "amount", "average_order_value", "first_trade_at", "last_trade_at"):
        return figure(customer, name, t)
    if name == "age":
        return age(in_force(customer, "birthday", t), local(t, customer.zone))
    value = in_force(customer, name, t)
    if value is None and name in FLAGS:
        return False
    return "unknown" if value is None and name == "gender" else value


def in_force(customer: Customer, name: str, t: int) -> object:
    value = None
    for change in customer.changes:
        if change.name == name and change.at <= t:
            value = change.value
    return value


def age(birthday: object, now: datetime) -> int | None:
    if not isinstance(birthday, str) or birthday.startswith("-"):
        return None
    year, month, day = map(int, birthday.split("-"))
    if (now.year, now.month, now.day) < (year, month, day):
        return None
    return now.year - year - ((now.month, now.day) < (month, day))


def local(t: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=t)).astimezone(zone)


def standing(customer: Customer, t: int) -> list[Occurrence]:
    """What has happened up to t, in order, without what comes a second time."""
    seen, found = set(), []
    for one in sorted(customer.occurrences, key=lambda one: (one.at, one.kind == REFUND, one.source, one.id)):
        if one.at > t:
            continue
        if one.trade is not None:
            if (one.kind, one.trade, one.refund) in seen:
                continue
            seen.add((one.kind, one.trade, one.refund))
        found.append(one)
    return found


def refunds(happened: list[Occurrence], trade: Occurrence) -> list[Occurrence]:
    if trade.kind not in TRADES:
        return []
    return [one for one in happened if one.kind == REFUND and one.trade == trade.trade]


def refunded(happened: list[Occurrence], trade: Occurrence) -> bool:
    taken = refunds(happened, trade)
    return bool(taken) and sum(one.amount for one in taken) >= trade.amount


def figure(customer: Customer, name: str, t: int) -> object:
    happened = standing(customer, t)
    completed = [one for one in happened if one.kind == "trade.completed" and one.at >= SINCE_2010]
    kept = [one for one in completed if not refunded(happened, one)]
    amount = sum(one.amount - sum(back.amount for back in refunds(happened, one)) for one in completed)
    match name:
        case "trades":
            return len(kept)
        case "amount":
            return amount
        case "average_order_value":
            return Fraction(amount, len(kept)) if kept else None
        case "first_trade_at":
            return kept[0].at if kept else None
        case _:
            return kept[-1].at if kept else None


def measure(rule: Occurred, customer: Customer, t: int) -> int:
    happened = standing(customer, t)
    kept = [
        (one, left) for one in named(rule, happened) for left in [remaining(rule, one, happened, t)] if left is not None
    ]
    match rule.measure:
        case "count":
            return len(kept)
        case "days":
            return len({local(one.at, customer.zone).date() for one, _ in kept})
        case "quantity":
            return sum(one.lines[place].quantity for one, left in kept for place in left)
        case "dwell_seconds":
            return sum(one.dwell for one, _ in kept)
        case "visits":
            return len({one.visit for one, _ in kept} - {None})
        case "items":
            return len({one.lines[place].item for one, left in kept for place in left} - {None})
        case _:
            return sum(worth(rule, one, left, happened) for one, left in kept)


def named(rule: Occurred, happened: list[Occurrence]) -> Iterator[Occurrence]:
    trades = set()
    for one in happened:
        if one.kind not in rule.events:
            continue
        if one.kind in TRADES:
            if one.trade in trades:
                continue
            trades.add(one.trade)
        yield one


def remaining(rule: Occurred, one: Occurrence, happened: list[Occurrence], t: int) -> list[int] | None:
    """The places of the lines that count, None if the event does not."""
    match rule.window:
        case Aged(oldest, newest):
            inside = t - oldest < one.at <= t - newest
        case Since(moment):
            inside = one.at >= moment
        case None:
            inside = True
    if not inside or refunded(happened, one):
        return None
    left = []
    for place, line in enumerate(one.lines):
        if rule.items is not None and line.item not in rule.items:
            continue
        if rule.categories is not None and line.category not in rule.categories:
            continue
        if rule.unless_later is None or not replaced(rule.unless_later, one, line, happened):
            left.append(place)
    needs_lines = rule.items is not None or rule.categories is not None or (rule.unless_later and one.lines)
    return left if left or not needs_lines else None


def replaced(later: frozenset[str], one: Occurrence, line: Line, happened: list[Occurrence]) -> bool:
    if line.item is None:
        return False
    kinds = later | {"trade.completed"} if "trade.paid" in later else later
    return any(
        other is not one
        and other.kind in kinds
        and other.at >= one.at
        and any(there.item == line.item for there in other.lines)
        and not ("trade.paid" in later and other.kind == "trade.paid" and closed(other, happened))
        for other in happened
    )


def closed(payment: Occurrence, happened: list[Occurrence]) -> bool:
    kinds = [one.kind for one in happened if one.trade == payment.trade]
    if "trade.closed" not in kinds:
        return False
    return "trade.completed" not in kinds or kinds.index("trade.closed") < kinds.index("trade.completed")


def worth(rule: Occurred, one: Occurrence, left: list[int], happened: list[Occurrence]) -> int:
    back = refunds(happened, one)
    if rule.items is None and rule.categories is None and len(left) == len(one.lines):
        return one.amount - sum(refund.amount for refund in back)
    lost = losses(one, back)
    return sum(one.lines[place].amount - lost[place] for place in left)


def losses(one: Occurrence, back: list[Occurrence]) -> list[int]:
    """What each line loses: items are taken off the lines of that item, the rest is spread over all."""
    returned, spread = [0] * len(one.lines), [0] * len(one.lines)
    for refund in back if one.lines else ():
        if not refund.lines:
            whole = sum(line.amount for line in one.lines)
            shares = [refund.amount * line.amount // whole if whole else 0 for line in one.lines]
            shares[-1] += refund.amount - sum(shares)
            spread = [lost + share for lost, share in zip(spread, shares, strict=True)]
        for given in refund.lines:
            places = [place for place, line in enumerate(one.lines) if line.item == given.item]
            rest = given.amount
            for place in places:
                part = rest if place == places[-1] else min(rest, one.lines[place].amount - returned[place])
                returned[place] += part
                rest -= part
    return [first + second for first, second in zip(returned, spread, strict=True)]
