"""Receipts: only the provider's own, in any order, any number of times."""

import asyncio
import hmac
import time
from hashlib import sha256
from typing import Any

import httpx2
import orjson

from tests.notify.world import TOKEN, World

PATH = "/v1/shops/s1/receipts/operator"


async def call(
    world: World,
    body: dict[str, Any],
    *,
    token: str = TOKEN,
    age: int = 0,
    path: str = PATH,
    signed_path: str | None = None,
) -> httpx2.Response:
    content = orjson.dumps(body)
    stamp = str(int(time.time()) - age)
    signature = hmac.new(token.encode(), f"{stamp}.{signed_path or path}.".encode() + content, sha256).hexdigest()
    headers = {"Huitou-Signature": f"t={stamp},v1={signature}", "Content-Type": "application/json"}
    async with httpx2.AsyncClient(base_url=world.stage.ctx.settings.notify_url) as client:
        return await client.post(path, content=content, headers=headers)


def receipt(world: World, status: str = "delivered", name: str = "j1") -> dict[str, str]:
    return {"kind": "receipt", "id": "77", "job_id": world.job(name), "status": status}


async def sent(world: World) -> None:
    await world.desk.behave("no-receipt")
    await world.buyer()
    await world.ask("j1")
    await world.send()
    assert (await world.state())[0] == "sent"


async def test_a_forged_or_replayed_receipt_is_refused(world: World) -> None:
    await sent(world)
    elsewhere = "/v1/shops/s2/receipts/operator"
    forgeries: list[dict[str, Any]] = [
        {"token": "guessed"},
        {"token": ""},
        {"age": 400},
        {"age": -400},
        {"signed_path": elsewhere},
    ]
    for forged in forgeries:
        answer = await call(world, receipt(world), **forged)
        assert (answer.status_code, answer.json()["type"]) == (401, "unauthenticated"), forged
    assert (await world.state())[0] == "sent"


async def test_an_unsigned_receipt_is_refused_whatever_it_says(world: World) -> None:
    async with httpx2.AsyncClient(base_url=world.stage.ctx.settings.notify_url) as client:
        assert (await client.post(PATH, json={"kind": "rubbish"})).status_code == 401


async def test_a_receipt_that_comes_twice_counts_once(world: World) -> None:
    await sent(world)
    await world.stage.emitted()
    answers = [(await call(world, receipt(world))).json() for _ in range(2)]
    assert answers == [{"changed": True}, {"changed": False}]
    assert [event.type for event in await world.stage.emitted()] == ["message.delivered"]


async def test_what_arrived_has_arrived_whatever_comes_later(world: World) -> None:
    await sent(world)
    await call(world, receipt(world, "failed"))
    assert await world.state() == ("failed", "undelivered")
    await call(world, receipt(world, "delivered"))
    await call(world, receipt(world, "failed"))
    assert (await world.state())[0] == "delivered"


async def test_a_receipt_may_overtake_the_answer_of_the_provider(world: World) -> None:
    await world.desk.behave("timeout-after-accept", times=1)
    await world.buyer()
    await world.ask("j1")
    sending = asyncio.create_task(world.send())
    await world.until_state("delivered")
    await sending
    assert (await world.state())[0] == "delivered"
    said = [event.type for event in await world.stage.emitted()]
    assert said == ["message.scheduled", "message.sent", "message.delivered"]


async def test_a_receipt_for_an_unknown_message_changes_nothing(world: World) -> None:
    answer = await call(world, receipt(world, name="nobody-asked"))
    assert (answer.status_code, answer.json()) == (200, {"changed": False})


async def test_a_signed_receipt_that_makes_no_sense_names_the_field(world: World) -> None:
    answer = await call(world, {**receipt(world), "status": "maybe"})
    assert answer.status_code == 422
    assert "status" in answer.json()["errors"][0]["field"]


async def test_a_phone_that_cannot_be_reached_makes_the_message_fail_with_the_operators_reason(world: World) -> None:
    await world.buyer()
    await world.desk.behave("undelivered", times=1)
    await world.ask("j1")
    await world.send()
    await world.until_state("failed")
    assert await world.state() == ("failed", "absent subscriber")
