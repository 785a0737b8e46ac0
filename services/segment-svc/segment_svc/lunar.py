"""The Chinese lunar calendar of 1879 to 2200, and on which day of it a birthday is celebrated.

`lunar_years.csv` has a line a year: its first day, the leap month (0 for none), and for each month in order, the leap
one after its namesake, 1 for 30 days and 0 for 29 (docs/decisions/0006-lunar-calendar.md).
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import NamedTuple

FIRST, LAST = 1879, 2200


class LunarDay(NamedTuple):
    """A day of the lunar calendar; `leap` says that the month is the second of its number."""

    year: int
    month: int
    leap: bool
    day: int


class LunarYear(NamedTuple):
    """A year's months as (number, leap) and the day (proleptic ordinal) on which each begins, then its last + 1."""

    months: tuple[tuple[int, bool], ...]
    begins: tuple[int, ...]


def lunar_day(day: int) -> LunarDay | None:
    """Which lunar day a day (proleptic ordinal) is; None outside the years of the table."""
    years = _years()
    place = bisect_right([year.begins[0] for year in years], day) - 1
    if place < 0 or day >= years[place].begins[-1]:
        return None
    months, begins = years[place]
    month = bisect_right(begins, day) - 1
    return LunarDay(FIRST + place, *months[month], day - begins[month] + 1)


def celebrated(born: LunarDay, year: int) -> int | None:
    """The day (proleptic ordinal) of a lunar year on which someone born on a lunar day has birthday.

    Who was born in a leap month has it in that one if the year has it, else in its namesake; who was born on day 30
    has it on day 29 of a short month. None outside the years of the table.
    """
    if not FIRST <= year <= LAST:
        return None
    months, begins = _years()[year - FIRST]
    wanted = (born.month, born.leap)
    place = months.index(wanted if wanted in months else (born.month, False))
    return min(begins[place] + born.day, begins[place + 1]) - 1


@cache
def _years() -> tuple[LunarYear, ...]:
    text = resources.files("segment_svc").joinpath("lunar_years.csv").read_text(encoding="ascii")
    return tuple(_year(line) for line in text.splitlines()[1:])


def _year(line: str) -> LunarYear:
    _, new_year, leap, long = line.split(",")
    months = []
    for month in range(1, 13):
        months += [(month, False), (month, True)] if month == int(leap) else [(month, False)]
    begins = accumulate((29 + int(bit) for bit in long), initial=date.fromisoformat(new_year).toordinal())
    return LunarYear(tuple(months), tuple(begins))
