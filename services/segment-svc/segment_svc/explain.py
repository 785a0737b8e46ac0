"""Why a customer is in an audience or not: the rule's tree with each node's value, figure and moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from huitou_events import moment
from segment_svc import birthdays, buying_again
from segment_svc.attributes import age, standing
from segment_svc.conditions import FLAGS, NUMBERS
from segment_svc.evaluate import Evaluation
from segment_svc.figures import COMPLETED, FIGURES
from segment_svc.nodes import (
    LEVELS,
    Aged,
    AllOf,
    AnyOf,
    Attribute,
    Birthday,
    Bounds,
    InAudience,
    InTier,
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
    Window,
)
from segment_svc.occurrences import measured, turnover
from segment_svc.people import CODES, NEVER, UNKNOWN, People, Person
from segment_svc.spells import outcome
from segment_svc.steps import present
from segment_svc.view import View

Node: TypeAlias = dict[str, object]
DATED = ("registered_at", "first_trade_at", "last_trade_at")
UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000))


def why(rule: Rule, person: Person, timezone: ZoneInfo, at: int, snapshot: Node | None = None) -> Node:
    """The rule as JSON, each node with `value` and `until` (RFC 3339 or None), conditions also with `measured`.

    Those that see the shop's latest snapshot name it.
    """
    return _explained(rule, Evaluation(View(People.of([person], timezone), np.array([at]))), snapshot)


def scores(person: Person, timezone: ZoneInfo, at: int, names: Sequence[str]) -> dict[str, int | None]:
    """The scores that the customer has from the latest snapshot, None for those that there are not."""
    view = View(People.of([person], timezone), np.array([at]))
    return {name: _number(view, name) for name in names}


def _explained(rule: Rule, evaluation: Evaluation, snapshot: Node | None) -> Node:
    value, until = outcome(evaluation.truth(rule), evaluation.view.at)
    node = _node(rule, evaluation, snapshot)
    node["value"] = bool(value[0])
    if isinstance(rule, Occurred | Attribute | InTier | Birthday | Scored | Repurchase):
        node["measured"] = _measured(rule, evaluation.view)
    if isinstance(rule, Scored | Repurchase) or (isinstance(rule, Attribute) and rule.name in LEVELS):
        node["snapshot"] = snapshot
    node["until"] = _written(int(until[0]))
    return node


def _node(rule: Rule, evaluation: Evaluation, snapshot: Node | None) -> Node:
    match rule:
        case AllOf(rules):
            return {"all": [_explained(one, evaluation, snapshot) for one in rules]}
        case AnyOf(rules):
            return {"any": [_explained(one, evaluation, snapshot) for one in rules]}
        case Not(inner):
            return {"not": _explained(inner, evaluation, snapshot)}
        case InAudience(audience, there):
            return {"audience": audience} | (
                {"rule": _explained(there, evaluation, snapshot)} if there is not None else {}
            )
        case Tagged(tag, there):
            return {"tag": tag} | ({"rule": _explained(there, evaluation, snapshot)} if there is not None else {})
        case InTier(tiers):
            return {"tier": sorted(tiers)}
        case Repurchase():
            return {"repurchase": True}
        case Scored():
            return {"rfm": {name: sorted(values) for name, values in rule.given}}
        case Birthday(within, calendar):
            return {"birthday": {"within_next": _duration(within), "calendar": calendar}}
        case Attribute(name, test):
            return {"attribute": name} | _tested(name, test)
        case Occurred():
            return _occurred(rule)


def _tested(name: str, test: Test) -> Node:
    match test:
        case Known(value):
            return {"known": value}
        case Is(value):
            return {"is": value}
        case OneOf(values):
            return {"in": sorted(values)}
        case Bounds():
            return {key: _written(bound) if name in DATED else bound for key, bound in _bounds(test).items()}


def _bounds(bounds: Bounds) -> dict[str, int]:
    given = {"at_least": bounds.at_least, "at_most": bounds.at_most}
    return {key: bound for key, bound in given.items() if bound is not None}


def _occurred(rule: Occurred) -> Node:
    node: Node = {"event": sorted(rule.events), rule.measure: _bounds(rule.bounds)}
    node |= _window(rule.window)
    if rule.items is not None:
        node["item"] = sorted(rule.items)
    if rule.categories is not None:
        node["category"] = sorted(rule.categories)
    if rule.unless_later is not None:
        node["unless_later"] = {"event": sorted(rule.unless_later), "same": "item"}
    return node


def _window(window: Window) -> Node:
    match window:
        case Since(since):
            return {"since": _written(since)}
        case Aged(oldest, 0):
            return {"within": _duration(oldest)}
        case Aged(oldest, newest):
            return {"between": [_duration(oldest), _duration(newest)]}
    return {}


def _duration(span: int) -> str:
    unit, size = next((unit, size) for unit, size in UNITS if span % size == 0)
    return f"{span // size}{unit}"


def _measured(rule: Occurred | Attribute | InTier | Birthday | Scored | Repurchase, view: View) -> object:
    match rule:
        case Occurred():
            return int(present(measured(view, rule), view.at)[0])
        case Birthday(_, calendar):
            there = birthdays.following(standing(view, "birthday", 0), calendar, int(view.at[0]), view.people.zone)
            return None if there is None else there.isoformat()
        case Repurchase(cycles):
            return buying_again.items_due(view, cycles, 0)
        case Scored():
            return {name: _number(view, name) for name, _ in rule.given}
        case InTier():
            return _text(view, "tier")
        case Attribute(name):
            if name in FIGURES:
                return _figure(name, view)
            if name == "age":
                return age(view, 0)
            if name in FLAGS:
                return standing(view, name, 0) == 1
            if name == "registered_at":
                return _written(standing(view, name, 0))
            if name in NUMBERS:
                return _number(view, name)
            return _text(view, name) or ("unknown" if name == "gender" else None)


def _text(view: View, name: str) -> str | None:
    return CODES.texts.get(standing(view, name, 0))


def _number(view: View, name: str) -> int | None:
    there = standing(view, name, 0)
    return None if there == UNKNOWN else there


def _figure(name: str, view: View) -> object:
    spans = measured(view, COMPLETED)
    trades = int(present(spans, view.at)[0])
    amount = int(present(turnover(view, COMPLETED), view.at)[0])
    if name == "trades":
        return trades
    if name == "amount":
        return amount
    if not trades:
        return None
    if name == "average_order_value":
        return amount // trades if amount % trades == 0 else round(amount / trades, 2)
    there = spans.start[(spans.start <= view.at[0]) & (view.at[0] < spans.end)]
    return _written(int(there.min() if name == "first_trade_at" else there.max()))


def _written(us: int) -> str | None:
    """RFC 3339; None for never, for nothing, and for moments that no calendar has."""
    try:
        return None if us == NEVER else moment(us).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None
