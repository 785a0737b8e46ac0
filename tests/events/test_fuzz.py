"""Whatever arrives: an event, or Undecodable, and never anything else."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from huitou_events import CATALOGUE, HEADERS, TOPICS, Event, Undecodable, decode
from tests.events.samples import TYPES, example

REASONS = {
    "missing-key",
    "null-value",
    "not-json",
    "not-cloudevent",
    "unknown-type",
    "wrong-topic",
    "invalid-data",
    "ids-disagree",
}
SURROGATES = st.characters(codec=None)
NUMBERS = st.integers() | st.floats() | st.sampled_from([True, 10**400, 2**53, -1, 12.0])
TEXTS = (
    st.text(SURROGATES, max_size=20)
    | st.sampled_from(["\u0000", "", "2026-11-01T12:00:00Z", "9999-12-31T23:59:59-23:59", "--02-29"])
    | st.sampled_from(TYPES)
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
HEADER = st.tuples(
    st.sampled_from(["content-type", "ce_id", "ce_type", "ce_time", "ce_shopid", "ce_specversion", "ce_data", "x"]),
    st.binary(max_size=20) | st.sampled_from([*(type.encode() for type in TYPES), b"1.0", HEADERS[0][1]]),
)


def outcome(topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    try:
        event = decode(topic, key, value, headers)
    except Undecodable as refused:
        assert refused.reason in REASONS
        assert refused.detail.isprintable()
        assert len(refused.detail) < 500
    else:
        assert isinstance(event, Event)
        assert key == event.key
        again = decode(topic, key, event.encode(), HEADERS)
        assert again == event
        assert again.digest() == event.digest()


@given(
    st.sampled_from(sorted(TOPICS)),
    st.none() | st.binary(max_size=10),
    st.none() | st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()),
    st.lists(HEADER, max_size=8),
)
@settings(max_examples=300)
def test_any_bytes(topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    outcome(topic, key, value, headers)


@given(st.sampled_from(TYPES), st.data())
@settings(max_examples=500)
def test_an_event_with_anything_in_one_place(type: str, data: st.DataObject) -> None:
    record = example(type)
    place: Any = record
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        name = data.draw(st.sampled_from(names))
        if not isinstance(place[name], dict | list) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(JSON)
    outcome(CATALOGUE[type].topic, b"s1:c42", json.dumps(record).encode(), HEADERS)


@given(st.sampled_from(TYPES), st.data())
@settings(max_examples=300)
def test_an_event_with_some_bytes_changed(type: str, data: st.DataObject) -> None:
    value = bytearray(json.dumps(example(type), ensure_ascii=False).encode())
    for place in data.draw(st.lists(st.integers(0, len(value) - 1), max_size=3)):
        value[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.just(len(value)) | st.integers(0, len(value)))
    outcome(CATALOGUE[type].topic, b"s1:c42", bytes(value[:end]), HEADERS)
