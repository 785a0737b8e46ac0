"""Phones: what can be written to, what is refused, and how a number is shown."""

import pytest

from notify_svc import phones


@pytest.mark.parametrize(
    ("given", "number", "kind"),
    [
        ("+8613812348000", "+8613812348000", "mobile"),
        ("13812348000", "+8613812348000", "mobile"),
        ("＋８６１３８１２３４８０００", "+8613812348000", "mobile"),
        ("138 1234 8000", "+8613812348000", "mobile"),
        ("+447700900123", "+447700900123", "mobile"),
        ("700123456789012", "700123456789012", "virtual"),
        ("+700123456789012", "+700123456789012", "virtual"),
        ("18877771111-123", "18877771111-123", "invalid"),
        ("hello", "hello", "invalid"),
        ("+0001234567", "+0001234567", "invalid"),
        ("+86", "+86", "invalid"),
    ],
)
def test_a_phone_is_read_as_it_can_be_written_to(given: str, number: str, kind: str) -> None:
    read = phones.read(given)
    assert (read.number, read.kind) == (number, kind)


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+8613812348000", "138****8000"), ("+447700900123", "+44****0123"), ("12345", "****45")],
)
def test_a_phone_is_shown_masked(number: str, shown: str) -> None:
    assert phones.mask(number) == shown
