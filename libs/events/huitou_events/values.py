"""The values that facts are made of; strict, because a guess is worse than a refusal."""

from collections.abc import Callable
from datetime import date
from functools import cache
from re import compile as pattern
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

LARGEST = 2**53 - 1
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*$"
_NO_NUL = r"^[^\x00]*$"
_FULL_DATE = pattern(r"(1[89]|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}")
_YEARLESS_DATE = pattern(r"--[0-9]{2}-[0-9]{2}")


def _check(holds: Callable[[str], bool], message: str) -> AfterValidator:
    def check(text: str) -> str:
        if not holds(text):
            # Without the text itself: it may be personal, and the message ends up in a dead letter's header.
            raise PydanticCustomError("value", message)
        return text

    return AfterValidator(check)


def _is_birthday(text: str) -> bool:
    full = _FULL_DATE.fullmatch(text) is not None
    if not full and _YEARLESS_DATE.fullmatch(text) is None:
        return False
    try:
        # 2000 has a 29 February, so whoever does not tell the year may be born on it.
        born = date.fromisoformat(text if full else f"2000{text[1:]}")
    except ValueError:
        return False
    return born.year >= 1880


def _is_zone(text: str) -> bool:
    return text in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory", "posixrules"})


Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NO_CONTROLS)]
ShopId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Source = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NO_CONTROLS)]
CardNo = Annotated[str, StringConstraints(min_length=1, max_length=123, pattern=_NO_CONTROLS)]
"""So short that `card:<no>` is still an id."""
Text = Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)]
LongText = Annotated[str, StringConstraints(max_length=2000, pattern=_NO_NUL)]

Money = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
"""In the minor unit of the currency (fen, cents)."""
Signed = Annotated[int, Field(strict=True, ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Flag = Annotated[bool, Field(strict=True)]

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{7,15}$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
Zone = Annotated[str, _check(_is_zone, "Should be a time zone of the IANA database")]
Birthday = Annotated[
    str,
    _check(_is_birthday, "Should be a date as YYYY-MM-DD, or as --MM-DD without the year"),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]{4}|-)-[0-9]{2}-[0-9]{2}$"}),
]
