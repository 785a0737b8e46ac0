"""Quiet hours, cap and gap: no plan breaks them, and no earlier moment would have kept them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitou_events import micros, moment
from notify_svc.schedule import DAY, MINUTE, Held, Placed, Policy, Span, openings, place

SHANGHAI, LONDON, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    [SHANGHAI, LONDON, NEW_YORK, ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]
)
START = micros(datetime(2026, 10, 20, tzinfo=UTC))
MOMENTS = st.integers(0, 30 * 24 * 60).map(lambda minute: START + minute * MINUTE)
POLICIES = st.builds(
    Policy,
    opens=st.integers(8 * 60, 14 * 60),
    closes=st.integers(15 * 60, 21 * 60),
    most=st.integers(1, 4),
    period=st.integers(1, 10).map(lambda days: days * DAY),
    gap=st.integers(0, 48).map(lambda hours: hours * 60 * MINUTE),
)


def is_open(at: int, zone: ZoneInfo, policy: Policy) -> bool:
    local = moment(at).astimezone(zone)
    return policy.opens <= local.hour * 60 + local.minute < policy.closes


def keeps_cap_and_gap(moments: list[int], policy: Policy) -> bool:
    """Written from the contract: at most `most` in any rolling period, any two a gap apart."""
    ordered = sorted(moments)
    near = any(later - earlier < policy.gap for earlier, later in pairwise(ordered))
    crowded = any(sum(at <= other < at + policy.period for other in ordered) > policy.most for at in ordered)
    return not near and not crowded


@settings(max_examples=150, deadline=None)
@given(zone=ZONES, policy=POLICIES, asked=st.lists(st.tuples(MOMENTS, st.integers(1, 20)), min_size=1, max_size=12))
def test_messages_placed_one_after_another_never_break_quiet_hours_cap_or_gap(
    zone: ZoneInfo, policy: Policy, asked: list[tuple[int, int]]
) -> None:
    taken: list[int] = []
    for start, days in asked:
        found = place("now", (start, start + days * DAY), zone=zone, policy=policy, taken=taken)
        if isinstance(found, Placed):
            assert start <= found.at < start + days * DAY
            assert is_open(found.at, zone, policy)
            taken.append(found.at)
            assert keeps_cap_and_gap(taken, policy)


@settings(max_examples=100, deadline=None)
@given(zone=ZONES, policy=POLICIES, taken=st.lists(MOMENTS, max_size=6, unique=True), start=MOMENTS)
def test_no_earlier_minute_would_have_kept_all_rules(
    zone: ZoneInfo, policy: Policy, taken: list[int], start: int
) -> None:
    window = (start, start + 2 * DAY)
    found = place("now", window, zone=zone, policy=policy, taken=taken)
    end = found.at if isinstance(found, Placed) else window[1]
    for at in range(start, end, 7 * MINUTE):
        assert not (is_open(at, zone, policy) and fits(at, taken, policy))


def fits(at: int, others: list[int], policy: Policy) -> bool:
    """Whether one more at `at` breaks nothing that it is part of."""
    if any(abs(at - other) < policy.gap for other in others):
        return False
    starts = [other for other in [*others, at] if 0 <= at - other < policy.period]
    return all(sum(start <= o < start + policy.period for o in [*others, at]) <= policy.most for start in starts)


@pytest.mark.parametrize(
    ("zone", "asked", "expected", "reason"),
    [
        (SHANGHAI, "2026-11-02T07:59:59+08:00", "2026-11-02T08:00:00+08:00", "quiet-hours"),
        (SHANGHAI, "2026-11-02T08:00:00+08:00", "2026-11-02T08:00:00+08:00", "now"),
        (SHANGHAI, "2026-11-02T20:59:59+08:00", "2026-11-02T20:59:59+08:00", "now"),
        (SHANGHAI, "2026-11-02T21:00:00+08:00", "2026-11-03T08:00:00+08:00", "quiet-hours"),
        (LONDON, "2026-10-24T22:00:00+01:00", "2026-10-25T08:00:00+00:00", "quiet-hours"),
        (LONDON, "2027-03-27T22:00:00+00:00", "2027-03-28T08:00:00+01:00", "quiet-hours"),
        (NEW_YORK, "2026-11-01T01:30:00-04:00", "2026-11-01T08:00:00-05:00", "quiet-hours"),
    ],
)
def test_quiet_hours_are_those_of_the_zone_on_every_day_of_the_year(
    zone: ZoneInfo, asked: str, expected: str, reason: str
) -> None:
    start = micros(datetime.fromisoformat(asked))
    found = place("now", (start, start + 3 * DAY), zone=zone, policy=Policy(), taken=[])
    assert found == Placed(micros(datetime.fromisoformat(expected)), reason)


def test_the_fourth_message_waits_until_the_first_is_seven_days_old() -> None:
    first = micros(datetime(2026, 11, 2, 4, tzinfo=UTC))
    taken = [first, first + DAY, first + 2 * DAY]
    start = first + 3 * DAY
    found = place("now", (start, start + 30 * DAY), zone=SHANGHAI, policy=Policy(), taken=taken)
    assert found == Placed(first + 7 * DAY, "capped")


def test_a_message_between_two_planned_ones_keeps_its_distance_from_both() -> None:
    noon = micros(datetime(2026, 11, 2, 4, tzinfo=UTC))
    taken = [noon, noon + 2 * DAY - MINUTE]
    found = place("now", (noon, noon + 10 * DAY), zone=SHANGHAI, policy=Policy(), taken=taken)
    assert found == Placed(noon + 3 * DAY - MINUTE, "gap")


@pytest.mark.parametrize(
    ("window", "taken", "reason"),
    [
        ((0, 0), [], "expired"),
        ((-10 * 60, -8 * 60), [], "quiet-hours"),
        ((0, 60), [-60], "gap"),
        ((0, 60), [-60 * 24 * 2, -60 * 24 * 4, -60 * 24 * 6], "capped"),
    ],
)
def test_what_has_no_place_is_held_back_with_the_reason(window: Span, taken: list[int], reason: str) -> None:
    noon = micros(datetime(2026, 11, 2, 4, tzinfo=UTC))
    start, end = (noon + minute * MINUTE for minute in window)
    moments = [noon + minute * MINUTE for minute in taken]
    assert place("now", (start, end), zone=SHANGHAI, policy=Policy(), taken=moments) == Held(reason)


def test_a_day_has_one_opening_of_thirteen_hours_unless_the_clocks_change() -> None:
    start = micros(datetime(2026, 10, 24, tzinfo=UTC))
    spans = openings(LONDON, Policy(), (start, start + 3 * DAY))
    assert [timedelta(microseconds=end - begin) for begin, end in spans] == [timedelta(hours=13)] * 3
