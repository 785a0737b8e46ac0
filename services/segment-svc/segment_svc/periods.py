"""Periods of figures: whole days of the shop's calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from huitou_chassis import Invalid, Time, Tx
from huitou_events import micros
from segment_svc.calendar import DAY, local_day, midnight

USUAL = 30
MOST = 731
MOMENT: TypeAdapter[Time] = TypeAdapter(Time)


@dataclass(frozen=True)
class Period:
    """The days (proleptic ordinals) and the moments at which they begin, with the end of the last, in microseconds.

    `until` is its end, or now: what is announced for later does not count yet. `today` is the present day.
    """

    zone: ZoneInfo
    days: Sequence[int]
    bounds: Sequence[int]
    until: int
    today: int


def period(tx: Tx, zone: ZoneInfo, start: str | None, end: str | None) -> Period:
    """The days from that in which `start` lies until before `end`, up to today; the last 30 unless given.

    A date stands for the moment at which it begins. Invalid for what is no date or RFC 3339 time, a period that is
    empty, lies ahead, or is longer than 731 days.
    """
    today = local_day(tx.us, zone)
    # No calendar has the days of the latest moments that a call may name.
    ahead = tx.us + 2 * DAY
    last = min(local_day(min(_moment("until", end, zone), ahead) - 1, zone), today) if end is not None else today
    first = local_day(min(_moment("from", start, zone), ahead), zone) if start is not None else last - USUAL + 1
    if first > today:
        raise Invalid(field="from", detail="not after today")
    if last < first:
        raise Invalid(field="until", detail="after `from`, which it ends")
    if last - first >= MOST:
        raise Invalid(field="from", detail=f"at most {MOST} days before `until`")
    days = range(first, last + 1)
    bounds = [midnight(day, zone) for day in range(first, last + 2)]
    return Period(zone, days, bounds, min(bounds[-1], tx.us + 1), today)


def _moment(field: str, text: str, zone: ZoneInfo) -> int:
    try:
        if len(text) == len("2026-11-01"):
            at = midnight(date.fromisoformat(text).toordinal(), zone)
        else:
            at = micros(MOMENT.validate_python(text))
    except (ValueError, OverflowError, ValidationError):
        raise Invalid(field=field, detail="a date (2026-11-01) or an RFC 3339 time with an offset") from None
    if at < -DAY:
        raise Invalid(field=field, detail="not before 1970")
    return at
