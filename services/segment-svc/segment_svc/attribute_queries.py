"""Conditions on what customers are, as SQL: attributes, tags, and what the calendar makes of birthdays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segment_svc.attributes import attribute as asked
from segment_svc.attributes import celebrating
from segment_svc.conditions import FLAGS
from segment_svc.nodes import Attribute, Birthday, Bounds, Is, Known, OneOf, Test
from segment_svc.people import Bools, Change, History, Ints, People, Person, changes
from segment_svc.queries import Query, Question, passes
from segment_svc.spells import outcome
from segment_svc.view import View

LONG_AGO = -(2**61)


def attributes(question: Question, tests: Sequence[tuple[str, Test]]) -> tuple[str, list[bool]]:
    """Whether the latest values of attributes pass tests, all in one reading of what was told of the customers.

    The statement gives one row: for each test the customers, packed, for whom is not so what is for everybody else.
    """
    places = {name: f"v{place}" for place, name in enumerate(dict.fromkeys(name for name, _ in tests))}
    otherwise = [_of_nothing(name, test) for name, test in tests]
    packed = ", ".join(
        f"string_agg(int8send(who), '') FILTER (WHERE ({_passes(question, name, test, places[name])}) <> {other})"
        for (name, test), other in zip(tests, map(_literal, otherwise), strict=True)
    )
    return f"SELECT {packed} FROM ({_latest(question, places)}) AS a", otherwise


def _latest(question: Question, places: Mapping[str, str]) -> str:
    """For each customer the values that the latest changes of these attributes gave, as text, in these columns."""
    keys = {name: question.put(name) for name in places}
    latest = ", ".join(
        f"(array_agg(changes ->> {key} ORDER BY at DESC, source DESC, event_id DESC)"
        f" FILTER (WHERE changes ? {key}))[1] AS {places[name]}"
        for name, key in keys.items()
    )
    changed = question.of("history", "who, h.at, h.source, h.event_id, h.changes::jsonb AS changes")
    return f"""
        SELECT who, {latest} FROM (
            {changed} AND h.changes IS NOT NULL AND h.at <= {question.at}
                AND h.changes::jsonb ?| {question.put(list(places))}::text[]
        ) AS h GROUP BY who
    """


def _literal(value: bool) -> str:
    return str(value).lower()


def _passes(question: Question, name: str, test: Test, value: str) -> str:
    known = f"({value} IS NOT NULL AND {value} <> 'unknown')" if name == "gender" else f"{value} IS NOT NULL"
    match test:
        case Known(wanted) if name in FLAGS:
            return _literal(wanted)
        case Known(wanted):
            return known if wanted else f"NOT {known}"
        case Is(wanted):
            return f"coalesce({value}, 'false') = '{_literal(wanted)}'"
        case OneOf(values):
            listed = question.put(sorted(str(one) for one in values))
            chosen = f"coalesce({value} = ANY({listed}::text[]), false)"
            return f"({chosen} OR NOT {known})" if name == "gender" and "unknown" in values else chosen
        case Bounds():
            return f"coalesce({passes(test, f'{value}::bigint')}, false)"


def _of_nothing(name: str, test: Test) -> bool:
    """Whether one of whom nothing is known passes."""
    match test:
        case Known(wanted):
            return wanted if name in FLAGS else not wanted
        case Is(wanted):
            return not wanted
        case OneOf(values):
            return name == "gender" and "unknown" in values
    return False


def tagged(question: Question, tag: str) -> Query:
    """Whether a customer has a tag that no rule keeps."""
    sql = question.of("tag", "who, true AS value, NULL::bigint AS next") + f" AND h.tag = {question.put(tag)}"
    return Query(sql, question.values, otherwise=False)


def births(question: Question) -> Query:
    """Each birthday that was told, as its text, and who has it: their numbers, packed."""
    sql = f"""
        SELECT born, string_agg(int8send(who), '') FROM ({_latest(question, {"birthday": "born"})}) AS a
        WHERE born IS NOT NULL GROUP BY born
    """
    return Query(sql, question.values, otherwise=False)


def by_birthday(question: Question, condition: Attribute | Birthday, born: Sequence[str | None]) -> tuple[Bools, Ints]:
    """Whether a condition on the calendar holds for who is born on these days, and until when: the calendar tells."""
    persons = [Person(History.of(), changes([Change(LONG_AGO, "birthday", day)])) for day in born]
    at = np.full(len(persons), question.at)
    view = View(People.of(persons, question.zone), at)
    truth = celebrating(view, condition) if isinstance(condition, Birthday) else asked(view, "age", condition.test)
    return outcome(truth, at)
