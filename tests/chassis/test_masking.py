"""Whatever the spelling, no phone number is left in what an operator sees."""

import pytest

from huitou_chassis.masking import masked


@pytest.mark.parametrize(
    "value",
    [
        '{"phone": "+8613812345678"}',
        '{"phone": 13812345678}',
        '{"unknown": "tel:13812345678"}',
        '{"note": "电话13812345678"}',
        '{"note": "138-1234-5678"}',
        '{"note": "138 1234 5678"}',
        r'{"phone": "\u0031\u0033812345678"}',
        r'{"phone": "\uff113812345678"}',
        "{1３8１2３45678",
        "13812345678",
        "\x001\x003\x008\x001\x002\x003\x004\x005\x006\x007\x008",
    ],
)
def test_no_phone_is_left(value: str) -> None:
    text = masked(value.encode())
    assert "*" in text
    assert "1234" not in "".join(character for character in text if character.isalnum())


@pytest.mark.parametrize(
    "value",
    [
        '{"time": "2026-11-01T12:00:00.123456Z", "amount": 129900}',
        '{"shopid": "s1", "trade_id": "t1", "specversion": "1.0", "registered_at": "2026-11-01"}',
        "",
    ],
)
def test_times_amounts_and_short_ids_stay(value: str) -> None:
    assert masked(value.encode()) == value


def test_personal_fields_are_masked_also_where_the_record_ends_in_them() -> None:
    assert masked(b'{"name": "Ada \\"L\\"", "email" : "a@b.c", "x": 1, "birthday": "--02-') == (
        '{"name": "***", "email" : "***", "x": 1, "birthday": "***"'
    )


def test_bytes_that_are_no_text_are_shown_as_they_are() -> None:
    assert masked(b"\xff\xfe{") == "\\xff\\xfe{"
