"""Dead letters: listed for their shop, shown without phones, dropped for a reason; all of it noted."""

import pytest

from huitou_chassis import Record, letters, topics
from huitou_chassis.batch import process
from huitou_events import HEADERS
from tests import make
from tests.chassis.letters import Wire, audited, key, listed, of_no_shop
from tests.stage import Stage


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


async def test_letters_are_deleted_once_kafka_has_their_records_no_more_or_they_are_long_done(tally: Stage) -> None:
    await process(tally.ctx, [Record("shop.customers", 0, 1, 1, b"s1:ada", b"{", HEADERS)])
    await process(tally.ctx, [Record("shop.trades", 0, place, 1, b"s1:ada", b"{", HEADERS) for place in (1, 2)])
    assert len(await listed(tally)) == 3
    await letters.tidy(tally.ctx)
    dropped, waiting = await listed(tally)
    assert (dropped["topic"], waiting["topic"]) == ("shop.trades",) * 2
    await tally.post(f"/dead-letters/{dropped['id']}/drop", json={"reason": "a test of theirs"})
    await tally.advance("89d")
    await letters.tidy(tally.ctx)
    assert len(await listed(tally)) == 2
    await tally.advance("2d")
    await letters.tidy(tally.ctx)
    assert await listed(tally) == [waiting]
