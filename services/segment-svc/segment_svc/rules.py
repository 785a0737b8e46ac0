"""The rule language of audiences: JSON in, a tree of `nodes` out, or an error that names the wrong place."""

from __future__ import annotations

from collections.abc import Callable

from segment_svc.conditions import RuleError, attribute, birthday, event, fail, fields, text, texts
from segment_svc.nodes import SCORES, AllOf, AnyOf, InAudience, InTier, Not, Repurchase, Rule, Scored, Tagged
from segment_svc.references import Reads, expand, in_zone, is_hidden, is_kept, kept, reads

__all__ = [
    "LEVELS",
    "MOST",
    "Reads",
    "RuleError",
    "expand",
    "in_zone",
    "is_hidden",
    "is_kept",
    "kept",
    "parse",
    "reads",
]

LEVELS = 32
MOST = 200
BEST_SCORE = 5


class Budget:
    """How many conditions a rule may still have."""

    def __init__(self, conditions: int) -> None:
        self.left = conditions

    def spend(self, path: str) -> None:
        self.left -= 1
        if self.left < 0:
            fail(path, f"a rule has at most {MOST} conditions")


def parse(value: object) -> Rule:
    """A rule from decoded JSON; RuleError says where it is wrong and what was expected."""
    return _rule(value, "rule", LEVELS, Budget(MOST))


def _rule(value: object, path: str, levels: int, budget: Budget) -> Rule:
    if levels == 0:
        fail(path, f"a rule has at most {LEVELS} levels")
    if not isinstance(value, dict):
        fail(path, 'a rule is an object, for example {"event": "cart.added"}')
    if "all" in value:
        fields(value, path, "all")
        return AllOf(_rules(value["all"], f"{path}.all", levels, budget))
    if "any" in value:
        fields(value, path, "any")
        return AnyOf(_rules(value["any"], f"{path}.any", levels, budget))
    if "not" in value:
        fields(value, path, "not")
        return Not(_rule(value["not"], f"{path}.not", levels - 1, budget))
    budget.spend(path)
    return _condition(value, path)


def _rules(value: object, path: str, levels: int, budget: Budget) -> tuple[Rule, ...]:
    if not isinstance(value, list):
        fail(path, "a list of rules is expected")
    return tuple(_rule(rule, f"{path}[{place}]", levels - 1, budget) for place, rule in enumerate(value))


def _condition(value: dict[str, object], path: str) -> Rule:
    for name, read in CONDITIONS.items():
        if name in value:
            return read(value, path)
    known = ", ".join(("all", "any", "not", *CONDITIONS))
    found = f" and not {', '.join(sorted(map(repr, value)))[:100]}" if value else ""
    raise RuleError(path, f"a rule has one of {known}{found}")


def _tag(value: dict[str, object], path: str) -> Rule:
    fields(value, path, "tag")
    return Tagged(text(value["tag"], f"{path}.tag"))


def _audience(value: dict[str, object], path: str) -> Rule:
    fields(value, path, "audience")
    return InAudience(text(value["audience"], f"{path}.audience"))


def _tier(value: dict[str, object], path: str) -> Rule:
    fields(value, path, "tier")
    return InTier(texts(value["tier"], f"{path}.tier"))


def _rfm(value: dict[str, object], path: str) -> Rule:
    fields(value, path, "rfm")
    given, at = value["rfm"], f"{path}.rfm"
    if not isinstance(given, dict) or not given:
        fail(at, 'an object with at least one score is expected, for example {"recency": [4, 5]}')
    fields(given, at, *SCORES)
    return Scored(**{name: _scores(values, f"{at}.{name}") for name, values in given.items()})


def _scores(value: object, path: str) -> frozenset[int]:
    if not isinstance(value, list) or not value:
        fail(path, "a list of at least one score is expected")
    for place, one in enumerate(value):
        if isinstance(one, bool) or not isinstance(one, int) or not 1 <= one <= BEST_SCORE:
            fail(f"{path}[{place}]", f"a score is a whole number from 1 to {BEST_SCORE}")
    return frozenset(value)


def _repurchase(value: dict[str, object], path: str) -> Rule:
    fields(value, path, "repurchase")
    if value["repurchase"] is not True:
        fail(f"{path}.repurchase", 'only true may stand here; {"not": …} says the opposite')
    return Repurchase()


CONDITIONS: dict[str, Callable[[dict[str, object], str], Rule]] = {
    "attribute": attribute,
    "tag": _tag,
    "audience": _audience,
    "tier": _tier,
    "event": event,
    "birthday": birthday,
    "rfm": _rfm,
    "repurchase": _repurchase,
}
