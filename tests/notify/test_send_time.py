"""The best moment: learnt from the customer, then the shop; the same whatever the order of arrival."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from huitou_events import micros, moment
from notify_svc.schedule import DAY, Policy, openings
from notify_svc.send_time import HOUR, SILENT, best_moment, chances, habit, rhythm
from tests import make
from tests.notify.world import World

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = micros(make.NOW)


def evenings(hour: int, number: int) -> list[tuple[int, int]]:
    """One signal on each of the last working and weekend days at an hour in Shanghai."""
    noon = make.NOW.astimezone(SHANGHAI).replace(hour=hour, minute=30)
    return [(micros(noon - timedelta(days=day + 1)), 1) for day in range(number)]


def hour_of(at: int) -> int:
    return moment(at).astimezone(SHANGHAI).hour


def chosen(own: list[tuple[int, int]], shop: tuple[float, ...], window: int = DAY) -> int:
    known = habit(own, shop, SHANGHAI, NOW)
    return best_moment(openings(SHANGHAI, Policy(), (NOW, NOW + window)), known.chances, SHANGHAI, "s1:ada")


def test_who_reads_at_seven_in_the_evening_is_written_to_then() -> None:
    assert hour_of(chosen(evenings(19, 20), SILENT)) == 19


def test_who_is_unknown_gets_the_hour_of_the_shop() -> None:
    shop = rhythm(evenings(10, 60), SHANGHAI, NOW)
    assert hour_of(chosen([], shop)) == 10


def test_a_few_signals_move_the_choice_less_than_many() -> None:
    shop = rhythm(evenings(10, 60), SHANGHAI, NOW)
    shares = [habit(evenings(19, number), shop, SHANGHAI, NOW).share for number in (0, 1, 5, 30)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert hour_of(chosen(evenings(19, 30), shop)) == 19
    assert hour_of(chosen(evenings(19, 1), shop)) == 10


def test_the_best_hour_outside_the_window_is_not_chosen() -> None:
    at = chosen(evenings(23, 20) + evenings(18, 3), SILENT, window=DAY)
    assert 8 <= hour_of(at) < 21


def test_what_is_old_counts_less() -> None:
    long_ago = [(at - 400 * DAY, n) for at, n in evenings(9, 20)]
    assert hour_of(chosen(long_ago + evenings(17, 3), SILENT)) == 17


def test_the_order_of_arrival_does_not_matter() -> None:
    signals = [(NOW - n * 7_919_000_000, 1 + n % 3) for n in range(300)]
    shuffled = random.Random(1).sample(signals, len(signals))
    assert rhythm(signals, SHANGHAI, NOW) == rhythm(shuffled, SHANGHAI, NOW)


def test_the_chances_of_a_week_are_one_on_average() -> None:
    found = chances(rhythm(evenings(19, 11), SHANGHAI, NOW))
    assert abs(sum(found[:24]) * 5 + sum(found[24:]) * 2 - 168) < 1e-9


def test_customers_of_one_habit_are_spread_over_the_hour() -> None:
    spans = openings(SHANGHAI, Policy(), (NOW, NOW + DAY))
    known = habit(evenings(19, 20), SILENT, SHANGHAI, NOW).chances
    moments = {best_moment(spans, known, SHANGHAI, f"s1:c{n}") for n in range(100)}
    assert {hour_of(at) for at in moments} == {19}
    assert max(moments) - min(moments) > HOUR // 2


async def test_the_forecast_says_what_it_rests_on(world: World) -> None:
    await world.stage.deliver(
        *(make.page(customer="ada", time=moment(at)) for at, _ in evenings(19, 12)),
        *(make.page(customer=f"c{n}", time=moment(at)) for n in range(5) for at, _ in evenings(9, 12)),
    )
    until = make.NOW + timedelta(days=1)
    answer = await world.stage.get("/customers/ada/send-time", params={"until": until.isoformat()})
    found = answer.json()
    assert hour_of(micros(datetime.fromisoformat(found["at"]))) == 19
    assert found["why"]["own_signals"] == 12
    assert 0.5 < found["why"]["weight"] < 1
    again = await world.stage.get("/customers/ada/send-time", params={"until": until.isoformat()})
    assert again.json() == found
    stranger = (await world.stage.get("/customers/zoe/send-time")).json()
    assert hour_of(micros(datetime.fromisoformat(stranger["at"]))) == 9
    assert stranger["why"]["weight"] == 0


async def test_a_window_in_quiet_hours_has_no_best_moment(world: World) -> None:
    night = datetime(2026, 11, 2, 14, tzinfo=UTC)
    params = {"from": night.isoformat(), "until": (night + timedelta(hours=3)).isoformat()}
    found = (await world.stage.get("/customers/ada/send-time", params=params)).json()
    assert found["at"] is None
    assert found["why"]["reason"] == "quiet-hours"


async def test_a_window_that_ends_before_it_begins_is_refused_by_name(world: World) -> None:
    params = {"from": make.NOW.isoformat(), "until": make.ago(days=1).isoformat()}
    answer = await world.stage.get("/customers/ada/send-time", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "until"
