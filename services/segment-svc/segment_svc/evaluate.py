"""Which rules hold for which customers at a moment, and until when if nothing more happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from segment_svc.attributes import attribute, celebrating
from segment_svc.buying_again import due_again
from segment_svc.counts import counted
from segment_svc.figures import COMPLETED, FIGURES, figure
from segment_svc.nodes import (
    AllOf,
    AnyOf,
    Attribute,
    Birthday,
    Bounds,
    Condition,
    InAudience,
    InTier,
    InZone,
    Not,
    Occurred,
    OneOf,
    Repurchase,
    Rule,
    Scored,
    Tagged,
)
from segment_svc.occurrences import measured
from segment_svc.people import Bools, Ints, People
from segment_svc.spells import Course, Truth, course, every, lasting, opposite, outcome, simplest, some
from segment_svc.steps import summed, within
from segment_svc.view import View


class Outcome(NamedTuple):
    """For each customer whether the rule holds, and the first moment after it at which that changes, else NEVER."""

    value: Bools
    until: Ints


def evaluate(rules: Mapping[str, Rule], people: People, at: Ints) -> dict[str, Outcome]:
    """Evaluate expanded rules for all people, each at their own moment `at` (size,), microseconds since 1970."""
    evaluation = Evaluation(View(people, at))
    return {name: Outcome(*outcome(evaluation.truth(rule), at)) for name, rule in rules.items()}


def courses(rules: Mapping[str, Rule], people: People, at: Ints, limit: Ints) -> dict[str, Course]:
    """How expanded rules go for all people, each from their moment `at` until their `limit` (size,).

    That of a rule with a birthday is told for `birthdays.AHEAD` from `at` on, and no further.
    """
    evaluation = Evaluation(View(people, at))
    return {name: course(evaluation.truth(rule), at, limit) for name, rule in rules.items()}


class Evaluation:
    """The truth of rules over one view; a condition that several rules share is worked out once."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._conditions: dict[Condition | InZone, Truth] = {}
        self._composites: dict[int, tuple[Rule, Truth]] = {}
        self._elsewhere: dict[ZoneInfo, Evaluation] = {}

    def truth(self, rule: Rule) -> Truth:
        """When the rule holds, from each customer's present on."""
        if isinstance(rule, AllOf | AnyOf | Not | InAudience):
            # By identity: hashing a tree at each of its levels would cost more than its evaluation.
            if id(rule) not in self._composites:
                self._composites[id(rule)] = (rule, self._composite(rule))
            return self._composites[id(rule)][1]
        if isinstance(rule, Tagged) and rule.rule is not None:
            return self.truth(rule.rule)
        if rule not in self._conditions:
            self._conditions[rule] = self._condition(rule)
        return self._conditions[rule]

    def elsewhere(self, zone: ZoneInfo) -> Evaluation:
        """The same people by the calendar of another zone."""
        if zone not in self._elsewhere:
            self._elsewhere[zone] = Evaluation(View(self.view.people, self.view.at, zone))
        return self._elsewhere[zone]

    def _composite(self, rule: AllOf | AnyOf | Not | InAudience) -> Truth:
        match rule:
            case Not(inner):
                return opposite(self.truth(inner), self.view.at)
            case InAudience(audience, there):
                if there is None:
                    raise ValueError(f"the rule of audience {audience!r} is missing: expand the rule first")
                return self.truth(there)
        if not rule.rules:
            return lasting(np.full(self.view.people.size, isinstance(rule, AllOf)))
        truths = [self.truth(one) for one in rule.rules]
        return (every if isinstance(rule, AllOf) else some)(truths, self.view.at)

    def _condition(
        self, rule: Occurred | Attribute | Tagged | InTier | Birthday | Scored | Repurchase | InZone
    ) -> Truth:
        view = self.view
        match rule:
            case Occurred():
                return counted(view, rule) or simplest(
                    summed(view.at, lambda measure: within(rule.bounds, measure), measured(view, rule))
                )
            case Attribute("trades", Bounds() as bounds):
                return self.truth(replace(COMPLETED, bounds=bounds))
            case Attribute(name, test):
                return figure(view, name, test) if name in FIGURES else attribute(view, name, test)
            case Birthday():
                return celebrating(view, rule)
            case Repurchase(cycles):
                return due_again(view, cycles)
            case Scored():
                return every([attribute(view, name, OneOf(values)) for name, values in rule.given], view.at)
            case InTier(tiers):
                return attribute(view, "tier", OneOf(tiers))
            case Tagged(tag):
                return lasting(view.tagged(tag))
            case InZone(condition, zone):
                return self.elsewhere(zone).truth(condition)
