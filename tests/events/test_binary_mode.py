"""Binary mode: attributes in the headers, data alone in the value."""

import json
from typing import Any

import pytest

from huitou_events import CATALOGUE, HEADERS, Event, Undecodable, decode
from tests.events.samples import TYPES, example, read

ATTRIBUTES = ("specversion", "id", "source", "type", "shopid", "subject", "partitionkey", "time")


def binary(record: dict[str, Any], **changes: bytes | None) -> Event[Any]:
    """Decodes a record in binary mode with some attributes changed, or left out when None."""
    named: dict[str, bytes | None] = {name: record[name].encode() for name in ATTRIBUTES}
    named |= changes
    headers = [(f"ce_{name}", value) for name, value in named.items() if value is not None]
    value = json.dumps(record["data"], ensure_ascii=False).encode()
    topic, key = CATALOGUE[record["type"]].topic, record["partitionkey"].encode()
    return decode(topic, key, value, [("content-type", b"application/json"), *headers])


@pytest.mark.parametrize("type", TYPES)
def test_both_modes_say_the_same(type: str) -> None:
    record = example(type)
    assert binary(record) == read(record)
    assert binary(record).digest() == read(record).digest()
    assert binary(record, subject=None, partitionkey=None) == read(record)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "not-cloudevent"),
        ({"type": None}, "not-cloudevent"),
        ({"type": b"trade.stolen"}, "unknown-type"),
        ({"specversion": b"0.3"}, "not-cloudevent"),
        ({"time": b"yesterday"}, "not-cloudevent"),
        ({"source": b"\xff"}, "not-cloudevent"),
        ({"id": b"\x00"}, "not-cloudevent"),
        ({"shopid": b"s2"}, "ids-disagree"),
        ({"subject": b"bob"}, "ids-disagree"),
        ({"partitionkey": b"s1:bob"}, "ids-disagree"),
    ],
)
def test_wrong_attributes_have_the_same_reasons(changes: dict[str, bytes | None], reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        binary(example("trade.paid"), **changes)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "value",
    [b'{}, "type": "trade.closed"', b'{"trade_id": "t1"', b'{}}, {"a": {}', b"\xff", b"", b"[" * 1000],
)
def test_a_value_cannot_write_into_the_envelope(value: bytes) -> None:
    headers = [(f"ce_{name}", example("trade.paid")[name].encode()) for name in ATTRIBUTES]
    with pytest.raises(Undecodable, match="not-json"):
        decode("shop.trades", b"s1:c42", value, headers)


def test_a_header_named_like_the_data_is_no_data() -> None:
    assert binary(example("trade.paid"), data=b'{"customer_id": "bob"}') == read(example("trade.paid"))


def test_the_content_type_decides_the_mode() -> None:
    record = example("trade.paid")
    value = json.dumps(record).encode()
    for content_type in (b"application/cloudevents+json", b"Application/CloudEvents+JSON; charset=utf-8"):
        headers = [("ce_id", b"ignored"), ("content-type", content_type)]
        assert decode("shop.trades", b"s1:c42", value, headers) == read(record)
    assert decode("shop.trades", b"s1:c42", value, []) == read(record)
    assert decode("shop.trades", b"s1:c42", value, [("reason", b"replayed"), *HEADERS]) == read(record)


@pytest.mark.parametrize(
    "headers",
    [
        [("content-type", b"application/cloudevents+avro")],
        [("content-type", b"application/cloudevents-batch+json")],
        [("content-type", b"application/avro"), ("ce_id", b"1")],
    ],
)
def test_other_formats_are_refused_by_name(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Undecodable, match="not-cloudevent: content-type"):
        decode("shop.trades", b"s1:c42", b"{}", headers)
