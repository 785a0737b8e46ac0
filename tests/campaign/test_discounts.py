"""What a coupon takes off."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_svc.discounts import FixedPrice, Kind, NotApplicable, Off, Percent, discount
from huitou_events import Line

money = st.integers(0, 2**53 - 1)
kinds = st.one_of(
    st.builds(Off, off=st.integers(1, 2**53 - 1)),
    st.builds(
        Percent,
        pay=st.decimals(0, "99.9", places=1),
        cap=st.none() | st.integers(1, 2**53 - 1),
    ),
    st.builds(FixedPrice, price=money, item=st.just("i1")),
)
lines = st.lists(
    st.builds(Line, item_id=st.sampled_from(["i1", "i2"]), quantity=st.integers(0, 9), amount=money), max_size=3
)


@pytest.mark.parametrize(
    ("kind", "amount", "taken"),
    [
        (Off(off=1000), 12900, 1000),
        (Off(off=1000), 300, 300),
        (Off(off=1000, over=5000), 5000, 1000),
        (Percent(pay=Decimal("95")), 12900, 645),
        (Percent(pay=Decimal("88.8")), 1000, 112),
        (Percent(pay=Decimal("95")), 19, 0),
        (Percent(pay=Decimal("50"), cap=2000), 12900, 2000),
        (Percent(pay=Decimal("0")), 12900, 12900),
        (FixedPrice(price=1, item="i1"), 500, 499),
        (FixedPrice(price=800, item="i1"), 500, 0),
    ],
)
def test_a_coupon_takes_off_what_it_says(kind: Kind, amount: int, taken: int) -> None:
    assert discount(kind, amount) == taken


def test_below_its_threshold_a_coupon_takes_nothing_off() -> None:
    assert isinstance(discount(Off(off=1000, over=5000), 4999), NotApplicable)


def test_a_fixed_price_is_for_one_piece_of_its_item() -> None:
    kind = FixedPrice(price=1, item="i1")
    two_pieces = Line(item_id="i1", quantity=2, amount=600)
    other = Line(item_id="i2", amount=900)
    assert discount(kind, 1500, [other, two_pieces]) == 299
    assert isinstance(discount(kind, 900, [other]), NotApplicable)


@given(kinds, money, lines)
def test_what_is_left_to_pay_is_never_below_zero(kind: Kind, amount: int, bought: list[Line]) -> None:
    taken = discount(kind, amount, bought)
    assert isinstance(taken, NotApplicable) or 0 <= taken <= amount
