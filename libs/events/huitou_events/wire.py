"""A Kafka record -> an event, or the reason why it is none."""

import json
from base64 import b64decode
from collections.abc import Iterable
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json, to_json

from huitou_events.event import HEADERS, Event, Name
from huitou_events.fact import Fact
from huitou_events.topics import CATALOGUE
from huitou_events.trace import Parent, State, Trace, trace_of

Headers = Iterable[tuple[str, bytes | None]]
_STRUCTURED = HEADERS[0][1]
_ATTRIBUTES = {
    "specversion",
    "id",
    "source",
    "type",
    "shopid",
    "subject",
    "partitionkey",
    "time",
    "traceparent",
    "tracestate",
}


class Undecodable(Exception):
    """A record that is no event, and never will be.

    `reason` is one of: missing-key, null-value, not-json, not-cloudevent, unknown-type, wrong-topic,
    invalid-data, ids-disagree. `detail` says where and why, without any value of the record but its type.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Envelope(Name):
    """The attributes of a record's envelope; type and data are added for each fact."""

    specversion: Literal["1.0"]
    subject: str | None = None
    partitionkey: str | None = None
    traceparent: Parent = None
    tracestate: State = None


def decode(topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> Event[Any]:
    """The event of a record, in structured or binary mode; else Undecodable, and no other error."""
    if value is None:
        raise Undecodable("null-value", "the record has no value")
    if not key:
        raise Undecodable("missing-key", "the record has no key")
    try:
        wire = _adapter().validate_json(_with_data(_document(value, headers)))
    except ValidationError as error:
        # Not chained: the error holds the record, and a record may hold a phone number.
        raise _refusal(error) from None
    trace = Trace(wire.traceparent, wire.tracestate) if wire.traceparent else _beside(headers)
    event: Event[Any] = Event(wire.id, wire.source, wire.shopid, wire.time, wire.data, trace)
    if event.topic != topic:
        raise Undecodable("wrong-topic", f"{event.type} belongs to {event.topic}")
    _agree(event, wire, key)
    return event


def _beside(headers: Headers) -> Trace | None:
    """The context that a producer's own tracing put beside the event."""
    found: dict[str, bytes] = {}
    for name, header in headers:
        if name in ("traceparent", "tracestate"):
            found[name] = header or b""
    if not found:
        return None
    parent, state = (found.get(name, b"").decode(errors="replace") for name in ("traceparent", "tracestate"))
    return trace_of(parent, state or None)


def envelope_of(fact: type[Fact]) -> type[Envelope]:
    """The whole record of a fact, as a class."""
    kind: Any = Literal[fact.type]
    return create_model(fact.__name__, __base__=Envelope, __doc__=fact.__doc__, type=(kind, ...), data=(fact, ...))


@cache
def _adapter() -> TypeAdapter[Any]:
    union: Any = reduce(or_, (envelope_of(fact) for fact in CATALOGUE.values()))
    wire: Any = Annotated[union, Discriminator("type")]
    return TypeAdapter(wire)


def _document(value: bytes, headers: Headers) -> bytes:
    """The record as structured JSON, whichever mode it came in."""
    content_type = b""
    attributes: dict[str, bytes] = {}
    for name, header in headers:
        if name == "content-type":
            if header == _STRUCTURED:
                return value
            content_type = (header or b"").strip().lower()
        elif name.startswith("ce_"):
            attributes[name[3:]] = header or b""
    if content_type.startswith(b"application/cloudevents"):
        if not content_type.startswith(_STRUCTURED):
            raise Undecodable("not-cloudevent", "content-type: should be application/cloudevents+json")
        return value
    return _assembled(value, content_type, attributes) if attributes else value


def _with_data(document: bytes) -> bytes:
    """The document with `data` where it has `data_base64`, as a publisher writes whose data is bytes."""
    if b'"data_base64"' not in document:
        return document
    try:
        wire = from_json(document)
        data = b64decode(wire.pop("data_base64"), validate=True)
        # Parsed on its own, as in binary mode.
        from_json(data)
    except (ValueError, TypeError, KeyError, AttributeError):
        return document
    return document if "data" in wire else b'%b%b"data":%b}' % (to_json(wire)[:-1], b"," if wire else b"", data)


def _assembled(value: bytes, content_type: bytes, attributes: dict[str, bytes]) -> bytes:
    """Binary mode: attributes from the headers, data from the value."""
    if content_type and not content_type.startswith(b"application/json"):
        raise Undecodable("not-cloudevent", "content-type: should be application/json in binary mode")
    try:
        # Parsed on its own, or a value such as `1}, "type": "…"` could write into the envelope.
        from_json(value)
    except ValueError as error:
        raise Undecodable("not-json", str(error)) from None
    texts: dict[str, str] = {}
    for name in sorted(attributes.keys() & _ATTRIBUTES):
        try:
            texts[name] = attributes[name].decode()
        except UnicodeDecodeError:
            raise Undecodable("not-cloudevent", f"{name}: not UTF-8") from None
    return b'%b%b"data":%b}' % (json.dumps(texts).encode()[:-1], b"," if texts else b"", value)


def _refusal(error: ValidationError) -> Undecodable:
    """Says what is wrong with the envelope, or else with the data, but never what was found there."""
    complaints = error.errors(include_url=False, include_input=False)
    first = next((one for one in complaints if "data" not in one["loc"][1:2]), complaints[0])
    if first["type"] == "json_invalid":
        return Undecodable("not-json", first["msg"])
    if first["type"] == "union_tag_invalid":
        return Undecodable("unknown-type", ascii(first["ctx"]["tag"])[:140])
    if first["type"] == "union_tag_not_found":
        return Undecodable("not-cloudevent", "type: Field required")
    path = _path(first["loc"][1:])
    reason = "invalid-data" if path.startswith("data") else "not-cloudevent"
    return Undecodable(reason, f"{path}: {first['msg']}" if path else first["msg"])


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        path += f".{step}" if path else step
        if step == "variables":
            # What follows is a name that the sender chose, which may be anything.
            break
    return path


def _agree(event: Event[Any], wire: Any, key: bytes) -> None:
    """Key, partitionkey, subject, shopid and the id in the data name the same shop and object."""
    partitionkey = event.partitionkey
    if key != partitionkey.encode():
        raise Undecodable("ids-disagree", "the record's key is not that of shopid and data")
    if wire.partitionkey is not None and wire.partitionkey != partitionkey:
        raise Undecodable("ids-disagree", "partitionkey is not that of shopid and data")
    if wire.subject is not None and wire.subject != event.subject:
        raise Undecodable("ids-disagree", "subject is not that of data")
