"""A whole shop held against rules at one moment by SQL: the evaluator of builds and exact previews.

Each different condition is one statement that gives a set of customers, whatever their number; all, any and not are
operations on these sets. `evaluate` says the same of customers whose histories are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from huitou_chassis import Tx
from segment_svc import attribute_queries, figure_queries, histories
from segment_svc.columns import matched, unpacked
from segment_svc.evaluate import evaluate
from segment_svc.event_queries import occurred
from segment_svc.figures import FIGURES
from segment_svc.nodes import (
    AllOf,
    AnyOf,
    Attribute,
    Birthday,
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
from segment_svc.people import NEVER, Bools, Ints, People
from segment_svc.queries import Query, Question

SECONDS = 600
CHUNK = 2_000
Asked: TypeAlias = Condition | InZone


@dataclass(frozen=True)
class Population:
    """Customers by their numbers `who` (size,), in order: whom rules hold for, and up to when nothing changes.

    `until` is a moment before which none of the rules changes for a customer if nothing is told, NEVER if none does.
    """

    who: Ints
    holding: Mapping[str, Bools]
    until: Ints


async def held(
    tx: Tx,
    shop: str,
    zone: ZoneInfo,
    rules: Mapping[str, Rule],
    at: int,
    *,
    foresee: bool = False,
) -> Population:
    """The shop's customers at the moment, held against expanded rules.

    Who wants to `foresee` asks up to when nothing changes; else what is still to come is left out of `until`.
    Different statements see one state only in a transaction that repeats its reads.
    """
    # Nearly every page is read: one after the other, and not by an index here and there.
    await tx.execute(
        f"SET LOCAL statement_timeout = '{SECONDS}s'; SET LOCAL work_mem = '128MB'; SET LOCAL jit = off;"
        " SET LOCAL random_page_cost = 4"
    )
    question = Question(shop, at, zone)
    answers = _Answers(tx, question, await _numbers(tx, question))
    await answers.ask(conditions(rules.values()))
    if foresee:
        await answers.ask_what_comes()
    holding = {name: answers.truth(rule) for name, rule in rules.items()}
    found = Population(answers.who, holding, answers.until)
    await _look_again(tx, question.again(), rules, found)
    return found


def conditions(rules: Iterable[Rule]) -> list[Asked]:
    """The different conditions that rules come down to."""
    found: dict[Asked, None] = {}
    for rule in rules:
        match rule:
            case AllOf(inner) | AnyOf(inner):
                found |= dict.fromkeys(conditions(inner))
            case Not(one):
                found |= dict.fromkeys(conditions([one]))
            case InAudience(audience, None):
                raise ValueError(f"the rule of audience {audience!r} is missing: expand the rule first")
            case InAudience(_, one) | Tagged(_, one) if one is not None:
                found |= dict.fromkeys(conditions([one]))
            case Scored():
                found |= dict.fromkeys(_scores(rule))
            case _:
                found[rule] = None
    return list(found)


def _scores(rule: Scored) -> list[Condition]:
    return [Attribute(name, OneOf(values)) for name, values in rule.given]


class _Answers:
    """What the statements gave, one a condition."""

    def __init__(self, tx: Tx, question: Question, who: Ints) -> None:
        self._tx, self._question, self.who = tx, question, who
        self._holding: dict[Asked, Bools] = {}
        self.until = np.full(len(who), NEVER)

    async def ask(self, conditions: Sequence[Asked]) -> None:
        told = [one for one in conditions if isinstance(one, InTier) or _is_attribute(one)]
        calendar = [one for one in conditions if _is_of_calendar(one)]
        for condition in conditions:
            if condition not in told and condition not in calendar:
                self._holding[condition] = await self._answer(_query(*_placed(self._question.again(), condition)))
        if told:
            await self._ask_attributes(told)
        if calendar:
            await self._ask_calendar(calendar)

    async def _ask_attributes(self, conditions: Sequence[Asked]) -> None:
        question = self._question.again()
        tests = [
            ("tier", OneOf(one.tiers)) if isinstance(one, InTier) else (one.name, one.test)
            for one in conditions
            if isinstance(one, InTier | Attribute)
        ]
        sql, otherwise = attribute_queries.attributes(question, tests)
        (row,) = await self._tx.connection.fetch(sql, *question.values, timeout=SECONDS)
        for condition, packed, other in zip(conditions, row, otherwise, strict=True):
            self._holding[condition] = self._but(other, unpacked(packed))

    async def _ask_calendar(self, conditions: Sequence[Asked]) -> None:
        """Birthdays are asked for once: who has which; what holds for them the calendar tells."""
        query = attribute_queries.births(self._question.again())
        rows = await self._tx.connection.fetch(query.sql, *query.values, timeout=SECONDS)
        having = [unpacked(row[1]) for row in rows]
        which = np.repeat(np.arange(len(rows)), [len(numbers) for numbers in having])
        places, there = matched(self.who, np.concatenate(having) if having else np.empty(0, np.int64))
        which = which[there]
        for condition in conditions:
            question, one = _placed(self._question, condition)
            assert isinstance(one, Birthday | Attribute)
            born = [*(row[0] for row in rows), None]
            values, until = attribute_queries.by_birthday(question, one, born)
            holding = np.full(len(self.who), values[-1])
            holding[places] = values[which]
            self._holding[condition] = holding
            self.until[places] = np.minimum(self.until[places], until[which])

    def truth(self, rule: Rule) -> Bools:
        match rule:
            case AllOf(rules):
                return reduce(np.logical_and, map(self.truth, rules), np.ones(len(self.who), np.bool_))
            case AnyOf(rules):
                return reduce(np.logical_or, map(self.truth, rules), np.zeros(len(self.who), np.bool_))
            case Not(one):
                return ~self.truth(one)
            case InAudience(_, one) | Tagged(_, one) if one is not None:
                return self.truth(one)
            case Scored():
                return self.truth(AllOf(tuple(_scores(rule))))
        assert not isinstance(rule, InAudience)
        return self._holding[rule]

    async def ask_what_comes(self) -> None:
        """What is told already but is still to come may change any condition."""
        question = self._question.again()
        coming = question.of("history", "who, false AS value, min(h.at) AS next")
        await self._answer(Query(f"{coming} AND h.at > {question.at} GROUP BY who", question.values, False))

    async def _answer(self, query: Query) -> Bools:
        # All rows are asked for, though there is one: who asks for a number of rows gets no parallel plan.
        (row,) = await self._tx.connection.fetch(
            f"""
            SELECT string_agg(int8send(who), '') FILTER (WHERE value <> {str(query.otherwise).lower()}),
                string_agg(int8send(who) || int8send(next), '') FILTER (WHERE next IS NOT NULL)
            FROM ({query.sql}) AS a
            """,
            *query.values,
            timeout=SECONDS,
        )
        others, turns = map(unpacked, row)
        pairs = turns.reshape(-1, 2)
        places, there = matched(self.who, pairs[:, 0])
        self.until[places] = np.minimum(self.until[places], pairs[there, 1])
        return self._but(query.otherwise, others)

    def _but(self, otherwise: bool, others: Ints) -> Bools:
        """This holds, but for the others."""
        holding = np.full(len(self.who), otherwise)
        places, _ = matched(self.who, others)
        holding[places] = not otherwise
        return holding


def _placed(question: Question, condition: Asked) -> tuple[Question, Condition]:
    """A condition, and the question by the calendar by which it is asked."""
    if isinstance(condition, InZone):
        return question.elsewhere(condition.zone), condition.rule
    return question, condition


def _is_attribute(condition: Asked) -> bool:
    return isinstance(condition, Attribute) and condition.name != "age" and condition.name not in FIGURES


def _is_of_calendar(condition: Asked) -> bool:
    if isinstance(condition, InZone):
        return _is_of_calendar(condition.rule)
    return isinstance(condition, Birthday) or (isinstance(condition, Attribute) and condition.name == "age")


def _query(question: Question, condition: Condition) -> Query:
    match condition:
        case Occurred():
            return occurred(question, condition)
        case Attribute(name, test):
            return figure_queries.figure(question, name, test)
        case Tagged(tag):
            return attribute_queries.tagged(question, tag)
        case Repurchase(cycles):
            return figure_queries.due_again(question, cycles)
    raise TypeError(f"no single condition: {condition}")


async def _numbers(tx: Tx, question: Question) -> Ints:
    (row,) = await tx.connection.fetch(
        f"SELECT string_agg(int8send(who), '') FROM customer WHERE shop_id = $1 AND born_us <= {question.at}",
        *question.values,
        timeout=SECONDS,
    )
    return np.sort(unpacked(row[0]))


async def versions(tx: Tx, shop: str, who: Ints) -> Ints:
    """The versions of the rows of customers with these numbers, in order; -1 for one who is not there."""
    (row,) = await tx.connection.fetch(
        "SELECT string_agg(int8send(who) || int8send(version), '') FROM customer WHERE shop_id = $1",
        shop,
        timeout=SECONDS,
    )
    pairs = unpacked(row[0]).reshape(-1, 2)
    pairs = pairs[np.argsort(pairs[:, 0])]
    found = np.full(len(who), -1)
    places, there = matched(pairs[:, 0], who)
    found[there] = pairs[places, 1]
    return found


async def _look_again(tx: Tx, question: Question, rules: Mapping[str, Rule], found: Population) -> None:
    """What was told just now is not counted among the deeds yet: of these customers the columns know better."""
    rows = await tx.fetch(
        f"""
        {question.of("customer", "h.customer_id, h.who")}
            AND h.who IN (SELECT who FROM uncounted WHERE shop_id = $1) AND h.born_us <= {question.at}
        """,
        *question.values,
    )
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        people = People.of(await histories.people(tx, [(question.shop, row[0]) for row in some]), question.zone)
        outcomes = evaluate(rules, people, np.full(len(some), question.at))
        places = np.searchsorted(found.who, [row[1] for row in some])
        for name, (value, _) in outcomes.items():
            found.holding[name][places] = value
        found.until[places] = np.minimum.reduce([until for _, until in outcomes.values()])
