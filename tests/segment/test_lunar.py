"""The lunar calendar against public almanacs everywhere, and day by day against a library where it is installed."""

from datetime import date, timedelta

import pytest

from segment_svc.lunar import FIRST, LAST, LunarDay, celebrated, lunar_day


@pytest.mark.parametrize(
    ("day", "lunar"),
    [
        ("2020-01-25", (2020, 1, False, 1)),
        ("2021-02-12", (2021, 1, False, 1)),
        ("2022-02-01", (2022, 1, False, 1)),
        ("2023-01-22", (2023, 1, False, 1)),
        ("2024-02-10", (2024, 1, False, 1)),
        ("2025-01-29", (2025, 1, False, 1)),
        ("2026-02-16", (2025, 12, False, 29)),
        ("2026-02-17", (2026, 1, False, 1)),
        ("2027-02-06", (2027, 1, False, 1)),
        ("1978-09-17", (1978, 8, False, 15)),
        ("2023-03-22", (2023, 2, True, 1)),
        ("2025-07-25", (2025, 6, True, 1)),
        ("2026-09-25", (2026, 8, False, 15)),
    ],
)
def test_days_are_those_of_the_almanac(day: str, lunar: tuple[int, int, bool, int]) -> None:
    assert lunar_day(date.fromisoformat(day).toordinal()) == lunar


def test_every_day_is_that_of_the_library() -> None:
    sxtwl = pytest.importorskip("sxtwl")
    day = date(1880, 1, 1)
    while day < date(LAST, 12, 31):
        there = sxtwl.fromSolar(day.year, day.month, day.day)
        found = lunar_day(day.toordinal())
        expected = (there.getLunarYear(True), there.getLunarMonth(), there.isLunarLeap(), there.getLunarDay())
        assert found == expected, day
        day += timedelta(1)


def test_outside_the_table_nothing_is_known() -> None:
    assert lunar_day(date(FIRST, 1, 1).toordinal()) is None
    assert lunar_day(date(9999, 12, 31).toordinal()) is None
    assert celebrated(LunarDay(2000, 1, False, 1), LAST + 1) is None


def on(born: LunarDay, year: int) -> str:
    day = celebrated(born, year)
    assert day is not None
    return date.fromordinal(day).isoformat()


def test_who_was_born_in_a_leap_month_has_birthday_in_it_or_in_its_namesake() -> None:
    born = LunarDay(2023, 2, True, 1)
    assert on(born, 2023) == "2023-03-22"
    assert on(born, 2024) == "2024-03-10"
    assert on(LunarDay(2004, 2, False, 1), 2023) == "2023-02-20"


def test_who_was_born_on_day_30_has_birthday_on_day_29_of_a_short_month() -> None:
    assert on(LunarDay(2023, 12, False, 30), 2023) == "2024-02-09"
    assert on(LunarDay(2023, 12, False, 30), 2024) == "2025-01-28"
