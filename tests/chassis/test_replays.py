"""Replays of dead letters: each is taken once, and what cannot be replayed says why."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from huitou_chassis import Record, letter_records
from huitou_chassis.batch import process
from huitou_chassis.letters import REPLAY
from huitou_events import HEADERS
from tests import make
from tests.chassis.letters import Wire, audited, count_in_pounds, listed, of_no_shop, trades
from tests.stage import Stage


async def test_a_replayed_record_is_taken_once_however_often_it_is_replayed(tally: Stage, wire: Wire) -> None:
    (original,) = await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    await count_in_pounds(tally)
    for _ in range(2):
        answer = await tally.post(f"/dead-letters/{letter['id']}/replay")
        assert (answer.status_code, answer.json()["state"], answer.json()["replays"]) == (200, "replayed", 1)
    (again,) = await wire.relay(replays=1)
    assert (again.topic, again.key, again.value) == (original.topic, original.key, original.value)
    assert again.headers == (*HEADERS, (REPLAY, f"{letter['id']}/1".encode()))
    assert await trades(tally) == 1
    assert (await tally.post(f"/dead-letters/{letter['id']}/replay")).json()["replays"] == 1
    assert [path for path, _ in await audited(tally)] == ["replay"] * 3
    assert len(await listed(tally, state="waiting")) == 0


async def test_replays_at_the_same_time_are_one(tally: Stage, wire: Wire) -> None:
    await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    answers = await asyncio.gather(*(tally.post(f"/dead-letters/{letter['id']}/replay") for _ in range(8)))
    assert {(answer.status_code, answer.json()["replays"]) for answer in answers} == {(200, 1)}
    await wire.relay(replays=1)


async def test_a_record_that_is_refused_again_waits_again_with_its_count_risen(tally: Stage, wire: Wire) -> None:
    await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    await tally.post(f"/dead-letters/{letter['id']}/replay")
    await tally.advance("1h")
    (again,) = await wire.relay(replays=1)
    # The relay, killed before it could forget what it sent, sends it a second time.
    twice = Record(
        again.topic, again.partition, again.offset + 1, again.timestamp, again.key, again.value, again.headers
    )
    await process(tally.ctx, [twice])
    (refused,) = await listed(tally, state="waiting")
    assert (refused["id"], refused["times"], refused["replays"]) == (letter["id"], 2, 1)
    assert (refused["first_at"], refused["last_at"]) == (letter["first_at"], "2026-11-02T05:00:00Z")
    await count_in_pounds(tally)
    await tally.post(f"/dead-letters/{letter['id']}/replay")
    await wire.relay(replays=1)
    assert await trades(tally) == 1


async def test_what_another_service_replays_is_passed_over(tally: Stage) -> None:
    event = make.completed()
    header = (REPLAY, b"other-00/1")
    wrong = Record(event.topic, 0, 1, 1, event.key, b"{", [*HEADERS, header])
    right = Record(event.topic, 0, 2, 2, event.key, event.encode(), [*HEADERS, header])
    await process(tally.ctx, [wrong, right])
    assert (await trades(tally), await listed(tally), await tally.dead()) == (0, [], [])


async def test_a_header_that_names_no_letter_of_ours_makes_a_letter_like_any(tally: Stage) -> None:
    for number, header in enumerate((b"tally-00/1", b"tally-00/x", b"\xff")):
        await process(tally.ctx, [Record("shop.trades", 0, number, 1, b"s1:ada", b"{", [(REPLAY, header)])])
    assert [letter["times"] for letter in await listed(tally)] == [1, 1, 1]


async def test_headers_without_a_value_are_kept_as_they_are(tally: Stage, wire: Wire) -> None:
    headers = [(REPLAY, None), ("ce_shopid", None), ("odd", b"\xff\x00"), *HEADERS]
    event = make.completed(currency="GBP")
    (record,) = await wire.publish(event, headers=headers)
    (letter,) = (await of_no_shop(tally)).json()["items"]
    await count_in_pounds(tally)
    await tally.client.post(f"/v1/dead-letters/{letter['id']}/replay")
    (again,) = await wire.relay(replays=1)
    assert list(again.headers) == [*headers[1:], (REPLAY, f"{letter['id']}/1".encode())]
    assert record.headers == tuple(headers)
    assert await trades(tally) == 1


async def test_all_of_a_reason_are_replayed_page_by_page(tally: Stage, wire: Wire) -> None:
    pounds = [make.completed(currency="GBP", customer=f"c{n}", trade=f"t{n}", id=f"e{n}") for n in range(5)]
    await wire.publish(*pounds, ("shop.trades", b"s1:ada", b"{"))
    await count_in_pounds(tally)
    assert (await tally.post("/dead-letters/replay", json={})).status_code == 422
    body: dict[str, Any] = {"reason": "wrong-currency", "limit": 2}
    numbers = []
    while True:
        answer = (await tally.post("/dead-letters/replay", json=body)).json()
        numbers.append(answer["replayed"])
        if answer["next_cursor"] is None:
            break
        body["cursor"] = answer["next_cursor"]
    assert numbers == [2, 2, 1]
    await wire.relay(replays=5)
    assert [await trades(tally, f"c{n}") for n in range(5)] == [1] * 5
    assert [letter["reason"] for letter in await listed(tally, state="waiting")] == ["not-json"]


async def test_a_replay_with_a_key_answers_the_same_again(tally: Stage, wire: Wire) -> None:
    await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    headers = {"Idempotency-Key": "k"}
    first = await tally.post(f"/dead-letters/{letter['id']}/replay", headers=headers)
    await wire.relay(replays=1)
    again = await tally.post(f"/dead-letters/{letter['id']}/replay", headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert [one["state"] for one in await listed(tally)] == ["waiting"]


async def test_a_record_that_kafka_keeps_no_longer_is_gone(tally: Stage, wire: Wire) -> None:
    (record,) = await wire.publish(("shop.customers", b"s1:ada", b"{"))
    (letter,) = await listed(tally)
    changes = ('"offset" = 1000000', "arrived_ms = arrived_ms + 1")
    for change in changes:
        await tally.db.pool.execute(
            'UPDATE dead_letter SET arrived_ms = $1, "offset" = $2', record.timestamp, record.offset
        )
        assert (await tally.get(f"/dead-letters/{letter['id']}")).status_code == 200
        await tally.db.pool.execute(f"UPDATE dead_letter SET {change}")
        for method, path in (("GET", ""), ("POST", "/replay")):
            gone = await tally.client.request(method, f"/v1/shops/s1/dead-letters/{letter['id']}{path}")
            assert (gone.status_code, gone.json()["type"]) == (410, "gone"), change
        many = await tally.post("/dead-letters/replay", json={"topic": "shop.customers"})
        assert (many.json()["replayed"], many.json()["gone"]) == (0, 1)
    assert [one["state"] for one in await listed(tally)] == ["waiting"]


async def test_a_record_of_a_customer_is_gone_after_a_week_although_the_broker_still_has_it(
    tally: Stage, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.publish(("shop.customers", b"s1:ada", b"{"), ("shop.trades", b"s1:ada", b"{"))
    week_later = time.time() + 7 * 86_400
    monkeypatch.setattr(letter_records, "time", SimpleNamespace(time=lambda: week_later))
    statuses = {
        letter["topic"]: (await tally.get(f"/dead-letters/{letter['id']}")).status_code
        for letter in await listed(tally)
    }
    assert statuses == {"shop.customers": 410, "shop.trades": 200}


async def test_what_was_replayed_cannot_be_dropped(tally: Stage, wire: Wire) -> None:
    await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    await tally.post(f"/dead-letters/{letter['id']}/replay")
    refused = await tally.post(f"/dead-letters/{letter['id']}/drop", json={"reason": "x"})
    assert (refused.status_code, refused.json()["type"]) == (409, "not-waiting")
