"""What a rule depends on: the events, attributes, tags and tiers that it reads, and the audiences inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from segment_svc.conditions import fail
from segment_svc.nodes import (
    REFUND,
    TRADES,
    AllOf,
    AnyOf,
    Attribute,
    Birthday,
    InAudience,
    InTier,
    InZone,
    Not,
    Occurred,
    Repurchase,
    Rule,
    Scored,
    Tagged,
)

TRADE_FIGURES = frozenset({"trades", "amount", "average_order_value", "first_trade_at", "last_trade_at"})
MOST_EXPANDED = 2_000
LEVELS_EXPANDED = 128
TAG = "#"
COMING = "="
REPURCHASE = "repurchase"


@dataclass(frozen=True, slots=True)
class Reads:
    """What beside time can change a rule's value; `attributes` are names of changes (`people.CHANGING`), and
    `repurchase` for the shop's cycles. `days` tells whether it goes by days of the shop's calendar, `birthdays`
    whether by the days on which they fall."""

    events: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    tiers: bool = False
    days: bool = False
    birthdays: bool = False

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            self.events | other.events,
            self.attributes | other.attributes,
            self.tags | other.tags,
            self.audiences | other.audiences,
            self.tiers or other.tiers,
            self.days or other.days,
            self.birthdays or other.birthdays,
        )


def reads(rule: Rule) -> Reads:
    """Everything that a rule reads, in its expanded audiences and tags too."""
    match rule:
        case AllOf(rules) | AnyOf(rules):
            found = Reads()
            for one in rules:
                found |= reads(one)
            return found
        case Not(inner) | InZone(inner):
            return reads(inner)
        case InAudience(audience, inner):
            return Reads(audiences=frozenset({audience})) | (reads(inner) if inner is not None else Reads())
        case Tagged(tag, inner):
            return Reads(tags=frozenset({tag})) | (reads(inner) if inner is not None else Reads())
        case InTier():
            return Reads(attributes=frozenset({"tier"}), tiers=True)
        case Attribute(name) if name in TRADE_FIGURES:
            return Reads(events=frozenset({"trade.completed", REFUND}))
        case Attribute(name):
            return Reads(attributes=frozenset({"birthday" if name == "age" else name}), days=name == "age")
        case Repurchase():
            return Reads(events=frozenset({"trade.completed", REFUND}), attributes=frozenset({"repurchase"}))
        case Scored():
            return Reads(attributes=frozenset(name for name, _ in rule.given))
        case Birthday():
            return Reads(attributes=frozenset({"birthday"}), days=True, birthdays=True)
        case Occurred():
            return Reads(events=_events(rule), days=rule.measure == "days")


def _events(rule: Occurred) -> frozenset[str]:
    events = rule.events
    if events & set(TRADES):
        events |= {REFUND}
    later = rule.unless_later or frozenset()
    if "trade.paid" in later:
        later |= {"trade.completed", "trade.closed"}
    return events | later


def in_zone(rule: Rule, zone: ZoneInfo) -> Rule:
    """The rule by the days of this zone; audiences and tags inside go by their own."""
    match rule:
        case AllOf(rules) | AnyOf(rules):
            return replace(rule, rules=tuple(in_zone(one, zone) for one in rules))
        case Not(inner):
            return Not(in_zone(inner, zone))
        case Attribute() | Birthday() | Occurred() if reads(rule).days:
            return InZone(rule, zone)
    return rule


def kept(tag: str) -> str:
    """The id of the audience of those who have a tag that a rule keeps: none that operators can give to one."""
    return f"{TAG}{tag}"


def is_kept(audience: str) -> bool:
    """Whether the audience is that of a tag."""
    return audience.startswith(TAG)


def coming(audience: str) -> str:
    """The id of what takes the audience's place when its members are found (replacements.py)."""
    return f"{COMING}{audience}"


def is_coming(audience: str) -> bool:
    """Whether the audience is one that is to take another's place."""
    return audience.startswith(COMING)


def is_hidden(audience: str) -> bool:
    """Whether the audience is none that operators made."""
    return is_kept(audience) or is_coming(audience)


def expand(rule: Rule, lookup: Mapping[str, Rule]) -> Rule:
    """The rule with the rules of its audiences, and of tags that rules keep, filled in.

    RuleError on an unknown audience, a circle or too large a whole.
    """
    return _Expansion(lookup).expand(rule, "rule", ()).rule


@dataclass(frozen=True, slots=True)
class _Whole:
    """An expanded rule with its size, counted as if nothing in it were shared."""

    rule: Rule
    levels: int
    conditions: int


class _Expansion:
    """Each audience is expanded once, so that a small rule cannot stand for a huge one at a huge cost."""

    def __init__(self, lookup: Mapping[str, Rule]) -> None:
        self.lookup = lookup
        self.done: dict[str, _Whole] = {}

    def expand(self, rule: Rule, path: str, above: tuple[str, ...]) -> _Whole:
        match rule:
            case AllOf(rules) | AnyOf(rules):
                word = "all" if isinstance(rule, AllOf) else "any"
                inner = [self.expand(one, f"{path}.{word}[{n}]", above) for n, one in enumerate(rules)]
                whole = replace(rule, rules=tuple(one.rule for one in inner))
                return self._sized(whole, path, inner)
            case Not(one):
                negated = self.expand(one, f"{path}.not", above)
                return self._sized(Not(negated.rule), path, [negated])
            case InAudience(audience):
                if is_hidden(audience):
                    fail(f"{path}.audience", f"no audience {audience!r}")
                there = self._audience(audience, f"{path}.audience", above)
                return self._sized(InAudience(audience, there.rule), path, [there])
            case Tagged(tag) if kept(tag) in self.lookup:
                there = self._audience(kept(tag), f"{path}.tag", above)
                return self._sized(Tagged(tag, there.rule), path, [there])
            case Tagged(tag):
                return _Whole(Tagged(tag), 1, 1)
            case Repurchase():
                # The shop's own audience of that name has its cycles.
                known = self.lookup.get(REPURCHASE)
                return _Whole(known if isinstance(known, Repurchase) else rule, 1, 1)
            case _:
                return _Whole(rule, 1, 1)

    def _audience(self, audience: str, path: str, above: tuple[str, ...]) -> _Whole:
        if audience in above:
            circle = " -> ".join((*above[above.index(audience) :], audience))
            fail(path, f"an audience cannot contain itself, nor a tag: {circle}")
        if audience not in self.lookup:
            fail(path, f"no audience {audience!r}")
        if audience not in self.done:
            self.done[audience] = self.expand(self.lookup[audience], path, (*above, audience))
        return self.done[audience]

    def _sized(self, rule: Rule, path: str, inner: list[_Whole]) -> _Whole:
        levels = 1 + max((one.levels for one in inner), default=0)
        conditions = sum(one.conditions for one in inner)
        if levels > LEVELS_EXPANDED:
            fail(path, f"with the audiences in it, a rule has at most {LEVELS_EXPANDED} levels")
        if conditions > MOST_EXPANDED:
            fail(path, f"with the audiences in it, a rule has at most {MOST_EXPANDED} conditions")
        return _Whole(rule, levels, conditions)
