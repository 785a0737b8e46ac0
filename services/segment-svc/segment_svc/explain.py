"""Why a customer is in an audience or not: the rule's tree with each node's value, figure and moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from segment_svc import birthdays, buying_again
from segment_svc.conditions import MOMENTS
from segment_svc.evaluate import Evaluation
from segment_svc.nodes import (
    LEVELS,
    Aged,
    AllOf,
    AnyOf,
    Attribute,
    Birthday,
    Bounds,
    Condition,
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
    Window,
)
from segment_svc.occurrences import measured
from segment_svc.people import People, Person
from segment_svc.portraits import current, numbers, values, written
from segment_svc.spells import outcome
from segment_svc.steps import present
from segment_svc.terms import length
from segment_svc.view import View

Node: TypeAlias = dict[str, object]


def why(rule: Rule, person: Person, timezone: ZoneInfo, at: int, snapshot: Node | None = None) -> Node:
    """The rule as JSON, each node with `value` and `until` (RFC 3339 or None), conditions also with `measured`.

    Those that see the shop's latest snapshot name it.
    """
    return _explained(rule, Evaluation(View(People.of([person], timezone), np.array([at]))), snapshot)


def scores(person: Person, timezone: ZoneInfo, at: int, names: Sequence[str]) -> dict[str, int | None]:
    """The scores that the customer has from the latest snapshot, None for those that there are not."""
    view = View(People.of([person], timezone), np.array([at]))
    return {name: numbers(view, name)[0] for name in names}


def _explained(rule: Rule, evaluation: Evaluation, snapshot: Node | None) -> Node:
    if isinstance(rule, InZone):
        return _explained(rule.rule, evaluation.elsewhere(rule.zone), snapshot)
    value, until = outcome(evaluation.truth(rule), evaluation.view.at)
    node = _node(rule, evaluation, snapshot)
    node["value"] = bool(value[0])
    if isinstance(rule, Occurred | Attribute | InTier | Birthday | Scored | Repurchase):
        node["measured"] = _measured(rule, evaluation.view)
    if isinstance(rule, Scored):
        node["snapshot"] = snapshot
    elif isinstance(rule, Repurchase) or (isinstance(rule, Attribute) and rule.name in LEVELS):
        # The window is that of the scores by RFM alone.
        node["snapshot"] = snapshot and {name: snapshot[name] for name in snapshot.keys() - {"window_days"}}
    node["until"] = written(int(until[0]))
    return node


def _node(rule: AllOf | AnyOf | Not | Condition, evaluation: Evaluation, snapshot: Node | None) -> Node:
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
            return {key: written(bound) if name in MOMENTS else bound for key, bound in _bounds(test).items()}


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
            return {"since": written(since)}
        case Aged(oldest, 0):
            return {"within": _duration(oldest)}
        case Aged(oldest, newest):
            return {"between": [_duration(oldest), _duration(newest)]}
    return {}


def _duration(span: int) -> str:
    number, unit = length(span)
    return f"{number}{unit}"


def _measured(rule: Occurred | Attribute | InTier | Birthday | Scored | Repurchase, view: View) -> object:
    match rule:
        case Occurred():
            return int(present(measured(view, rule), view.at)[0])
        case Birthday(_, calendar):
            born, at = int(current(view, "birthday")[0]), int(view.at[0])
            there = birthdays.following(born, calendar, at, view.zone)
            return None if there is None else there.isoformat()
        case Repurchase(cycles):
            return buying_again.items_due(view, cycles, 0)
        case Scored():
            return {name: numbers(view, name)[0] for name, _ in rule.given}
        case InTier():
            return values(view, "tier")[0]
        case Attribute(name):
            return values(view, name)[0]
