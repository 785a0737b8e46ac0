"""Whether a customer is in an audience at a moment: "Audience rules" of the contract, by plain loops."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from huitou_events import Event
from tests.naive import birthdays, profile
from tests.naive.facts import (
    CLOSED,
    COMPLETED,
    EPOCH,
    PAID,
    REFUNDED,
    TRADES,
    Fact,
    Line,
    micros,
    standing,
    surviving,
)
from tests.naive.profile import Value
from tests.naive.tiers import START

Rule: TypeAlias = dict[str, Any]

OF_VIEWS = ("dwell_seconds", "visits")
MEASURES = ("count", "amount", "quantity", "items", "days", *OF_VIEWS)
UNITS = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


@dataclass(frozen=True)
class Customer:
    """All that a rule may look at: what happened, by call or by event, in a shop's time zone.

    The rule of a tag that is kept by one is among the audiences, as `#tag`.
    """

    arrived: Sequence[Event[Any]]
    zone: ZoneInfo
    tags: frozenset[str] = frozenset()
    called_at: int | None = None
    audiences: Mapping[str, Rule] = field(default_factory=dict)

    @cached_property
    def events(self) -> list[Event[Any]]:
        return surviving(self.arrived)

    @cached_property
    def facts(self) -> list[Fact]:
        return standing(self.events)


class Counted(NamedTuple):
    """What one occurrence brings to a condition: money and the lines that count."""

    fact: Fact
    amount: int
    lines: list[Line]


def is_member(rule: Rule, customer: Customer, t: int) -> bool:
    """Whoever exists at t and meets the rule."""
    return exists(customer, t) and evaluate(rule, customer, t)


def exists(customer: Customer, t: int) -> bool:
    """From the earliest event or call."""
    starts = [micros(event.time) for event in customer.events]
    if customer.called_at is not None:
        starts.append(customer.called_at)
    return any(start <= t for start in starts)


def evaluate(rule: Rule, customer: Customer, t: int) -> bool:
    if "all" in rule:
        return all(evaluate(part, customer, t) for part in rule["all"])
    if "any" in rule:
        return any(evaluate(part, customer, t) for part in rule["any"])
    if "not" in rule:
        return not evaluate(rule["not"], customer, t)
    if "audience" in rule:
        return evaluate(customer.audiences[rule["audience"]], customer, t)
    if "tag" in rule:
        kept = customer.audiences.get(f"#{rule['tag']}")
        return rule["tag"] in customer.tags if kept is None else evaluate(kept, customer, t)
    if "tier" in rule:
        return profile.tier(customer.events, t) in rule["tier"]
    if "birthday" in rule:
        near = rule["birthday"]
        born = profile.said("birthday", customer.events, t)
        within = duration(near["within_next"])
        return birthdays.near(born, customer.zone, t, within=within, calendar=near.get("calendar", "solar"))
    if "attribute" in rule:
        return compares(rule, attribute(rule["attribute"], customer, t))
    return happened(rule, customer, t)


def compares(rule: Rule, value: Value) -> bool:
    """A comparison with an unknown value is false; an unknown gender can still be named."""
    known = value is not None and not (rule["attribute"] == "gender" and value == "unknown")
    if "known" in rule:
        return known is rule["known"]
    if value is None:
        return False
    if "is" in rule:
        return value is rule["is"]
    if "in" in rule:
        return value in rule["in"]
    return within(rule, value)


def within(limits: Rule, value: Any) -> bool:
    """at_least, at_most and between, all inclusive."""
    low, high = limits.get("between", (None, None))
    lows = [comparable(limit) for limit in (low, limits.get("at_least")) if limit is not None]
    highs = [comparable(limit) for limit in (high, limits.get("at_most")) if limit is not None]
    return all(value >= limit for limit in lows) and all(value <= limit for limit in highs)


def comparable(limit: Any) -> Any:
    return micros(datetime.fromisoformat(limit)) if isinstance(limit, str) else limit


def attribute(name: str, customer: Customer, t: int) -> Value:
    """The value at t, None if it is not known; moments in microseconds."""
    if name == "age":
        return profile.age(customer.events, customer.zone, t)
    if name in ("trades", "amount", "average_order_value", "first_trade_at", "last_trade_at"):
        return figure(name, customer.facts, t)
    return profile.attribute(name, customer.events, t)


def figure(name: str, facts: Sequence[Fact], t: int) -> Value:
    """Over completed trades from 2010 on; number, first and last without the fully refunded ones."""
    done = [fact for fact in facts if fact.type == COMPLETED and START <= fact.time <= t]
    kept = [fact for fact in done if not is_fully_refunded(fact, facts, t)]
    amount = sum(fact.amount - sum(refund.amount for refund in refunds(fact, facts, t)) for fact in done)
    values: dict[str, Value] = {
        "trades": len(kept),
        "amount": amount,
        "average_order_value": Fraction(amount, len(kept)) if kept else None,
        "first_trade_at": min((fact.time for fact in kept), default=None),
        "last_trade_at": max((fact.time for fact in kept), default=None),
    }
    return values[name]


def happened(rule: Rule, customer: Customer, t: int) -> bool:
    """A condition on events: what occurred in the window, measured, against its limits."""
    occurred = [fact for fact in occurrences(several(rule["event"]), customer.facts) if fact.time <= t]
    in_time = [fact for fact in occurred if in_window(rule, fact.time, t)]
    parts = [counted(rule, fact, customer, t) for fact in in_time]
    name = next((name for name in MEASURES if name in rule), "count")
    return within(rule.get(name, {"at_least": 1}), measure(name, [part for part in parts if part], customer.zone))


def occurrences(types: Sequence[str], facts: Iterable[Fact]) -> list[Fact]:
    """Of a trade the earliest named event only; behaviours and refunds each for itself."""
    found: list[Fact] = []
    seen: set[str | None] = set()
    for fact in facts:
        if fact.type not in types or (fact.type in TRADES and fact.trade in seen):
            continue
        if fact.type in TRADES:
            seen.add(fact.trade)
        found.append(fact)
    return found


def in_window(rule: Rule, time: int, t: int) -> bool:
    if "within" in rule:
        return t - duration(rule["within"]) < time <= t
    if "between" in rule:
        far, near = map(duration, rule["between"])
        return t - far < time <= t - near
    if "since" in rule:
        return micros(datetime.fromisoformat(rule["since"])) <= time <= t
    return time <= t


def counted(rule: Rule, fact: Fact, customer: Customer, t: int) -> Counted | None:
    """What is left of an occurrence after refunds, filters and what came later; None if nothing."""
    if fact.type in TRADES and is_fully_refunded(fact, customer.facts, t):
        return None
    filtered = "item" in rule or "category" in rule
    lines = [line for line in net_lines(fact, customer.facts, t) if matches(rule, line)]
    left = [line for line in lines if not is_left_out(rule, line, fact, customer.facts, t)]
    if (filtered or lines) and not left:
        return None
    if filtered or len(left) < len(lines):
        return Counted(fact, sum(line.amount for line in left), left)
    back = refunds(fact, customer.facts, t) if fact.type in TRADES else []
    return Counted(fact, fact.amount - sum(refund.amount for refund in back), left)


def matches(rule: Rule, line: Line) -> bool:
    by_item = "item" not in rule or line.item in rule["item"]
    by_category = "category" not in rule or line.category in rule["category"]
    return by_item and by_category


def measure(name: str, parts: Sequence[Counted], zone: ZoneInfo) -> int:
    lines = [line for part in parts for line in part.lines]
    measures = {
        "count": len(parts),
        "amount": sum(part.amount for part in parts),
        "quantity": sum(line.quantity for line in lines),
        "items": len({line.item for line in lines} - {None}),
        "days": len({moment(part.fact.time).astimezone(zone).date() for part in parts}),
        "dwell_seconds": sum(part.fact.dwell for part in parts),
        "visits": len({part.fact.visit for part in parts} - {None}),
    }
    return measures[name]


def refunds(trade: Fact, facts: Iterable[Fact], t: int) -> list[Fact]:
    """A trade's refunds with a time up to t."""
    return [fact for fact in facts if fact.type == REFUNDED and fact.trade == trade.trade and fact.time <= t]


