"""Days of a time zone's calendar: which day a moment lies on, and when a day begins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from huitou_events import micros
from segment_svc.people import NEVER, Ints

SECOND = 1_000_000
DAY = 86_400 * SECOND
BLOCK = 1024
SLOT = 900 * SECOND
"""A quarter of an hour, by which is counted: the local days of every zone in use begin at one."""
EPOCH_DAY = date(1970, 1, 1).toordinal()


def local_days(moments: Ints, zone: ZoneInfo) -> Ints:
    """The day (proleptic ordinal) on which each moment (microseconds since 1970) lies in the zone."""
    if not len(moments):
        return moments
    found = years(moments)
    first = int(found.min())
    tables = [_offsets(zone, first + year) for year in np.flatnonzero(np.bincount(found - first)).tolist()]
    since = np.array([start for table in tables for start, _ in table])
    offset = np.array([offset for table in tables for _, offset in table])
    at = np.maximum(np.searchsorted(since, moments, "right") - 1, 0)
    days: Ints = (moments + offset[at]) // DAY + EPOCH_DAY
    return days


def years(moments: Ints) -> Ints:
    """The year (UTC) in which each moment lies."""
    found: Ints = moments.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    return found


def offsets(zone: ZoneInfo, first: int, last: int) -> list[tuple[int, int]]:
    """From which moment on which offset from UTC is in force in the years from `first` to `last` (microseconds)."""
    found: list[tuple[int, int]] = []
    for year in range(first, last + 1):
        for since, offset in _offsets(zone, year):
            if not found or offset != found[-1][1]:
                found.append((since, offset))
    return found


def local_day(moment: int, zone: ZoneInfo) -> int:
    """The day (proleptic ordinal) on which one moment lies in the zone."""
    return int(local_days(np.array([moment], np.int64), zone)[0])


def midnight(day: int, zone: ZoneInfo) -> int:
    """When the day (proleptic ordinal) begins in the zone, in microseconds since 1970; NEVER after the year 9998."""
    return int(_block(day // BLOCK, zone)[day % BLOCK])


def midnights(days: Ints, zone: ZoneInfo) -> Ints:
    """When these days (proleptic ordinals) begin in the zone; NEVER after the calendar's end."""
    found = np.empty(len(days), np.int64)
    blocks = days // BLOCK
    for block in np.unique(blocks).tolist():
        which = np.flatnonzero(blocks == block)
        found[which] = _block(block, zone)[days[which] - block * BLOCK]
    return found


@lru_cache(maxsize=512)
def _block(number: int, zone: ZoneInfo) -> Ints:
    """The midnights of 1,024 days in a row: asked for one by one they would cost as much as the rest of an age."""
    return np.array([_midnight(max(number * BLOCK + day, 1), zone) for day in range(BLOCK)], np.int64)


def _midnight(day: int, zone: ZoneInfo) -> int:
    if day >= date(9999, 1, 1).toordinal():
        return NEVER
    # If clocks go forward at midnight, the missing 00:00 read by the old offset is the very moment they do.
    return micros(datetime.combine(date.fromordinal(day), datetime.min.time(), zone))


@lru_cache(maxsize=4096)
def _offsets(zone: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """From which moment on which offset from UTC is in force in a year (UTC), both in microseconds.

    Asked day by day and narrowed down to the second, because zoneinfo does not tell when offsets change.
    """
    # At the very ends of the calendar a local time may not exist; no zone changes there.
    first = datetime(min(max(year, 2), 9998), 1, 1, tzinfo=UTC)
    found = [(micros(datetime(year, 1, 1, tzinfo=UTC)), _offset(first, zone))]
    for day in range((date(first.year + 1, 1, 1) - first.date()).days):
        low, high = first + timedelta(days=day), first + timedelta(days=day + 1)
        if _offset(high, zone) == found[-1][1]:
            continue
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            low, high = (middle, high) if _offset(middle, zone) == found[-1][1] else (low, middle)
        found.append((micros(high), _offset(high, zone)))
    return tuple(found)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)
