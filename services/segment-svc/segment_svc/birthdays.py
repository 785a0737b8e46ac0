"""Birthdays and ages by the calendar of the shop's zone: which day a birthday falls on, and when one is near."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from segment_svc import lunar
from segment_svc.calendar import BLOCK, DAY, EPOCH_DAY, local_day, midnight, midnights
from segment_svc.nodes import Birthday
from segment_svc.people import NEVER, UNKNOWN, Ints

LAST_YEAR = 9998
YEARLY = 350 * DAY
"""So long a time before a birthday leaves days in every year, solar or lunar, on which none is near."""
AHEAD = 365 * DAY
"""So far ahead of somebody's present everything about their birthdays is known."""
BORN, BIRTHS = date(1900, 1, 1).toordinal(), 72 * BLOCK
YEARS_AHEAD = 10
"""Within so many years there is a day on which none is near, if there ever is: leap years may be eight apart."""


def turning(born: Ints, years: Ints | int) -> Ints:
    """The days on which people born on these turn so old (all proleptic ordinals); 29 February may be 1 March."""
    days = (born - EPOCH_DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    of_month = (days - months.astype("datetime64[D]")).astype(np.int64)
    turned = (months.astype(np.int64) + 12 * np.asarray(years)).astype("datetime64[M]").astype("datetime64[D]")
    ordinals: Ints = turned.astype(np.int64) + EPOCH_DAY + of_month
    return ordinals


def reached(born: Ints, age: int, zone: ZoneInfo) -> Ints:
    """When people born on these days (proleptic ordinals) come to be so old, in microseconds since 1970."""
    place = born - BORN
    if (place < 0).any() or (place >= BIRTHS).any():
        return midnights(turning(born, age), zone)
    known = _reached(age, zone)
    found: Ints = known[place]
    if (missing := found == UNKNOWN).any():
        for block in np.unique(place[missing] // BLOCK).tolist():
            days = np.arange(block * BLOCK, (block + 1) * BLOCK)
            known[days] = midnights(turning(BORN + days, age), zone)
        found = known[place]
    return found


@lru_cache(maxsize=64)
def _reached(age: int, zone: ZoneInfo) -> Ints:
    """The same of everybody born from 1900 until 2100, as far as it was asked for: rules ask for few ages again and
    again, and for the days of few years."""
    return np.full(BIRTHS, UNKNOWN)


@lru_cache(maxsize=65_536)
def near(born: int, rule: Birthday, zone: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """From when to when a birthday of someone born on a day (as `people` codes it) is near or today, around a year.

    They are the spans that matter to somebody whose present lies in the year (UTC), in microseconds since 1970.
    """
    ahead = 2 if rule.within < YEARLY else YEARS_AHEAD
    if born > 0:
        # Who is said to be born in years to come has the first birthday then.
        year = max(year, date.fromordinal(born).year)
    spans = [
        (midnight(day, zone) - rule.within, midnight(day + 1, zone))
        for day in (_celebrated(born, rule.calendar, one) for one in range(year - 2, year + ahead + 1))
        if day is not None
    ]
    if spans and rule.calendar == "solar" and rule.within >= 365 * DAY:
        # One is always near, as far as the calendar goes.
        spans[-1] = (spans[-1][0], NEVER)
    return tuple(spans)


def following(born: int, calendar: str, at: int, zone: ZoneInfo) -> date | None:
    """The next birthday at a moment, today's included; None if it is unknown."""
    if born == UNKNOWN:
        return None
    today = local_day(at, zone)
    year = date.fromordinal(today).year
    days = (_celebrated(born, calendar, one) for one in range(year - 1, year + 3))
    first = min((day for day in days if day is not None and day >= today), default=None)
    return None if first is None else date.fromordinal(first)


@lru_cache(maxsize=65_536)
def _celebrated(born: int, calendar: str, year: int) -> int | None:
    """The birthday (proleptic ordinal) in a year of the calendar; None before birth and where it is not known."""
    found: int | None = None
    if calendar == "lunar":
        day = lunar.lunar_day(born) if born > 0 else None
        found = None if day is None else lunar.celebrated(day, year)
    elif 1 <= year <= LAST_YEAR:
        found = _yearless(-born, year) if born < 0 else _in_year(born, year)
    return None if found is None or found < born else found


def _in_year(born: int, year: int) -> int:
    return int(turning(np.array([born]), year - date.fromordinal(born).year)[0])


def _yearless(month_day: int, year: int) -> int:
    month, day = divmod(month_day, 100)
    # 29 February is 1 March where there is none.
    return date(year, month, 1).toordinal() + day - 1
