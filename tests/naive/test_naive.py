"""The naive model against sentences of the contract that can be worked out by hand."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from huitou_events import Event
from tests import make
from tests.naive.audiences import Customer, Rule, evaluate
from tests.naive.facts import micros
from tests.naive.tiers import START, Call, Standing, Tier, Version, standing_at

INTERESTED: Rule = {
    "event": ["cart.added", "favourite.added"],
    "between": ["10d", "3d"],
    "unless_later": {"event": ["trade.paid", "trade.completed"], "same": "item"},
}
MICROSECOND = timedelta(microseconds=1)
PROGRAMME = (Tier("ordinary", 500, 1), Tier("premium", 1000, 3))
NOW = micros(make.NOW)


def holds(rule: Rule, *events: Event[Any]) -> bool:
    return evaluate(rule, Customer(events, ZoneInfo("Asia/Shanghai")), NOW)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(days=3) - MICROSECOND, False),
        (timedelta(days=3), True),
        (timedelta(days=10) - MICROSECOND, True),
        (timedelta(days=10), False),
    ],
)
def test_a_cart_interests_from_three_to_ten_days(age: timedelta, expected: bool) -> None:
    assert holds(INTERESTED, make.cart(time=make.NOW - age)) is expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([make.paid(time=make.ago(days=5))], False),
        ([make.paid(time=make.ago(days=5) - MICROSECOND)], True),
        ([make.paid(time=make.ago(days=2), items=[make.line("i2")])], True),
        ([make.paid(time=make.ago(days=2)), make.refunded(time=make.ago(days=1))], False),
        ([make.paid(time=make.ago(days=2)), make.closed(time=make.ago(days=1))], True),
        ([make.paid(time=make.ago(days=2)), make.closed(time=make.ago(days=1)), make.completed()], False),
        ([make.paid(time=make.NOW + MICROSECOND)], True),
    ],
)
def test_who_bought_the_item_later_is_interested_no_more(later: list[Event[Any]], expected: bool) -> None:
    assert holds(INTERESTED, make.cart(time=make.ago(days=5)), *later) is expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"amount": {"at_least": 67, "at_most": 67}}, True),
        ({"item": ["i1"], "amount": {"at_least": 34, "at_most": 34}}, True),
        ({"item": ["i2"], "amount": {"at_least": 33, "at_most": 33}}, True),
        ({"category": ["k1"], "quantity": {"at_least": 2}}, True),
        ({"item": ["i3"]}, False),
        ({"items": {"at_least": 2, "at_most": 2}}, True),
        ({"days": {"at_most": 1}}, True),
    ],
)
def test_a_refund_without_items_is_spread_over_the_lines(rule: Rule, expected: bool) -> None:
    items = [make.line("i1", 50, 2, "k1"), make.line("i2", 50)]
    trade, refund = make.completed(amount=100, items=items), make.refunded(amount=33)
    assert holds({"event": "trade.completed", **rule}, trade, refund) is expected


def test_a_trade_counts_once_at_the_earliest_named_and_not_at_all_once_fully_refunded() -> None:
    rule = {"event": ["trade.paid", "trade.completed"], "within": "1d"}
    assert holds(rule, make.completed())
    assert not holds(rule, make.completed(), make.paid(time=make.ago(days=1)))
    assert not holds(
        rule, make.completed(), make.refunded(refund="r1", amount=40), make.refunded(refund="r2", amount=60)
    )
    assert holds(rule, make.completed(), make.refunded(time=make.NOW + MICROSECOND))


def stands(*events: Event[Any], later: tuple[Tier, ...] = PROGRAMME, calls: tuple[Call, ...] = ()) -> Standing:
    versions = [Version(START, PROGRAMME), Version(micros(make.ago(days=10)), later)]
    return standing_at(events, versions, calls, NOW)


def test_who_pays_enough_joins_and_a_completed_trade_promotes() -> None:
    early, late = make.ago(days=3), make.ago(days=2)
    assert stands(make.created(amount=500)) == Standing(None, None, 0, 0)
    assert stands(make.paid(amount=500, time=early)) == Standing(micros(early), "ordinary", 0, 0)
    assert stands(make.paid(amount=1000, time=early), make.completed(amount=1000, time=late)) == Standing(
        micros(early), "premium", 1000, 1
    )


def test_a_refund_takes_no_tier_but_one_before_the_evaluation_does() -> None:
    trade = make.completed(amount=1000, time=make.ago(days=3))
    assert stands(trade, make.refunded(amount=900, time=make.ago(days=2))).tier == "premium"
    assert stands(trade, make.refunded(amount=900, time=make.ago(days=3))).tier == "premium"
    assert stands(trade, make.refunded(amount=900, time=make.ago(days=4))).tier == "ordinary"
    assert stands(trade, make.refunded(amount=1000, time=make.ago(days=4))).tier is None


def test_a_new_programme_waits_for_the_next_completed_trade() -> None:
    easier = (Tier("ordinary", 500, 1), Tier("premium", 600, 2))
    before, after = make.completed(amount=600, time=make.ago(days=11)), make.completed(trade="t2", amount=0)
    assert stands(before, later=easier).tier == "ordinary"
    assert stands(before, after, later=easier).tier == "premium"


def test_a_tier_given_by_hand_stays() -> None:
    given = Call(micros(make.ago(days=5)), "premium")
    assert stands(make.completed(), calls=(given,)) == Standing(given.at, "premium", 100, 1)
