"""Every moment at which a rule can possibly turn for a customer."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from segment_svc.calendar import DAY
from segment_svc.nodes import Aged, AllOf, AnyOf, Attribute, Birthday, InAudience, Not, Occurred, Repurchase, Rule
from tests.naive import birthdays as naive
from tests.naive.facts import EPOCH
from tests.segment.interpreter import Customer


def moments(rule: Rule, customer: Customer) -> set[int]:
    """Every moment at which the rule could possibly change its value."""
    facts = {one.at for one in customer.occurrences} | {change.at for change in customer.changes}
    match rule:
        case AllOf(rules) | AnyOf(rules):
            return facts.union(*(moments(one, customer) for one in rules))
        case Not(one):
            return moments(one, customer)
        case InAudience(_, one):
            return moments(one, customer) if one else facts
        case Occurred(window=Aged(oldest, newest)):
            return facts | {at + age for at in facts for age in (oldest, newest)}
        case Repurchase(cycles) if cycles is not None:
            ends = {end * DAY for low, high in cycles.days.values() for end in (low, high + 1)}
            return facts | {at + end for at in facts for end in ends}
        case Birthday(within, calendar):
            said = [change.value for change in customer.changes if change.name == "birthday"]
            return facts.union(
                *(naive.edges(born, customer.zone, max(facts), within=within, calendar=calendar) for born in said)
            )
        case Attribute("age"):
            return facts | set(birthdays(customer))
        case _:
            return facts


def birthdays(customer: Customer) -> Iterator[int]:
    for change in customer.changes:
        if change.name == "birthday" and isinstance(change.value, str) and not change.value.startswith("-"):
            year, month, day = map(int, change.value.split("-"))
            for years in range(60):
                leaps = (month, day) == (2, 29) and (year + years) % 4 != 0
                born = datetime(year + years, 3 if leaps else month, 1 if leaps else day, tzinfo=customer.zone)
                yield (born - EPOCH) // timedelta(microseconds=1)