def is_fully_refunded(trade: Fact, facts: Iterable[Fact], t: int) -> bool:
    """At least one refund, and their sum is the amount or more."""
    back = refunds(trade, facts, t)
    return bool(back) and sum(refund.amount for refund in back) >= trade.amount


def net_lines(fact: Fact, facts: Iterable[Fact], t: int) -> list[Line]:
    """The lines of an occurrence, those of a trade less its refunds."""
    back = refunds(fact, facts, t) if fact.type in TRADES else []
    items = taken_by_item(fact, [line for refund in back for line in refund.lines])
    shares = [taken_by_share(fact, refund.amount) for refund in back if not refund.lines]
    taken = [sum(parts) for parts in zip(items, *shares, strict=True)]
    return [replace(line, amount=line.amount - less) for line, less in zip(fact.lines, taken, strict=True)]


def taken_by_item(trade: Fact, back: Iterable[Line]) -> list[int]:
    """Off the lines of the same item in turn, up to what each has left of them; the rest off the last one."""
    taken = [0 for _ in trade.lines]
    for refund in back:
        same = [index for index, line in enumerate(trade.lines) if line.item == refund.item]
        rest = refund.amount
        for index in same:
            part = rest if index == same[-1] else min(rest, trade.lines[index].amount - taken[index])
            taken[index] += part
            rest -= part
    return taken


def taken_by_share(trade: Fact, amount: int) -> list[int]:
    """Off all lines by their amount, rounded down; the remainder off the last one."""
    total = sum(line.amount for line in trade.lines)
    taken = [amount * line.amount // total if total else 0 for line in trade.lines]
    if taken:
        taken[-1] += amount - sum(taken)
    return taken


def is_left_out(rule: Rule, line: Line, fact: Fact, facts: Iterable[Fact], t: int) -> bool:
    """Whether another of the later events has the line's item, at or after it and up to t."""
    if "unless_later" not in rule or line.item is None:
        return False
    types = several(rule["unless_later"]["event"])
    return any(
        other is not fact
        and fact.time <= other.time <= t
        and line.item in [each.item for each in other.lines]
        and is_later_event(other, types, facts, t)
        for other in facts
    )


def is_later_event(fact: Fact, types: Sequence[str], facts: Iterable[Fact], t: int) -> bool:
    """Of the named types; completed implies paid; closing before completion ends a payment until then."""
    if fact.type == COMPLETED and PAID in types:
        return True
    return fact.type in types and not (fact.type == PAID and is_closed(fact.trade, facts, t))


def is_closed(trade: str | None, facts: Iterable[Fact], t: int) -> bool:
    until = {fact.type for fact in facts if fact.trade == trade and fact.time <= t}
    return CLOSED in until and COMPLETED not in until


def several(types: str | Sequence[str]) -> Sequence[str]:
    return [types] if isinstance(types, str) else types


def duration(text: str) -> int:
    """Microseconds of "90m", "3h" or "10d"."""
    return int(text[:-1]) * UNITS[text[-1]]


def moment(t: int) -> datetime:
    return EPOCH + timedelta(microseconds=t)
