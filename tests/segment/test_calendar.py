"""Offsets from UTC as they are handed to SQL, held against the zones themselves."""

from bisect import bisect
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from huitou_events import micros
from segment_svc.calendar import offsets

FIRST, LAST = 2019, 2029


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Europe/London", "America/New_York", "Pacific/Chatham"])
def test_offsets_are_those_of_the_zone_in_every_summer_and_winter(name: str) -> None:
    zone = ZoneInfo(name)
    table = offsets(zone, FIRST, LAST)
    since = [moment for moment, _ in table]
    for day in range((date(LAST, 12, 31) - date(FIRST, 1, 1)).days):
        at = datetime(FIRST, 1, 1, tzinfo=UTC) + timedelta(days=day)
        offset = timedelta(microseconds=table[bisect(since, micros(at)) - 1][1])
        assert offset == at.astimezone(zone).utcoffset(), at
