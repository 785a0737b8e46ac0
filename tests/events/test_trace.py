"""An event's trace context comes with it, and is no part of what it is."""

import json
from dataclasses import replace
from typing import Any

import pytest

from huitou_events import HEADERS, Event, Trace, decode
from tests import make

FIRST = Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1")
SECOND = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
BARE = make.completed(id="e1")


def read(value: bytes, headers: list[tuple[str, bytes]] = HEADERS) -> Event[Any]:
    return decode(BARE.topic, BARE.key, value, headers)


@pytest.mark.parametrize("trace", [FIRST, SECOND, None])
def test_the_context_is_read_as_it_was_written(trace: Trace | None) -> None:
    assert read(replace(BARE, trace=trace).encode()).trace == trace


def test_the_same_event_with_another_context_is_the_same() -> None:
    one, other = replace(BARE, trace=FIRST), replace(BARE, trace=SECOND)
    assert one == other == BARE
    assert one.digest() == other.digest() == BARE.digest()
    assert one.order == other.order


def test_the_context_is_read_in_binary_mode() -> None:
    wire = json.loads(replace(BARE, trace=FIRST).encode())
    data = json.dumps(wire.pop("data")).encode()
    headers = [(f"ce_{name}", str(value).encode()) for name, value in wire.items() if name != "datacontenttype"]
    assert read(data, [("content-type", b"application/json"), *headers]).trace == FIRST


def test_a_context_beside_the_event_counts_if_the_event_has_none() -> None:
    beside = [*HEADERS, ("traceparent", SECOND.parent.encode()), ("other", b"1")]
    assert read(BARE.encode(), beside).trace == SECOND
    assert read(replace(BARE, trace=FIRST).encode(), beside).trace == FIRST


@pytest.mark.parametrize(
    "given",
    [
        7,
        None,
        "",
        {},
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "ff" + FIRST.parent[2:],
        FIRST.parent.upper(),
        "x" * 999,
    ],
)
def test_a_context_that_cannot_be_read_is_none_and_the_event_is_taken(given: object) -> None:
    value = json.dumps(json.loads(BARE.encode()) | {"traceparent": given, "tracestate": given}).encode()
    assert read(value) == BARE
    assert read(value).trace is None


def test_a_state_that_cannot_be_read_is_left_out() -> None:
    long = json.loads(BARE.encode()) | {"traceparent": FIRST.parent, "tracestate": "v=" + "1" * 600}
    assert read(json.dumps(long).encode()).trace == Trace(FIRST.parent)
