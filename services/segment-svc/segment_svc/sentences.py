"""A rule read out as one sentence, in Chinese and in English, so that an operator sees what it asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from huitou_chassis import Tx
from segment_svc import chinese, english
from segment_svc.nodes import AllOf, AnyOf, Condition, InAudience, InZone, Not, Rule
from segment_svc.terms import Terms

Language: TypeAlias = Literal["zh", "en"]


@dataclass(frozen=True)
class Sentence:
    """One rule in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class Grammar:
    """How a language joins conditions; groups inside groups stand in brackets, so that there is one way to read them.

    `everybody` and `nobody` are the groups without conditions, `negated` and `sentence` have a place for the rest.
    """

    condition: Callable[[Condition, Terms], str]
    both: str
    either: str
    brackets: str
    negated: str
    everybody: str
    nobody: str
    sentence: str


GRAMMARS: dict[Language, Grammar] = {
    "zh": Grammar(
        condition=chinese.condition,
        both="；且",
        either="；或",
        brackets="（{}）",
        negated="不满足（{}）",
        everybody="任何客户",
        nobody="没有客户",
        sentence="符合条件的客户：{}。",
    ),
    "en": Grammar(
        condition=english.condition,
        both="; and ",
        either="; or ",
        brackets="({})",
        negated="are not among those who ({})",
        everybody="are anybody",
        nobody="are nobody",
        sentence="Customers who {}.",
    ),
}


async def of(tx: Tx, shop: str, rules: Sequence[Rule]) -> list[Sentence]:
    """Each rule's sentences, with the shop's names, zone and currency."""
    inside = sorted({audience for rule in rules for audience in _audiences(rule)})
    rows = await tx.fetch(
        "SELECT audience_id, name FROM audience WHERE shop_id = $1 AND audience_id = ANY($2::text[])", shop, inside
    )
    named = Counter(row["name"] for row in rows)
    # Names need not be unique: one that is not says with its id which audience is meant.
    names = {id: name if named[name] == 1 else f"{name} ({id})" for id, name in rows}
    there = (await tx.shops([shop]))[shop]
    terms = Terms(there.timezone, there.currency, names)
    return [Sentence(sentence(rule, "zh", terms), sentence(rule, "en", terms)) for rule in rules]


def sentence(rule: Rule, language: Language, terms: Terms) -> str:
    """The rule as one sentence; rules that ask for different things have different ones."""
    grammar = GRAMMARS[language]
    return grammar.sentence.format(_clause(rule, grammar, terms))


def _clause(rule: Rule, grammar: Grammar, terms: Terms) -> str:
    match rule:
        case AllOf(rules):
            return _joined(rules, grammar, terms, word=grammar.both, empty=grammar.everybody)
        case AnyOf(rules):
            return _joined(rules, grammar, terms, word=grammar.either, empty=grammar.nobody)
        case Not(inner):
            return grammar.negated.format(_clause(inner, grammar, terms))
        case InZone(condition):
            return grammar.condition(condition, terms)
        case _:
            return grammar.condition(rule, terms)


def _joined(rules: Sequence[Rule], grammar: Grammar, terms: Terms, *, word: str, empty: str) -> str:
    if len(rules) == 1:
        return _clause(rules[0], grammar, terms)
    return word.join(_part(rule, grammar, terms) for rule in rules) or empty


def _part(rule: Rule, grammar: Grammar, terms: Terms) -> str:
    """A member of a group; a group of one is what it holds."""
    while isinstance(rule, AllOf | AnyOf) and len(rule.rules) == 1:
        rule = rule.rules[0]
    clause = _clause(rule, grammar, terms)
    return grammar.brackets.format(clause) if isinstance(rule, AllOf | AnyOf) and rule.rules else clause


def _audiences(rule: Rule) -> Iterator[str]:
    """The audiences that the rule itself names."""
    match rule:
        case AllOf(rules) | AnyOf(rules):
            for one in rules:
                yield from _audiences(one)
        case Not(inner):
            yield from _audiences(inner)
        case InAudience(audience):
            yield audience
