"""Dead letters: listed for their shop, shown without phones, replayed once, dropped for a reason; all of it noted."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from huitou_chassis import Record, Settings, keys, letter_records, letters, topics
from huitou_chassis.batch import process
from huitou_chassis.letters import REPLAY
from huitou_chassis.outbox import Headers
from huitou_chassis.relay import Relay
from huitou_events import HEADERS, Event, ShopUpdated
from tests import make
from tests.stage import Stage
from tests.waiting import until

Bytes = tuple[str, bytes | None, bytes | None]


class Wire:
    """The tally's worker, batch by batch: what is published goes through a real broker and is taken."""

    def __init__(self, stage: Stage, kafka: str, consumer: AIOKafkaConsumer) -> None:
        self._stage = stage
        self._kafka = kafka
        self._consumer = consumer
        self._relay = Relay(asyncio.Event())

    async def publish(self, *records: Event[Any] | Bytes, headers: Headers = HEADERS) -> list[Record]:
        """Puts them on their topics, and takes them; what was taken comes back."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            enable_idempotence=True,
            compression_type="gzip",
            max_request_size=4 * topics.DEAD_LETTER_BYTES,
        )
        await producer.start()
        try:
            for record in records:
                whole = record if isinstance(record, tuple) else (record.topic, record.key, record.encode())
                topic, key, value = whole
                await producer.send_and_wait(topic, key=key, value=value, headers=headers)
        finally:
            await producer.stop()
        return await self.take(len(records))

    async def relay(self, *, replays: int) -> list[Record]:
        """Sends what was said, and takes the records that were replayed."""
        await self._relay.run(self._stage.ctx)
        return await self.take(replays)

    async def take(self, number: int) -> list[Record]:
        taken: list[Record] = []

        async def enough() -> bool:
            for records in (await self._consumer.getmany(timeout_ms=100)).values():
                taken.extend(map(Record.of, records))
            return len(taken) >= number

        await until(enough)
        assert len(taken) == number
        await process(self._stage.ctx, taken)
        return taken

    async def close(self) -> None:
        await self._relay.close()
        await self._consumer.stop()


@pytest.fixture
async def wire(kafka: str, tally: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    await topics.create(Settings(kafka=kafka))
    for ctx in (tally.ctx, tally.api):
        monkeypatch.setattr(ctx, "settings", ctx.settings.model_copy(update={"kafka": kafka}))
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None)
    await consumer.start()
    places = [TopicPartition(topic, n) for topic in ("shop.trades", "shop.customers") for n in range(topics.PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    for place in places:
        await consumer.position(place)
    opened = Wire(tally, kafka, consumer)
    yield opened
    await opened.close()


async def listed(stage: Stage, **wanted: str) -> list[dict[str, Any]]:
    answer = await stage.get("/dead-letters", params=wanted)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def of_no_shop(stage: Stage, path: str = "", **options: Any) -> httpx2.Response:
    return await stage.client.get(f"/v1/dead-letters{path}", **options)


async def trades(stage: Stage, customer: str = "ada") -> int:
    found: int | None = await stage.db.pool.fetchval("SELECT trades FROM tally WHERE customer_id = $1", customer)
    return found or 0


async def key(postgres: str, role: keys.Role, *shops: str) -> dict[str, str]:
    _, made = await keys.create(postgres, name=role, role=role, shops=list(shops))
    return {"Authorization": f"Bearer {made}"}


async def count_in_pounds(stage: Stage) -> None:
    """Mends the cause of letters of trades in pounds."""
    await stage.deliver(make.event(ShopUpdated(timezone="Europe/London", currency="GBP", language="en")))


async def audited(stage: Stage) -> list[tuple[str, str]]:
    items = (await stage.get("/audit")).json()["items"]
    return [(item["path"].rpartition("/")[2], item["body"]) for item in items]


async def test_a_refused_record_is_listed_with_its_place_and_reason(tally: Stage, wire: Wire) -> None:
    (record,) = await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    assert letter["id"].startswith("tally-")
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("shop.trades", record.partition, record.offset)
    assert (letter["reason"], letter["detail"]) == ("wrong-currency", "data.currency: the shop counts in CNY")
    assert (letter["first_at"], letter["last_at"], letter["times"]) == ("2026-11-02T04:00:00Z",) * 2 + (1,)
    assert (letter["state"], letter["replays"], letter["dropped_because"]) == ("waiting", 0, None)


async def test_a_record_that_is_read_twice_after_a_crash_is_one_letter(tally: Stage) -> None:
    record = Record("shop.trades", 0, 1, 1, b"s1:ada", b"{", HEADERS)
    await process(tally.ctx, [record])
    await process(tally.ctx, [record])
    (letter,) = await listed(tally)
    assert letter["times"] == 1
    assert len(await tally.dead()) == 1


async def test_a_letter_is_its_shops_and_one_without_a_shop_the_installations(tally: Stage, postgres: str) -> None:
    event = make.completed()
    elsewhere = event.encode().replace(b'"shopid":"s1"', b'"shopid":"s2"')
    await tally.deliver((event.topic, b"s1:ada", b"{"), (event.topic, b"s2:bob", b"{"))
    await tally.deliver((event.topic, None, b"{}"), (event.topic, b"S 1", b"{"), (event.topic, b"s1:ada", elsewhere))
    assert len(await listed(tally)) == 1
    tally.shop = "s2"
    assert len(await listed(tally)) == 1
    found = (await of_no_shop(tally)).json()["items"]
    assert sorted(letter["reason"] for letter in found) == ["ids-disagree", "missing-key", "not-json"]
    refused = await of_no_shop(tally, headers=await key(postgres, "admin", "s1", "s2"))
    assert (refused.status_code, refused.json()["type"]) == (403, "forbidden")
    tally.shop = "s1"
    assert (await tally.post(f"/dead-letters/{found[0]['id']}/drop", json={"reason": "x"})).status_code == 404


async def test_what_is_done_to_letters_of_no_shop_is_noted_for_the_installation(tally: Stage) -> None:
    await tally.deliver(("shop.trades", None, b"{}"))
    (letter,) = (await of_no_shop(tally)).json()["items"]
    path = f"/v1/dead-letters/{letter['id']}/drop"
    assert (await tally.client.post(path, json={"reason": "a test of theirs"})).json()["state"] == "dropped"
    (entry,) = (await tally.client.get("/v1/audit")).json()["items"]
    assert (entry["path"], entry["body"]) == (path, '{"reason":"a test of theirs"}')


async def test_only_administrators_see_records_and_change_letters(tally: Stage, postgres: str) -> None:
    await tally.deliver(("shop.trades", b"s1:ada", b"{"))
    (letter,) = await listed(tally)
    for role in ("viewer", "operator"):
        headers = await key(postgres, role, "*")
        assert (await tally.get("/dead-letters", headers=headers)).status_code == 200
        assert (await tally.get(f"/dead-letters/{letter['id']}", headers=headers)).status_code == 403
        for path in (f"{letter['id']}/replay", f"{letter['id']}/drop", f"{letter['id']}/reveal", "replay"):
            refused = await tally.post(f"/dead-letters/{path}", headers=headers, json={"reason": "x"})
            assert (refused.status_code, refused.json()["type"]) == (403, "forbidden"), path


async def test_letters_are_found_by_topic_reason_and_state_and_counted_by_reason(tally: Stage) -> None:
    await tally.deliver(("shop.trades", b"s1:ada", b"{"), ("shop.customers", b"s1:ada", b"{"))
    await tally.advance("1h")
    await tally.deliver(("shop.trades", b"s1:bob", b"{"), ("shop.trades", b"s1:bob", None))
    assert [
        len(await listed(tally, **wanted))
        for wanted in (
            {"topic": "shop.trades"},
            {"reason": "not-json"},
            {"topic": "shop.trades", "reason": "not-json"},
            {"state": "waiting"},
            {"state": "dropped"},
            {},
        )
    ] == [3, 3, 2, 4, 0, 4]
    counts = (await tally.get("/dead-letters/reasons")).json()["items"]
    assert [(one["topic"], one["reason"], one["letters"]) for one in counts] == [
        ("shop.customers", "not-json", 1),
        ("shop.trades", "not-json", 2),
        ("shop.trades", "null-value", 1),
    ]
    assert (counts[1]["first_at"], counts[1]["last_at"]) == ("2026-11-02T04:00:00Z", "2026-11-02T05:00:00Z")
    assert (await tally.get("/dead-letters/reasons?state=dropped")).json()["items"] == []


@pytest.mark.parametrize("path", ["/dead-letters", "/dead-letters/reasons"])
async def test_letters_are_paged(tally: Stage, path: str) -> None:
    await tally.deliver(("shop.trades", b"s1:ada", b"{"), ("shop.trades", b"s1:ada", None))
    first = (await tally.get(path, params={"limit": 1})).json()
    second = (await tally.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert {page["items"][0]["reason"] for page in (first, second)} == {"not-json", "null-value"}
    assert second["next_cursor"] is None


async def test_a_record_is_shown_without_phones_unless_an_administrator_asks(tally: Stage, wire: Wire) -> None:
    value = b'{"specversion": "1.0", "data": {"phone": "+8613812345678", "name": "Ada", "note": "138 1234 5678"}}'
    await wire.publish(("shop.customers", b"s1:13812345678", value))
    (letter,) = await listed(tally)
    shown = (await tally.get(f"/dead-letters/{letter['id']}")).json()
    assert shown["letter"] == letter
    assert shown["value"] == value.decode().replace("+8613812345678", "+86*********78").replace("Ada", "***").replace(
        "138 1234 5678", "138********78"
    )
    assert (shown["key"], shown["base64"]) == ("s1:138******78", None)
    assert shown["headers"] == [{"name": "content-type", "value": "application/cloudevents+json"}]
    assert await audited(tally) == []
    revealed = (await tally.post(f"/dead-letters/{letter['id']}/reveal", json={"reason": "a complaint"})).json()
    assert (revealed["key"], revealed["value"]) == ("s1:13812345678", value.decode())
    assert await audited(tally) == [("reveal", '{"reason":"a complaint"}')]


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


@pytest.mark.parametrize(("size", "copies"), [(topics.RECORD_BYTES, 1), (topics.DEAD_LETTER_BYTES, 0)])
async def test_a_record_that_was_small_only_when_compressed_stops_neither_relay_nor_list(
    tally: Stage, wire: Wire, size: int, copies: int
) -> None:
    await wire.publish(("shop.trades", b"s1:ada", b"{" + b" " * size))
    (letter,) = await listed(tally)
    assert len(await tally.dead()) == copies
    await wire.relay(replays=0)
    assert len((await tally.get(f"/dead-letters/{letter['id']}")).json()["value"]) == size + 1
    refused = await tally.post(f"/dead-letters/{letter['id']}/replay")
    assert (refused.status_code, refused.json()["type"]) == (409, "too-large")
    many = (await tally.post("/dead-letters/replay", json={"topic": "shop.trades"})).json()
    assert (many["replayed"], many["too_large"]) == (0, 1)


async def test_a_letter_is_dropped_for_a_reason_and_replayed_no_more(tally: Stage) -> None:
    await tally.deliver(("shop.trades", b"s1:ada", b"{"))
    (letter,) = await listed(tally)
    path = f"/dead-letters/{letter['id']}"
    assert (await tally.post(f"{path}/drop", json={})).status_code == 422
    for because in ("their test", "again"):
        dropped = (await tally.post(f"{path}/drop", json={"reason": because})).json()
        assert (dropped["state"], dropped["dropped_because"]) == ("dropped", "their test")
    refused = await tally.post(f"{path}/replay")
    assert (refused.status_code, refused.json()["type"]) == (409, "not-waiting")
    assert [path for path, _ in await audited(tally)] == ["drop", "drop"]


async def test_what_was_replayed_cannot_be_dropped(tally: Stage, wire: Wire) -> None:
    await wire.publish(make.completed(currency="GBP"))
    (letter,) = await listed(tally)
    await tally.post(f"/dead-letters/{letter['id']}/replay")
    refused = await tally.post(f"/dead-letters/{letter['id']}/drop", json={"reason": "x"})
    assert (refused.status_code, refused.json()["type"]) == (409, "not-waiting")


async def test_those_that_wait_are_measured_by_topic(tally: Stage) -> None:
    async def measured() -> list[str]:
        await letters.measure(tally.ctx)
        lines = (await tally.client.get("/metrics")).text.splitlines()
        return sorted(line for line in lines if line.startswith("huitou_dead_letters_waiting{"))

    await tally.deliver(("shop.trades", b"s1:ada", b"{"), ("shop.trades", None, b"{"))
    assert 'huitou_dead_letters_waiting{topic="shop.trades"} 2.0' in await measured()
    (letter,) = await listed(tally)
    await tally.post(f"/dead-letters/{letter['id']}/drop", json={"reason": "x"})
    assert 'huitou_dead_letters_waiting{topic="shop.trades"} 1.0' in await measured()


async def test_a_flood_of_rubbish_is_kept_in_one_statement(tally: Stage) -> None:
    await tally.deliver(*[("shop.trades", b"s1:ada", b"{")] * 1000)
    (count,) = (await tally.get("/dead-letters/reasons")).json()["items"]
    assert count["letters"] == 1000
