"""When a birthday is near: by the calendar of the shop's zone, solar or lunar."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from huitou_events import micros, moment
from segment_svc import rules
from segment_svc.evaluate import evaluate
from segment_svc.explain import why
from segment_svc.people import NEVER, Change, History, People, Person, changes

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = {"birthday": {"within_next": "7d"}}
LUNAR_WEEK = {"birthday": {"within_next": "7d", "calendar": "lunar"}}


def born(text: str | None) -> Person:
    return Person(History.of(), changes([Change(0, "birthday", text)]))


def at(written: str, zone: ZoneInfo = SHANGHAI) -> int:
    return micros(datetime.fromisoformat(written).replace(tzinfo=zone))


def found(rule: object, person: Person, now: str, zone: ZoneInfo = SHANGHAI) -> tuple[bool, str | None]:
    """The value, and in the zone's own time until when."""
    outcome = evaluate({"": rules.parse(rule)}, People.of([person], zone), np.array([at(now, zone)]))[""]
    until = int(outcome.until[0])
    return bool(outcome.value[0]), None if until == NEVER else f"{moment(until).astimezone(zone):%Y-%m-%dT%H:%M:%S}"


def test_a_birthday_is_near_from_a_week_before_its_day_until_that_day_is_over() -> None:
    ada = born("1990-03-12")
    assert found(WEEK, ada, "2026-03-04T23:59:59") == (False, "2026-03-05T00:00:00")
    assert found(WEEK, ada, "2026-03-05T00:00:00") == (True, "2026-03-13T00:00:00")
    assert found(WEEK, ada, "2026-03-12T23:59:59") == (True, "2026-03-13T00:00:00")
    assert found(WEEK, ada, "2026-03-13T00:00:00") == (False, "2027-03-05T00:00:00")


def test_a_birthday_that_is_told_years_after_the_moment_is_near_from_then_on() -> None:
    told = Person(History.of(), changes([Change(at("2026-01-20T12:00:00"), "birthday", "1990-03-12")]))
    assert found(WEEK, told, "2010-01-01T00:00:00") == (False, "2026-03-05T00:00:00")


def test_the_year_of_birth_need_not_be_known() -> None:
    assert found(WEEK, born("--03-12"), "2026-03-05T00:00:00") == (True, "2026-03-13T00:00:00")
    assert found(LUNAR_WEEK, born("--03-12"), "2026-03-05T00:00:00") == (False, None)


def test_who_is_born_on_29_february_has_birthday_on_1_march_of_other_years() -> None:
    today = {"birthday": {"within_next": "0d"}}
    for text in ("2000-02-29", "--02-29"):
        assert found(today, born(text), "2026-02-28T12:00:00") == (False, "2026-03-01T00:00:00")
        assert found(today, born(text), "2026-03-01T12:00:00") == (True, "2026-03-02T00:00:00")
        assert found(today, born(text), "2028-02-29T12:00:00") == (True, "2028-03-01T00:00:00")


def test_a_lunar_birthday_moves_through_the_year() -> None:
    # The fifteenth of the eighth month, mid-autumn.
    ada = born("1978-09-17")
    assert found(LUNAR_WEEK, ada, "2026-09-18T00:00:00") == (True, "2026-09-26T00:00:00")
    assert found(LUNAR_WEEK, ada, "2026-09-26T00:00:00") == (False, "2027-09-08T00:00:00")


def test_a_lunar_birthday_over_new_year_is_in_the_year_that_ends() -> None:
    # The thirtieth of the twelfth month, which has 29 days in the year that ends on 28 January 2025.
    eve = born("2024-02-09")
    assert found(LUNAR_WEEK, eve, "2025-01-20T23:59:59") == (False, "2025-01-21T00:00:00")
    assert found(LUNAR_WEEK, eve, "2025-01-28T12:00:00") == (True, "2025-01-29T00:00:00")


def test_a_day_of_summer_time_is_as_long_as_it_is() -> None:
    zone = ZoneInfo("America/New_York")
    assert found({"birthday": {"within_next": "1d"}}, born("1990-03-09"), "2026-03-08T00:30:00", zone) == (
        True,
        "2026-03-10T00:00:00",
    )
    # The week before is an hour short: it begins at 23:00 of the day before.
    assert found(WEEK, born("1990-03-12"), "2026-03-04T22:59:59", zone) == (False, "2026-03-04T23:00:00")


def test_an_unknown_birthday_is_never_near_and_its_opposite_always() -> None:
    assert found(WEEK, born(None), "2026-03-05T00:00:00") == (False, None)
    assert found({"not": WEEK}, born(None), "2026-03-05T00:00:00") == (True, None)


@pytest.mark.parametrize("text", ["1880-01-01", "9999-12-31", "2300-06-01"])
def test_no_birthday_is_too_far_away(text: str) -> None:
    for rule in (WEEK, LUNAR_WEEK, {"birthday": {"within_next": "366d"}}):
        assert found(rule, born(text), "2026-03-05T00:00:00")[0] in (True, False)


def test_why_names_the_next_birthday() -> None:
    now = micros(datetime(2026, 9, 20, tzinfo=UTC))
    assert why(rules.parse(LUNAR_WEEK), born("1978-09-17"), SHANGHAI, now) == {
        "birthday": {"within_next": "7d", "calendar": "lunar"},
        "value": True,
        "measured": "2026-09-25",
        "until": "2026-09-25T16:00:00Z",
    }
