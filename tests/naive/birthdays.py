"""Whether a birthday is near, by looking at one day after the other."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo

from tests.naive.facts import EPOCH, micros

CALENDARS = ["solar", "lunar"] if find_spec("sxtwl") else ["solar"]
"""The lunar calendar is that of a library, which not every Python has."""


def near(birthday: Any, zone: ZoneInfo, t: int, *, within: int, calendar: str) -> bool:
    """Today is the birthday, or the day of one begins by t + within."""
    today = local(t, zone)
    days = (local(t + within, zone) - today).days
    return any(
        is_birthday(birthday, day, calendar) and (day == today or begins(day, zone) <= t + within)
        for day in (today + timedelta(ahead) for ahead in range(days + 1))
    )


def edges(birthday: Any, zone: ZoneInfo, around: int, *, within: int, calendar: str) -> Iterator[int]:
    """The moments at which `near` may turn, within some 400 days of one, or of a birth to come."""
    day = local(around, zone)
    if birthday is not None and not str(birthday).startswith("--"):
        day = max(day, date.fromisoformat(str(birthday)))
    for ahead in range(-400, 800):
        one = day + timedelta(ahead)
        if is_birthday(birthday, one, calendar):
            yield from (begins(one, zone) - within, begins(one + timedelta(1), zone))


def local(t: int, zone: ZoneInfo) -> date:
    return (EPOCH + timedelta(microseconds=t)).astimezone(zone).date()


def begins(day: date, zone: ZoneInfo) -> int:
    return micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def is_birthday(birthday: Any, day: date, calendar: str) -> bool:
    if birthday is None:
        return False
    text = str(birthday)
    if text.startswith("--"):
        return calendar == "solar" and is_same_day(int(text[2:4]), int(text[5:7]), day)
    born = date.fromisoformat(text)
    if day < born:
        return False
    return is_same_day(born.month, born.day, day) if calendar == "solar" else is_same_lunar_day(born, day)


def is_same_day(month: int, of_month: int, day: date) -> bool:
    if (month, of_month) == (2, 29) and (day.month, day.day) == (3, 1):
        return (day - timedelta(1)).day == 28
    return (day.month, day.day) == (month, of_month)


def is_same_lunar_day(born: date, day: date) -> bool:
    _, month, leap, of_month = lunar(born)
    year, its_month, its_leap, its_day = lunar(day)
    if its_month != month or its_leap != leap:
        import sxtwl

        instead = leap and not its_leap and its_month == month and sxtwl.getRunMonth(year) != month
        if not instead:
            return False
    return its_day == of_month or (of_month == 30 and its_day == 29 and lunar(day + timedelta(1))[3] == 1)


@cache
def lunar(day: date) -> tuple[int, int, bool, int]:
    import sxtwl

    found = sxtwl.fromSolar(day.year, day.month, day.day)
    return found.getLunarYear(True), found.getLunarMonth(), found.isLunarLeap(), found.getLunarDay()
