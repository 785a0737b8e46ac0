"""Who wants no more messages gets none: at once, for good, however they say it."""

from datetime import timedelta

import pytest

from huitou_events import Consent, CustomerUpdated, Timing
from notify_svc import opt_outs
from tests import make
from tests.notify.world import World


@pytest.mark.parametrize("text", ["T", "t", "TD", "N", "R", "退订", "Ｔ", "ｔｄ", " 退 订 ", "T。", "回T", "stop"])
def test_every_usual_way_of_asking_is_understood(text: str) -> None:
    assert opt_outs.asks(text)


@pytest.mark.parametrize("text", ["", "Thanks", "谢谢", "No problem", "退货", "TT", "42"])
def test_other_answers_are_no_opt_out(text: str) -> None:
    assert not opt_outs.asks(text)


async def test_a_reply_of_t_stops_what_is_scheduled_and_all_that_comes_later(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.ask("j2", timing=Timing(kind="at", at=make.NOW + timedelta(days=2)))
    await world.send()
    await world.until_state("delivered")
    await world.stage.emitted()
    assert await world.desk.reply(world.phone, "ｔ ") == 200
    assert await world.state("j2") == ("suppressed", "opted-out")
    await world.stage.deliver(
        make.event(CustomerUpdated(customer_id="ada", consent=Consent(sms=True, source="again")), time=make.NOW)
    )
    await world.ask("j3")
    assert await world.state("j3") == ("suppressed", "opted-out")
    said = await world.stage.emitted()
    assert [event.type for event in said] == ["recipient.opted_out", "message.suppressed", "message.suppressed"]
    assert (said[0].data.customer_id, said[0].data.job_id) == ("ada", world.job("j1"))


async def test_a_friendly_reply_changes_nothing(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.send()
    assert await world.desk.reply(world.phone, "谢谢") == 200
    await world.ask("j2")
    assert (await world.state("j2"))[0] == "scheduled"


async def test_an_opt_out_by_phone_reaches_everybody_who_has_it_also_later(world: World) -> None:
    await world.buyer("ada")
    await world.buyer("bob")
    answer = await world.stage.post("/opt-outs", json={"phone": world.phone})
    assert (answer.status_code, answer.json()) == (201, {"customers": ["ada", "bob"]})
    await world.buyer("eve")
    for customer in ("ada", "bob", "eve"):
        await world.ask(customer, customer=customer)
        assert await world.state(customer) == ("suppressed", "opted-out")


async def test_an_opt_out_by_customer_holds_for_the_next_phone_too(world: World) -> None:
    await world.buyer()
    for _ in range(2):
        answer = await world.stage.post("/opt-outs", json={"customer_id": "ada"})
        assert answer.status_code == 201
    assert [event.type for event in await world.stage.emitted()] == ["recipient.opted_out"]
    await world.stage.deliver(make.event(CustomerUpdated(customer_id="ada", phone=world.phone_of(7))))
    await world.ask("j1")
    assert await world.state() == ("suppressed", "opted-out")


async def test_an_opt_out_and_a_message_about_to_go_do_not_pass_each_other(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    await world.stage.post("/opt-outs", json={"customer_id": "ada"})
    await world.send()
    assert await world.arrived() == []


async def test_an_opt_out_of_nobody_is_refused(world: World) -> None:
    for body in ({}, {"customer_id": "a", "phone": "+8613812348000"}, {"phone": "hello"}, {"who": "a"}):
        answer = await world.stage.post("/opt-outs", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"]
