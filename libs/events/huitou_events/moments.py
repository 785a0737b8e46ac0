"""Moments and spans of time, in the one unit that is stored and compared: microseconds since 1970, UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import no_info_plain_validator_function

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
LONGEST = 3_650_000 * UNITS["d"]
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"([0-9]{1,10})([mhd])")


def micros(time: datetime) -> int:
    """Microseconds since 1970 of an aware datetime; a naive one is a TypeError."""
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(us: int) -> datetime:
    """The UTC datetime of microseconds since 1970; OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=us)


def duration(text: str) -> int:
    """Microseconds of a whole number of minutes, hours or days (`90m`, `24h`, `10d`); else a ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a whole number followed by m, h or d, for example 10d")
    us = int(match[1]) * UNITS[match[2]]
    if us > LONGEST:
        raise ValueError("a duration is at most 3650000d")
    return us


def _utc(value: Any) -> datetime:
    """An RFC 3339 text or an aware datetime, as UTC."""
    if isinstance(value, str):
        if _RFC3339.fullmatch(value) is None:
            raise PydanticCustomError("moment", "Should be an RFC 3339 time with an offset")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise PydanticCustomError("moment", "No such moment between the years 1 and 9999") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PydanticCustomError("moment", "Should be a time with an offset")
    return value.astimezone(UTC)


Moment = Annotated[
    datetime,
    GetPydanticSchema(lambda _source, _handler: no_info_plain_validator_function(_utc)),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Read from RFC 3339 with any offset, held and written in UTC."""
