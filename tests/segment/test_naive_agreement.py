"""segment-svc against the naive model: the same members at every moment, and no change before the one promised."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segment_svc import rules as language
from segment_svc.birthdays import AHEAD
from segment_svc.calendar import DAY
from segment_svc.evaluate import courses, evaluate
from segment_svc.facts import entry
from segment_svc.people import NEVER, History, People, Person, changes
from tests import make
from tests.naive import audiences as naive
from tests.naive import random_cases, random_rules
from tests.naive.effort import effort
from tests.naive.facts import micros


@effort(100)
@given(st.data())
def test_the_evaluator_agrees_with_the_naive_model_until_the_moment_it_promises(data: st.DataObject) -> None:
    anchor, zone = data.draw(st.sampled_from(random_cases.ANCHORS)), data.draw(st.sampled_from(random_cases.ZONES))
    histories = [data.draw(random_cases.histories(name, anchor)) for name in ("ada", "bo")]
    tags = [data.draw(st.frozensets(st.sampled_from(random_cases.TAGS))) for _ in histories]
    first = data.draw(random_rules.rules(anchor))
    second = data.draw(random_rules.rules(anchor, audiences=["first"]))
    asked = data.draw(random_rules.rules(anchor, audiences=["first", "second"]))
    rules = {"first": first, "second": second, "asked": asked}
    customers = [
        naive.Customer(events, ZoneInfo(zone), tagged, audiences=rules)
        for events, tagged in zip(histories, tags, strict=True)
    ]
    parsed = {name: language.parse(rule) for name, rule in rules.items()}
    expanded = {name: language.expand(rule, parsed) for name, rule in parsed.items()}
    people = People.of([person(customer) for customer in customers], ZoneInfo(zone))
    for _ in range(4):
        at = [data.draw(st.sampled_from(edges(customer, anchor))) for customer in customers]
        outcomes = evaluate(expanded, people, np.array(at, dtype=np.int64))
        for name, rule in rules.items():
            for customer, t, value, until in zip(customers, at, *outcomes[name], strict=True):
                check(rule, customer, t, value=bool(value), until=int(until), anchor=anchor)


@effort(60)
@given(st.data())
def test_the_course_of_a_rule_turns_where_the_naive_model_does(data: st.DataObject) -> None:
    anchor, zone = data.draw(st.sampled_from(random_cases.ANCHORS)), data.draw(st.sampled_from(random_cases.ZONES))
    histories = [data.draw(random_cases.histories(name, anchor)) for name in ("ada", "bo")]
    rules = {name: data.draw(random_rules.rules(anchor)) for name in ("first", "second")}
    parsed = {name: language.parse(rule) for name, rule in rules.items()}
    customers = [naive.Customer(events, ZoneInfo(zone)) for events in histories]
    people = People.of([person(customer) for customer in customers], ZoneInfo(zone))
    at = [data.draw(st.sampled_from(edges(customer, anchor))) for customer in customers]
    limit = [t + data.draw(st.integers(0, 40) | st.integers(0, AHEAD // DAY)) * DAY for t in at]
    found = courses(parsed, people, np.array(at), np.array(limit))
    for name, rule in rules.items():
        course = found[name]
        for place, customer in enumerate(customers):
            turns = course.moment[course.who == place].tolist()
            assert turns == sorted(set(turns))
            assert all(at[place] < turn <= limit[place] for turn in turns)
            exact = not (turns and language.reads(parsed[name]).birthdays)
            last = int(course.until[place]) - 1 if exact else limit[place]
            there = [moment for moment in edges(customer, anchor) if at[place] <= moment <= last]
            around = [turn + beside for turn in turns for beside in (-1, 0)]
            for t in [*around, *there[:: max(len(there) // 12, 1)], *there[-2:]]:
                flipped = sum(turn <= t for turn in turns) % 2
                assert naive.evaluate(rule, customer, t) == bool(course.value[place]) ^ bool(flipped), f"{name} at {t}"


def check(rule: naive.Rule, customer: naive.Customer, t: int, *, value: bool, until: int, anchor: datetime) -> None:
    """The value is right at t and up to the last microsecond before `until`, and the other one from then on."""
    assert naive.evaluate(rule, customer, t) == value, f"at {t}"
    between = [moment for moment in edges(customer, anchor) if t < moment < until]
    for moment in [*between[:2], *between[:: max(len(between) // 6, 1)], *between[-2:]]:
        assert naive.evaluate(rule, customer, moment) == value, f"at {t} until {until}, but not at {moment}"
    if until != NEVER:
        assert naive.evaluate(rule, customer, until - 1) == value, f"at {t}, a microsecond before {until}"
        assert naive.evaluate(rule, customer, until) != value, f"at {t}, nothing changes at {until}"


def edges(customer: naive.Customer, anchor: datetime) -> list[int]:
    """Moments at which something may change, and a microsecond before and after each."""
    spans = [0, *(naive.duration(window) for window in random_cases.WINDOWS)]
    starts = {micros(event.time) for event in customer.events} | {micros(anchor)}
    midnights = {micros(midnight(anchor + timedelta(days), customer.zone)) for days in (-1, 0, 1, 2, 30)}
    exact = {start + span for start in starts for span in spans} | midnights
    return sorted({moment + beside for moment in exact for beside in (-1, 0, 1)})


def midnight(time: datetime, zone: ZoneInfo) -> datetime:
    return time.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def person(customer: naive.Customer) -> Person:
    """The customer as the evaluator wants to see them."""
    entries = [entry(event) for event in sorted(customer.events, key=lambda event: event.order)]
    occurrences = [each.occurrence for each in entries if each.occurrence]
    return Person(
        History.of(occurrences), changes(change for each in entries for change in each.changed), customer.tags
    )


def test_refunds_of_one_item_fill_its_lines_one_after_the_other() -> None:
    items = [make.line("i1", 50, category="k1"), make.line("i1", 50, category="k2"), make.line("i2", 100)]
    trade = make.completed(amount=200, items=items, time=make.ago(days=3))
    backs = [
        make.refunded(refund=f"r{days}", amount=50, items=[make.line("i1", 50)], time=make.ago(days=days))
        for days in (1, 2)
    ]
    rule = {"event": "trade.completed", "category": ["k2"], "amount": {"at_least": 1}}
    customer = naive.Customer([trade, *backs], ZoneInfo("Asia/Shanghai"))
    people = People.of([person(customer)], customer.zone)
    for t, expected in ((micros(make.ago(days=1)) - 1, True), (micros(make.ago(days=1)), False)):
        outcome = evaluate({"k2": language.parse(rule)}, people, np.array([t]))["k2"]
        assert bool(outcome.value[0]) is naive.evaluate(rule, customer, t) is expected
