"""Random rules of every kind of node, whose limits and windows the random histories like to hit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.naive.audiences import MEASURES, OF_VIEWS, Rule, duration
from tests.naive.birthdays import CALENDARS
from tests.naive.random_cases import (
    ANCHORS,
    BEHAVIOUR_TYPES,
    CATEGORIES,
    ITEMS,
    TAGS,
    TEXTS,
    TIERS,
    TRADE_TYPES,
    WINDOWS,
    times,
)

T = TypeVar("T")

NUMBERS = {
    "age": [18, 25, 26, 30],
    "points": [0, 10],
    "trades": [0, 1, 2],
    "amount": [0, 100],
    "average_order_value": [50, 51],
}
DATES = ["registered_at", "first_trade_at", "last_trade_at"]
FLAGS = ["has_phone", "sms_consent", "member", "fan"]


def rules(anchor: datetime, *, audiences: Sequence[str] = ()) -> st.SearchStrategy[Rule]:
    """Rules of every kind of node, a few levels deep."""
    leaves = [happenings(), happenings(), attributes(anchor), tagged(), in_tier(), birthdays()]
    if audiences:
        leaves.append(st.sampled_from(audiences).map(lambda name: {"audience": name}))
    return st.recursive(
        st.one_of(leaves),
        lambda parts: st.one_of(
            st.lists(parts, min_size=1, max_size=3).map(lambda several: {"all": several}),
            st.lists(parts, min_size=1, max_size=3).map(lambda several: {"any": several}),
            parts.map(lambda part: {"not": part}),
        ),
        max_leaves=4,
    )


def tagged() -> st.SearchStrategy[Rule]:
    return st.sampled_from(TAGS).map(lambda tag: {"tag": tag})


def birthdays() -> st.SearchStrategy[Rule]:
    calendars: st.SearchStrategy[Rule] = st.one_of(
        st.just({}), st.sampled_from(CALENDARS).map(lambda calendar: {"calendar": calendar})
    )
    windows = st.sampled_from([*WINDOWS, "0d"])
    return st.tuples(windows, calendars).map(lambda pair: {"birthday": {"within_next": pair[0], **pair[1]}})


def in_tier() -> st.SearchStrategy[Rule]:
    return some(TIERS).map(lambda tiers: {"tier": tiers})


@st.composite
def attributes(draw: st.DrawFn, anchor: datetime) -> Rule:
    name = draw(st.sampled_from([*TEXTS, *FLAGS, *NUMBERS, *NUMBERS, *DATES, *DATES]))
    if draw(st.integers(0, 5)) == 0:
        return {"attribute": name, "known": draw(st.booleans())}
    if name in FLAGS:
        return {"attribute": name, "is": draw(st.booleans())}
    if name in TEXTS:
        return {"attribute": name, "in": draw(some(TEXTS[name]))}
    values: st.SearchStrategy[Any] = times(anchor) if name in DATES else st.sampled_from(NUMBERS[name])
    written = rfc3339 if name in DATES else int
    if name in NUMBERS and draw(st.integers(0, 3)) == 0:
        return {"attribute": name, "in": draw(some(NUMBERS[name]))}
    if draw(st.booleans()):
        return {"attribute": name, draw(st.sampled_from(["at_least", "at_most"])): written(draw(values))}
    return {"attribute": name, "between": [written(one) for one in sorted([draw(values), draw(values)])]}


@st.composite
def happenings(draw: st.DrawFn) -> Rule:
    """A condition on events, with any measure, window, filter and unless_later."""
    types = draw(
        st.one_of(some(TRADE_TYPES), some(BEHAVIOUR_TYPES), some([*TRADE_TYPES, *BEHAVIOUR_TYPES, "trade.refunded"]))
    )
    rule: Rule = {"event": types[0] if len(types) == 1 and draw(st.booleans()) else types}
    if draw(st.integers(0, 3)):
        measure = draw(st.sampled_from(MEASURES))
        rule[measure] = draw(limits())
        if measure in OF_VIEWS:
            rule["event"] = "page.viewed"
    rule |= draw(windows())
    if draw(st.integers(0, 3)) == 0:
        rule["item"] = draw(some(ITEMS))
    if draw(st.integers(0, 4)) == 0:
        rule["category"] = draw(some(CATEGORIES))
    if draw(st.integers(0, 2)) == 0:
        later = draw(st.one_of(some(["trade.paid", "trade.completed"]), some([*TRADE_TYPES, *BEHAVIOUR_TYPES])))
        rule["unless_later"] = {"event": later, "same": "item"}
    return rule


def limits() -> st.SearchStrategy[Rule]:
    numbers = st.sampled_from([0, 1, 2, 3, 50, 100])
    return st.one_of(
        numbers.map(lambda n: {"at_least": n}),
        numbers.map(lambda n: {"at_most": n}),
        st.tuples(numbers, numbers).map(lambda pair: {"at_least": min(pair), "at_most": max(pair)}),
    )


def windows() -> st.SearchStrategy[Rule]:
    order = {window: duration(window) for window in WINDOWS}
    return st.one_of(
        st.just({}),
        st.sampled_from(WINDOWS).map(lambda window: {"within": window}),
        st.lists(st.sampled_from(WINDOWS), min_size=2, max_size=2, unique=True).map(
            lambda pair: {"between": sorted(pair, key=lambda window: -order[window])}
        ),
        st.sampled_from(ANCHORS).flatmap(times).map(lambda time: {"since": rfc3339(time)}),
    )


def some(values: Sequence[T]) -> st.SearchStrategy[list[T]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


def rfc3339(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
