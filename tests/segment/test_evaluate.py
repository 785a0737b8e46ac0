"""The columnar evaluator against a plain reading of the rules, at random moments and at each moment promised."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from huitou_events import micros
from segment_svc import rules
from segment_svc.evaluate import evaluate
from segment_svc.nodes import Occurred, Repurchase, Rule
from segment_svc.occurrences import measured
from segment_svc.people import NEVER, Change, History, Ints, Line, Occurrence, People, Person, changes
from segment_svc.steps import present
from segment_svc.view import View
from tests.segment import chance, interpreter, turns
from tests.segment.chance import DAY, NOW
from tests.segment.interpreter import Customer

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London")


def person_of(customer: Customer) -> Person:
    return Person(History.of(customer.occurrences), changes(customer.changes), customer.tags)


def crowd_of(rng: random.Random) -> tuple[list[Customer], People, list[int]]:
    zone = ZoneInfo(rng.choice(ZONES))
    crowd = [chance.customer(rng, zone) for _ in range(15)]
    if rng.random() < 0.4:
        # After everything that happens, where conditions that only count are told by the k-th latest event.
        at = [NOW + rng.randint(6, 40) * DAY for _ in crowd]
    else:
        at = [rng.choice([NOW, NOW - rng.randint(0, 20 * DAY), chance.when(rng)]) for _ in crowd]
    return crowd, People.of([person_of(one) for one in crowd], zone), at


@pytest.mark.parametrize("seed", range(60))
def test_value_and_next_moment_are_those_of_a_plain_reading(seed: int) -> None:
    rng = random.Random(seed)
    crowd, people, at = crowd_of(rng)
    written = {f"r{number}": chance.rule(rng) for number in range(12)}
    lookup = {"repurchase": Repurchase(chance.cycles(rng))}
    parsed = {name: rules.expand(rules.parse(rule), lookup) for name, rule in written.items()}
    found = evaluate(parsed, people, np.array(at))
    for name, rule in parsed.items():
        for place, one in enumerate(crowd):
            got = (bool(found[name].value[place]), int(found[name].until[place]))
            assert got == expected(rule, one, at[place]), f"{written[name]} for {one} at {at[place]}"


def expected(rule: Rule, one: Customer, at: int) -> tuple[bool, int]:
    value = interpreter.holds(rule, one, at)
    later = sorted(moment for moment in turns.moments(rule, one) if moment > at)
    return value, next((moment for moment in later if interpreter.holds(rule, one, moment) != value), NEVER)


@pytest.mark.parametrize("seed", range(60))
def test_what_a_condition_measures_is_that_of_a_plain_reading(seed: int) -> None:
    rng = random.Random(seed)
    crowd, people, at = crowd_of(rng)
    for _ in range(12):
        written = chance.event(rng)
        rule = rules.parse(written)
        assert isinstance(rule, Occurred)
        found = present(measured(View(people, np.array(at)), rule), np.array(at))
        for place, one in enumerate(crowd):
            assert found[place] == interpreter.measure(rule, one, at[place]), f"{written} for {one} at {at[place]}"


@pytest.mark.parametrize("seed", range(30))
def test_between_a_moment_and_the_next_one_promised_nothing_changes(seed: int) -> None:
    rng = random.Random(seed)
    _, people, at = crowd_of(rng)
    parsed = {f"r{number}": rules.parse(chance.rule(rng)) for number in range(40)}
    found = evaluate(parsed, people, np.array(at))
    for name, rule in parsed.items():
        value, until = found[name]
        last = np.minimum(until - 1, np.array(at) + 60 * DAY)
        for moments in (rng_between(rng, at, last), last):
            assert (evaluate({"r": rule}, people, moments)["r"].value == value).all()
        moved = until != NEVER
        after = evaluate({"r": rule}, people, np.where(moved, until, at))["r"].value
        assert (after == np.where(moved, ~value, value)).all()


def rng_between(rng: random.Random, first: list[int], last: Ints) -> Ints:
    return np.array([rng.randint(low, high) for low, high in zip(first, last.tolist(), strict=True)])


def outcome(rule: object, *occurrences: Occurrence, at: int = NOW) -> tuple[bool, int]:
    people = People.of([Person(History.of(occurrences), changes([]))], ZoneInfo("Asia/Shanghai"))
    found = evaluate({"r": rules.parse(rule)}, people, np.array([at]))["r"]
    return bool(found.value[0]), int(found.until[0])


def completed(trade: str, at: int = NOW - DAY, amount: int = 100, *lines: Line) -> Occurrence:
    return Occurrence(at, "trade.completed", "oms", trade, amount, trade, lines=lines)


def refunded(trade: str, at: int, amount: int, *lines: Line) -> Occurrence:
    return Occurrence(at, "trade.refunded", "oms", f"refund-{trade}-{at}", amount, trade, f"{trade}-{at}", lines)


def cart(item: str, at: int) -> Occurrence:
    return Occurrence(at, "cart.added", "app", f"{item}-{at}", lines=(Line(item),))


def test_the_end_of_a_window_is_the_moment_the_event_is_that_old() -> None:
    assert outcome({"event": "cart.added", "within": "30d"}, cart("i", NOW - DAY)) == (True, NOW + 29 * DAY)
    assert outcome({"event": "cart.added", "within": "1d"}, cart("i", NOW - DAY)) == (False, NEVER)
    assert outcome({"event": "cart.added", "between": ["10d", "3d"]}, cart("i", NOW - 3 * DAY)) == (True, NOW + 7 * DAY)
    assert outcome({"event": "cart.added", "between": ["10d", "3d"]}, cart("i", NOW)) == (False, NOW + 3 * DAY)


def test_moments_may_lie_ages_ahead() -> None:
    added = [cart("i", NOW - number * DAY) for number in range(3)]
    rule = {"event": "cart.added", "quantity": {"at_least": 2}, "within": "2900000d"}
    assert outcome(rule, *added) == (True, NOW + 2_899_999 * DAY)
    assert outcome({"attribute": "age", "at_least": 1}, *added) == (False, NEVER)


def test_an_event_in_the_future_is_a_next_moment() -> None:
    assert outcome({"not": {"event": "cart.added"}}, cart("i", NOW + 5)) == (True, NOW + 5)


def test_the_interested_are_lost_when_they_buy_the_item() -> None:
    rule = {
        "event": ["cart.added", "favourite.added"],
        "between": ["10d", "3d"],
        "unless_later": {"event": ["trade.paid", "trade.completed"], "same": "item"},
    }
    added = cart("i1", NOW - 5 * DAY)
    assert outcome(rule, added) == (True, NOW + 5 * DAY)
    assert outcome(rule, added, completed("t1", NOW - 4 * DAY, 100, Line("i2"))) == (True, NOW + 5 * DAY)
    assert outcome(rule, added, completed("t1", NOW - 5 * DAY, 100, Line("i1"))) == (False, NEVER)
    assert outcome(rule, added, completed("t1", NOW - 6 * DAY, 100, Line("i1"))) == (True, NOW + 5 * DAY)


def test_a_payment_ends_when_its_trade_is_closed() -> None:
    rule = {"event": "cart.added", "unless_later": {"event": "trade.paid", "same": "item"}}
    paid = Occurrence(NOW - 4 * DAY, "trade.paid", "oms", "p", 100, "t1", lines=(Line("i1"),))
    closed = Occurrence(NOW + DAY, "trade.closed", "oms", "c", 100, "t1")
    assert outcome(rule, cart("i1", NOW - 5 * DAY), paid, closed) == (False, NOW + DAY)
    assert outcome(rule, cart("i1", NOW - 5 * DAY), paid, closed, at=NOW + DAY) == (True, NEVER)
    assert outcome(rule, cart("i1", NOW - 5 * DAY), paid, closed, completed("t1", NOW)) == (False, NEVER)


def test_a_fully_refunded_trade_does_not_count_and_neither_does_a_free_one_that_is_refunded() -> None:
    rule = {"event": "trade.completed"}
    assert outcome(rule, completed("t1"), refunded("t1", NOW, 60), refunded("t1", NOW + 7, 40)) == (True, NOW + 7)
    assert outcome(rule, completed("t1", amount=0)) == (True, NEVER)
    assert outcome(rule, completed("t1", amount=0), refunded("t1", NOW, 0)) == (False, NEVER)


def test_a_refund_without_items_is_spread_by_amount_and_the_last_line_bears_the_rest() -> None:
    bought = completed("t1", NOW - DAY, 100, Line("i1", amount=10), Line("i2", amount=20), Line("i3", amount=70))
    for item, left in (("i1", 7), ("i2", 14), ("i3", 46)):
        rule = {"event": "trade.completed", "item": [item], "amount": {"at_least": left, "at_most": left}}
        assert outcome(rule, bought, refunded("t1", NOW, 33)) == (True, NEVER)


def test_an_average_is_compared_without_rounding() -> None:
    bought = [completed(f"t{number}", amount=amount) for number, amount in enumerate([33, 33, 34])]
    for test, held in (
        ({"at_most": 33}, False),
        ({"at_least": 34}, False),
        ({"in": [33]}, False),
        ({"between": [33, 34]}, True),
    ):
        assert outcome({"attribute": "average_order_value", **test}, *bought)[0] is held


def test_the_largest_amounts_are_added_exactly() -> None:
    most = 2**53 - 1
    bought = [completed(f"t{number}", amount=most) for number in range(2000)]
    rule = {"not": {"event": "trade.completed", "amount": {"at_most": most}}}
    assert outcome(rule, *bought) == (True, NEVER)
    assert outcome({"attribute": "average_order_value", "in": [most]}, *bought) == (True, NEVER)


def test_a_birthday_on_29_february_is_on_1_march_in_the_zone_of_the_shop() -> None:
    born = changes([Change(0, "birthday", "2000-02-29")])
    people = People.of([Person(History.of(), born)], ZoneInfo("Asia/Shanghai"))
    found = evaluate({"r": rules.parse({"attribute": "age", "at_least": 27})}, people, np.array([NOW]))["r"]
    assert (bool(found.value[0]), int(found.until[0])) == (False, micros(datetime(2027, 2, 28, 16, tzinfo=UTC)))


def test_nobody_is_evaluated_to_nothing() -> None:
    found = evaluate(
        {"r": rules.parse({"event": "cart.added"})}, People.of([], ZoneInfo("UTC")), np.array([], np.int64)
    )
    assert len(found["r"].value) == len(found["r"].until) == 0
