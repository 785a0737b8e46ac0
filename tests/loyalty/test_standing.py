"""The pure rules: where a walk through the facts ends, and that it may be broken off anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from loyalty_svc.standing import (
    CLOSED,
    COMPLETED,
    GIVEN,
    NOBODY,
    PAID,
    REFUNDED,
    REGISTERED,
    REQUESTED,
    Fact,
    derive,
    proceed,
)
from loyalty_svc.tiers import START_US, Tier, Version, described, rank
from tests.naive.effort import effort

TIERS = (Tier("o", "O", 95, amount=100, trades=2), Tier("p", "P", 90, amount=200), Tier("v", "V", 80, trades=5))
VERSIONS = [
    Version(1, START_US, "on_payment", TIERS),
    Version(2, START_US + 10, "on_payment", (TIERS[0], Tier("q", "Q", 85, amount=150), TIERS[2])),
    Version(3, START_US + 20, "on_registration", TIERS[:2]),
]


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    kinds = st.sampled_from([PAID, COMPLETED, COMPLETED, CLOSED, REFUNDED, REGISTERED, REQUESTED, GIVEN])
    drawn = draw(st.lists(st.tuples(kinds, st.integers(-3, 30), st.sampled_from("abc")), max_size=20))
    return [
        Fact(
            kind,
            START_US + moment,
            "urn:s",
            f"e{number}",
            trade_id=trade if kind <= REFUNDED else "",
            amount=draw(st.sampled_from([0, 50, 100, 150])),
            refund_id=draw(st.sampled_from(["r1", "r2"])) if kind == REFUNDED else "",
            tier=draw(st.sampled_from(["o", "p"])) if kind == GIVEN else None,
        )
        for number, (kind, moment, trade) in enumerate(drawn)
    ]


@effort(300)
@given(data=st.data())
def test_a_walk_that_is_broken_off_goes_on_to_the_same_end(data: st.DataObject) -> None:
    known = sorted(data.draw(facts()), key=lambda fact: fact.place)
    cut = data.draw(st.integers(0, len(known)))
    half = proceed(NOBODY, (), known[:cut], VERSIONS)
    whole = proceed(half, known[:cut], known[cut:], VERSIONS)
    straight = derive(data.draw(st.permutations(known)), VERSIONS, now_us=START_US + 99)
    assert (*half.steps, *whole.steps) == straight.steps
    fields = ("joined_us", "tier", "amount", "trades", "paid_amount", "paid_trades")
    assert [getattr(whole, name) for name in fields] == [getattr(straight, name) for name in fields]


def test_a_tier_that_was_dropped_ranks_where_it_stood_last() -> None:
    assert [rank(key, VERSIONS) for key in ("o", "p", "q", "v", "x")] == [0, 1, 1, 2, -1]
    assert described("v", VERSIONS) == TIERS[2]


def test_a_trade_that_completes_after_it_was_closed_is_paid_from_its_completion_on() -> None:
    paid, closed = Fact(PAID, START_US, "s", "1", "t", 100), Fact(CLOSED, START_US + 1, "s", "2", "t", 100)
    completed = Fact(COMPLETED, START_US + 2, "s", "3", "t", 70)
    sums = [derive([paid, closed, completed], [], now_us=START_US + at).paid_amount for at in range(3)]
    assert sums == [100, 0, 70]


def test_of_an_over_refunded_trade_all_refunds_are_taken_off() -> None:
    completed = Fact(COMPLETED, START_US, "s", "1", "t", 100)
    refund = Fact(REFUNDED, START_US + 1, "s", "2", "t", 130, refund_id="r")
    standing = derive([completed, refund], [], now_us=START_US + 1)
    assert (standing.amount, standing.trades) == (-30, 0)
