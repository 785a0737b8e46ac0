"""Exactly one message a job, whatever the provider does and wherever the sender dies."""

import asyncio
from datetime import timedelta

import pytest

from huitou_events import Timing
from notify_svc import claims, sender
from tests import make
from tests.notify.world import World
from tests.waiting import until


async def test_a_message_is_sent_and_its_receipt_says_delivered(world: World) -> None:
    await world.buyer(name="Ada")
    await world.ask("j1", coupon_code="BACK10")
    await world.send()
    (taken,) = await world.desk.taken(world.phone)
    assert taken["job_id"] == world.job("j1")
    assert taken["text"] == "【s1】Ada，好久不见！专属优惠券BACK10已到账，等您回来逛逛。回T退订"
    await world.until_state("delivered")
    found = await world.delivery()
    assert found["phone"] == f"138****{world.phone[-4:]}"
    assert [line["state"] for line in found["history"]] == ["scheduled", "sending", "sent", "delivered"]
    assert [event.type for event in await world.stage.emitted()] == [
        "message.scheduled",
        "message.sent",
        "message.delivered",
    ]


async def test_a_request_that_comes_twice_sends_one_message(world: World) -> None:
    await world.buyer()
    await world.ask("j1", "j1")
    await world.ask("j1", plan="p2")
    await world.send()
    assert await world.arrived() == ["j1"]


@pytest.mark.parametrize("failure", ["500", "503", "429"])
async def test_a_provider_that_recovers_gets_the_message_once(world: World, failure: str) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.desk.behave(failure, times=2)
    await world.send()
    assert await world.arrived() == ["j1"]
    await world.until_state("delivered")


@pytest.mark.parametrize("failure", ["timeout-after-accept", "reset-after-accept", "slow"])
async def test_a_message_taken_without_an_answer_is_asked_for_and_not_sent_again(world: World, failure: str) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.desk.behave(failure, times=1)
    await world.send()
    assert await world.arrived() == ["j1"]
    await world.until_state("delivered")
    assert "retrying" not in await steps(world)


async def test_a_message_that_the_provider_never_took_is_sent_again(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.desk.behave("timeout", times=1)
    await world.send()
    assert await world.arrived() == ["j1"]
    assert "unknown" in await steps(world)


async def test_a_provider_that_never_recovers_makes_the_message_fail_with_the_reason(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.desk.behave("503")
    await world.send()
    assert await world.state() == ("failed", "gave up: status 503")
    assert await world.arrived() == []


async def test_a_refused_number_fails_at_once(world: World) -> None:
    await world.buyer(phone="+8613800999422")
    await world.ask("j1")
    await world.send()
    assert await world.state() == ("failed", "refused: number not in service")
    assert (await world.delivery())["attempts"] == 1


async def test_a_sender_that_dies_between_send_and_mark_leaves_one_message(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.desk.behave("timeout-after-accept", times=1)
    sending = asyncio.create_task(sender.send_due(world.stage.ctx))
    await until(world.arrived)
    sending.cancel()
    await asyncio.wait([sending])
    await world.desk.behave("no-receipt")
    await world.send()
    assert "unknown" not in await steps(world), "the lease still holds"
    await expire_leases(world)
    await world.send()
    assert await world.arrived() == ["j1"]
    assert (await world.state())[0] in ("sent", "delivered")


async def test_a_sender_that_dies_before_it_sends_leaves_one_message(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    async with world.stage.db.transaction() as tx:
        assert (await claims.take(tx, limit=10)).found == 1
    await world.send()
    assert await world.arrived() == [], "the lease still holds"
    await expire_leases(world)
    await world.send()
    assert await world.arrived() == ["j1"]
    assert (await steps(world))[:5] == ["scheduled", "sending", "unknown", "retrying", "sending"]


async def test_two_senders_at_once_send_each_message_once(world: World) -> None:
    for place in range(10):
        await world.buyer(f"c{place}", phone=world.phone_of(place))
        await world.ask(f"j{place}", customer=f"c{place}")
    await asyncio.gather(*(sender.send_due(world.stage.ctx) for _ in range(4)))
    await world.send()
    for place in range(10):
        assert await world.arrived(world.phone_of(place)) == [f"j{place}"]


async def test_a_clock_that_jumps_an_hour_ahead_and_back_sends_each_message_once(world: World) -> None:
    await world.buyer()
    await world.ask("j1", timing=Timing(kind="at", at=make.NOW + timedelta(minutes=30)))
    for minutes in (60, -60, 45):
        world.stage.clock.at += minutes * 60 * 1_000_000
        await world.send()
    assert await world.arrived() == ["j1"]
    await world.until_state("delivered")


async def test_what_was_skipped_when_the_clock_jumps_goes_out_now_in_its_order(world: World) -> None:
    await world.buyer()
    tomorrow = make.NOW + timedelta(days=1)
    await world.ask("j1")
    await world.ask("j2")
    assert (await world.delivery("j2"))["at"] == f"{tomorrow:%Y-%m-%dT%H:%M:%SZ}"
    await world.stage.advance("3d")
    await world.send()
    assert await world.arrived() == ["j1"]
    assert await world.state("j2") == ("scheduled", "gap")
    await world.stage.advance("1d")
    await world.send()
    assert await world.arrived() == ["j1", "j2"]


async def steps(world: World) -> list[str]:
    return [line["state"] for line in (await world.delivery())["history"]]


async def expire_leases(world: World) -> None:
    await world.stage.db.pool.execute("UPDATE delivery SET wake = clock_timestamp() WHERE wake IS NOT NULL")
