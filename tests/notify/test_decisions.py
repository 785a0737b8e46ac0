"""One scheduler decides about every message, says why, and looks again before it goes out."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from huitou_events import Consent, CustomerErased, CustomerUpdated, MessageCancelled, PlanEnded, Timing
from tests import make
from tests.notify.world import World, poster

EVENING = datetime(2026, 11, 2, 13, 30, tzinfo=UTC)
YES, NO = Consent(sms=True, source="form"), Consent(sms=False, source="form")


def told(at: datetime = make.NOW, customer: str = "ada", **fields: Any) -> Any:
    return make.event(CustomerUpdated(customer_id=customer, **fields), time=at)


async def test_marketing_needs_a_phone_consent_and_a_trade(world: World) -> None:
    phone = world.phone
    people: list[tuple[str, list[Any]]] = [
        ("no-phone", []),
        ("no-consent", [told(customer="bob", phone=phone), paid("bob")]),
        ("no-consent", [told(customer="cai", phone=phone, consent=NO), paid("cai")]),
        ("no-trade", [told(customer="dee", phone=phone, consent=YES)]),
        ("no-trade", [told(customer="eve", phone=phone, consent=YES), make.created(customer="eve", trade="eve")]),
        ("virtual-number", [told(customer="fay", phone="+700123456789012", consent=YES), paid("fay")]),
        ("invalid-number", [told(customer="gus", phone="+0001234567", consent=YES), paid("gus")]),
    ]
    for reason, facts in people:
        customer = facts[0].data.customer_id if facts else "ada"
        if facts:
            await world.stage.deliver(*facts)
        await world.ask(customer, customer=customer)
        assert await world.state(customer) == ("suppressed", reason)
        (said,) = await world.stage.emitted()
        assert (said.type, said.data.job_id) == ("message.suppressed", world.job(customer))
        assert said.data.reason == reason


def paid(customer: str) -> Any:
    return make.paid(customer=customer, trade=customer)


async def test_a_care_message_needs_neither_consent_nor_trade_nor_room_under_the_cap(world: World) -> None:
    await world.stage.deliver(told(phone=world.phone))
    await world.ask("j1", "j2", "j3", "j4", purpose="care")
    await world.send()
    assert sorted(await world.arrived()) == ["j1", "j2", "j3", "j4"]
    assert "退订" not in (await world.desk.taken(world.phone))[0]["text"]


async def test_the_latest_word_on_consent_counts_whatever_the_order_of_arrival(world: World) -> None:
    await world.buyer()
    await world.stage.deliver(told(make.ago(days=1), consent=NO))
    await world.stage.deliver(told(make.ago(days=2), consent=YES))
    await world.ask("j1")
    assert await world.state() == ("suppressed", "no-consent")


async def test_consent_of_tomorrow_does_not_count_today(world: World) -> None:
    await world.buyer(consent=NO)
    await world.stage.deliver(told(make.NOW + timedelta(days=1), consent=YES))
    await world.ask("j1")
    assert await world.state() == ("suppressed", "no-consent")


async def test_messages_asked_for_in_one_batch_keep_their_distance(world: World) -> None:
    await world.buyer()
    await world.ask("j1", "j2", "j3", "j4")
    found = [await world.delivery(name) for name in ("j1", "j2", "j3", "j4")]
    days = [(datetime.fromisoformat(one["at"]) - make.NOW).days for one in found]
    assert days == [0, 1, 2, 7]
    assert [one["reason"] for one in found] == ["now", "gap", "gap", "capped"]


async def test_messages_asked_for_at_the_same_time_keep_their_distance(world: World) -> None:
    await world.buyer()
    await asyncio.gather(*(world.ask(f"j{n}") for n in range(6)))
    found = [await world.delivery(f"j{n}") for n in range(6)]
    moments = sorted(datetime.fromisoformat(one["at"]) for one in found)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) >= timedelta(days=1)
    assert all(moments[n + 3] - moments[n] >= timedelta(days=7) for n in range(3))


async def test_a_message_that_would_be_too_late_is_held_back_instead(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.ask("j2", expires_at=make.NOW + timedelta(hours=20))
    await world.ask("j3", timing=Timing(kind="smart", until=make.NOW + timedelta(hours=20)))
    await world.ask("j4", expires_at=make.NOW)
    assert [await world.state(name) for name in ("j2", "j3", "j4")] == [
        ("suppressed", "gap"),
        ("suppressed", "gap"),
        ("suppressed", "expired"),
    ]


async def test_the_more_important_of_two_gets_the_earlier_moment(world: World) -> None:
    await world.buyer()
    await world.stage.deliver(world.requested("j1"), world.requested("j2", priority=5))
    assert await world.state("j2") == ("scheduled", "now")
    assert await world.state("j1") == ("scheduled", "gap")


async def test_now_in_the_evening_waits_for_the_morning_of_the_customers_zone(world: World) -> None:
    await world.stage.set_now(EVENING)
    await world.buyer("ada")
    await world.buyer("bob", timezone="Europe/London", phone=world.phone_of(1))
    await world.ask("j1")
    await world.ask("j2", customer="bob")
    assert (await world.delivery("j1"))["at"] == "2026-11-03T00:00:00Z"
    assert await world.state("j1") == ("scheduled", "quiet-hours")
    assert await world.state("j2") == ("scheduled", "now")
    await world.send()
    assert await world.arrived(world.phone_of(1)) == ["j2"]
    assert await world.arrived(world.phone_of(0)) == []


async def test_a_message_at_a_time_goes_out_then(world: World) -> None:
    await world.buyer()
    at = make.NOW + timedelta(hours=5)
    await world.ask("j1", timing=Timing(kind="at", at=at))
    await world.stage.set_now(at - timedelta(seconds=1))
    await world.send()
    assert await world.arrived() == []
    await world.stage.set_now(at)
    await world.send()
    assert await world.arrived() == ["j1"]


async def test_a_smart_message_goes_out_when_the_customer_is_about(world: World) -> None:
    await world.buyer()
    seven = datetime(2026, 11, 1, 11, 20, tzinfo=UTC)
    await world.stage.deliver(*(make.page(customer="ada", time=seven - timedelta(days=n)) for n in range(20)))
    await world.ask("j1", timing=Timing(kind="smart", until=make.NOW + timedelta(days=2)))
    found = await world.delivery()
    assert datetime.fromisoformat(found["at"]).hour == 11
    assert found["reason"] == "smart"
    forecast = await world.stage.get(
        "/customers/ada/send-time", params={"until": (make.NOW + timedelta(days=2)).isoformat()}
    )
    assert forecast.json()["at"] == found["at"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (told(make.NOW, consent=NO), "no-consent"),
        (told(make.NOW, phone=None), "no-phone"),
        (make.event(PlanEnded(plan_id="p1", audience_id="a1")), "plan-ended"),
        (make.event(CustomerErased(customer_id="ada")), "erased"),
    ],
)
async def test_what_changed_since_the_plan_holds_the_message_back(world: World, event: Any, reason: str) -> None:
    await world.buyer()
    await world.ask("j1", timing=Timing(kind="at", at=make.NOW + timedelta(hours=2)), time=make.ago(hours=1))
    await world.stage.deliver(event)
    await world.stage.advance("3h")
    await world.send()
    assert await world.state() == ("suppressed", reason)
    assert await world.arrived() == []


async def test_a_cancelled_message_does_not_go_out_even_if_it_is_asked_for_later(world: World) -> None:
    await world.buyer()
    await world.ask("j1", timing=Timing(kind="at", at=make.NOW + timedelta(hours=2)))
    for name in ("j1", "j2"):
        await world.stage.deliver(make.event(MessageCancelled(customer_id="ada", job_id=world.job(name))))
    await world.ask("j2")
    await world.stage.advance("3h")
    await world.send()
    assert [await world.state(name) for name in ("j1", "j2")] == [("suppressed", "cancelled")] * 2


async def test_a_message_that_has_gone_out_cannot_be_cancelled(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.send()
    await world.stage.deliver(make.event(MessageCancelled(customer_id="ada", job_id=world.job("j1"))))
    assert (await world.state())[0] in ("sent", "delivered")


async def test_a_message_due_in_a_skipped_day_waits_if_it_is_night_now(world: World) -> None:
    await world.buyer()
    await world.ask("j1", timing=Timing(kind="smart", until=make.NOW + timedelta(days=1)))
    await world.stage.set_now(EVENING + timedelta(days=2))
    await world.send()
    assert await world.state() == ("scheduled", "quiet-hours")
    await world.stage.advance("11h")
    await world.send()
    assert await world.arrived() == ["j1"]


async def test_a_message_that_expired_while_nobody_sent_is_held_back(world: World) -> None:
    await world.buyer()
    await world.ask("j1", expires_at=make.NOW + timedelta(hours=1))
    await world.stage.advance("2h")
    await world.send()
    assert await world.state() == ("suppressed", "expired")


async def test_erasure_keeps_the_count_and_forgets_the_person(world: World) -> None:
    await world.buyer()
    await world.ask("j1", variables={"gift": "tea"}, time=make.ago(hours=1))
    await world.send()
    await world.until_state("delivered")
    await world.stage.deliver(make.event(CustomerErased(customer_id="ada"), time=make.NOW))
    await world.stage.deliver(told(make.ago(days=1), phone=world.phone, consent=YES))
    assert (await world.delivery())["phone"] is None
    assert await world.stage.db.pool.fetchval("SELECT count(*) FROM preference") == 0
    assert await world.stage.db.pool.fetchval("SELECT count(*) FROM signal") == 0
    await world.stage.advance("2d")
    await world.ask("j2", time=make.NOW + timedelta(days=1))
    assert await world.state("j2") == ("suppressed", "no-phone")


async def test_phones_and_names_are_nowhere_in_plain_text(world: World) -> None:
    await world.buyer(name="Augusta")
    await world.ask("j1")
    await world.send()
    for table in ("preference", "delivery", "opt_out", "outbox"):
        for row in await world.stage.db.pool.fetch(f"SELECT * FROM {table}"):
            assert world.phone not in str(row)
            assert "Augusta" not in str(row)


async def test_deliveries_are_listed_by_plan_and_by_customer_in_pages(world: World) -> None:
    await world.stage.deliver(*(world.requested(f"j{n}", customer=f"c{n % 2}", plan=f"p{n % 3}") for n in range(7)))
    answer = (await world.stage.get("/deliveries", params={"limit": 4})).json()
    rest = (await world.stage.get("/deliveries", params={"limit": 4, "cursor": answer["next_cursor"]})).json()
    assert [len(answer["items"]), len(rest["items"]), rest["next_cursor"]] == [4, 3, None]
    plan = (await world.stage.get("/deliveries", params={"plan": "p1", "customer": "c0"})).json()
    assert [item["job_id"] for item in plan["items"]] == [world.job("j4")]


async def test_posters_are_shown_without_consent_at_any_hour(world: World) -> None:
    await world.stage.set_now(EVENING)
    await world.stage.deliver(world.requested("j1", **poster()))
    assert await world.state() == ("scheduled", "now")
