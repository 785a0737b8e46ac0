"""Rubbish on every topic: in the dead letters with its reason, and the stream goes on."""

import json
from collections import defaultdict

import pytest

from huitou_events import TOPICS
from tests import make
from tests.flow.platform import Platform
from tests.waiting import until

SHOP = "rubbish"
READERS = {
    "shop.trades": {"segment", "loyalty", "campaign", "notify"},
    "shop.behaviours": {"segment", "notify"},
    "shop.customers": {"segment", "loyalty", "notify"},
    "shop.settings": {"segment", "loyalty", "campaign", "notify"},
    "shop.catalogue": {"segment"},
    "loyalty.members": {"segment"},
    "segment.audiences": {"campaign"},
    "campaign.benefits": {"segment", "notify"},
    "notify.jobs": {"notify"},
    "notify.deliveries": {"segment", "campaign"},
}


def rubbish() -> list[tuple[str, bytes | None, bytes | None]]:
    """(reason, key, value): every record wrong in another way."""
    key = f"{SHOP}:ada".encode()
    wire = json.loads(make.completed(shop=SHOP).encode())

    def changed(**fields: object) -> bytes:
        return json.dumps(wire | fields).encode()

    def with_data(**fields: object) -> bytes:
        return changed(data=wire["data"] | fields)

    return [
        ("not-json", key, changed()[:-20]),
        ("not-json", key, b"\xff\xfe\x00"),
        ("not-json", key, b"[" * 5000),
        ("not-cloudevent", key, b"[]"),
        ("not-cloudevent", key, b'"text"'),
        ("not-cloudevent", key, b"{}"),
        ("not-cloudevent", key, changed(specversion="0.3")),
        ("not-cloudevent", key, changed(time="yesterday")),
        ("unknown-type", key, changed(type="trade.teleported")),
        ("missing-key", None, changed()),
        ("null-value", key, None),
        ("ids-disagree", f"{SHOP}:bob".encode(), changed()),
        ("ids-disagree", key, changed(subject="bob")),
        ("ids-disagree", key, changed(shopid="another")),
        ("not-json", key, b"x" * 900_000),
        ("too-far-ahead", key, changed(time="2031-01-01T00:00:00Z", id="ahead")),
    ] + [
        ("invalid-data", key, with_data(**fields))
        for fields in (
            {"amount": "12"},
            {"amount": -1},
            {"amount": 2**53},
            {"items": {"item_id": "i1"}},
            {"items": [{"item_id": "a\0b"}]},
            {"trade_id": "x" * 129},
            {"amount": None},
        )
    ]


async def test_rubbish_is_told_apart_and_the_stream_goes_on(platform: Platform) -> None:
    sent = [
        *rubbish(),
        ("invalid-data", f"{SHOP}:ada".encode(), make.completed(shop=SHOP).encode().replace(b"100", b"1e400")),
    ]
    surrogate = make.completed(shop=SHOP).encode().replace(b'"t1"', b'"\\ud800"')
    sent.append(("not-json", f"{SHOP}:ada".encode(), surrogate))
    await platform.send([("shop.trades", key, value) for _, key, value in sent])
    wanted = sorted(reason for reason, _, _ in sent)
    found: dict[str, list[str]] = defaultdict(list)
    values: dict[str, list[bytes | None]] = defaultdict(list)
    async with platform.reading("shop.trades.dlq") as consumer:

        async def all_there() -> bool:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    if record.key is None or record.key.startswith(SHOP.encode()):
                        found[headers["huitou-service"]].append(headers["huitou-reason"])
                        values[headers["huitou-service"]].append(record.value)
            return all(len(found[service]) >= len(wanted) for service in READERS["shop.trades"])

        await until(all_there, within=60)
    assert {service: sorted(reasons) for service, reasons in found.items()} == dict.fromkeys(
        READERS["shop.trades"], wanted
    )
    unchanged = sorted(value or b"" for _, _, value in sent)
    assert all(sorted(value or b"" for value in kept) == unchanged for kept in values.values())
    await _goes_on(platform)


@pytest.mark.parametrize("topic", sorted(READERS))
async def test_every_topic_survives_what_is_no_event(platform: Platform, topic: str) -> None:
    key = f"{SHOP}:{topic}".encode()
    await platform.send([(topic, key, b'{"specversion'), (topic, key, None), (topic, None, b"{}")])
    services: dict[str, int] = defaultdict(int)
    async with platform.reading(f"{topic}.dlq") as consumer:

        async def told() -> bool:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if record.key == key:
                        services[dict(record.headers)["huitou-service"].decode()] += 1
            return set(services) >= READERS[topic]

        await until(told, within=60)
    assert set(services) == READERS[topic]
    assert set(services.values()) == {2}
    await _goes_on(platform)


def test_every_topic_that_is_read_is_tested() -> None:
    assert set(READERS) == set(TOPICS)


async def _goes_on(platform: Platform) -> None:
    """An event after the rubbish reaches loyalty-svc and segment-svc."""
    now = await platform.now()
    name = f"c{now.timestamp():.6f}"
    await platform.publish([make.customer(name, shop=SHOP, gender="female", time=now)])

    async def known() -> bool:
        return (await platform.call("GET", "segment", SHOP, f"/customers/{name}")).status_code == 200

    await until(known)
