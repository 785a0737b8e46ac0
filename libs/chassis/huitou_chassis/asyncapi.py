"""The AsyncAPI 3 document: every topic with its types, and what each service says and takes, from the code."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from huitou_chassis.service import Service
from huitou_chassis.topics import PARTITIONS, topic_config
from huitou_events import CATALOGUE, HEADERS, TOPICS, Fact, Topic
from huitou_events.contracts import FOLDER, definitions

Node = dict[str, Any]
BINDING = "0.5.0"
SCHEMAS = "#/components/schemas/{model}"
DEAD_LETTER = "deadLetter"
ABOUT = """\
Everything that happens is said once, as a CloudEvents 1.0 record on Kafka: structured JSON as it stands here, or binary
mode (attributes as `ce_` headers, the value is the data). A record is keyed by shop and customer, so what happens to
one customer keeps its order. What a service cannot take goes unchanged to the topic's dead letters.
"""


def text(services: Sequence[Service]) -> str:
    """The document as it stands in its file."""
    return json.dumps(document(services), indent=2, ensure_ascii=False) + "\n"


def document(services: Sequence[Service]) -> Node:
    """The document of these services."""
    messages = {type: _message(fact) for type, fact in CATALOGUE.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Huitou events", "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/cloudevents+json",
        "servers": {"kafka": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "As `make up` starts it"}},
        "channels": dict(_channels()),
        "operations": dict(_operations(services)),
        "components": {
            "messages": {**messages, DEAD_LETTER: _dead_letter()},
            "schemas": definitions(SCHEMAS),
        },
    }


def _channels() -> Iterator[tuple[str, Node]]:
    for topic in TOPICS.values():
        types = [fact.type for fact in CATALOGUE.values() if fact.topic == topic.name]
        yield topic.name, _channel(topic, topic.name, PARTITIONS, f"Said by {topic.publisher}.", types)
        about = f"Records of {topic.name} that a service could not take."
        yield topic.dlq, _channel(topic, topic.dlq, 1, about, [DEAD_LETTER])


def _channel(topic: Topic, address: str, partitions: int, about: str, messages: Sequence[str]) -> Node:
    config = topic_config(topic, dead_letters=address == topic.dlq)
    return {
        "address": address,
        "description": about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": partitions,
                "topicConfiguration": {
                    "retention.ms": int(config["retention.ms"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(services: Sequence[Service]) -> Iterator[tuple[str, Node]]:
    for topic in TOPICS.values():
        if topic.publisher == "shop":
            yield _operation("shop", "send", topic.name, _types(topic, CATALOGUE.values()), "Said by shop systems.")
    for service in services:
        for topic in TOPICS.values():
            if said := _types(topic, service.facts):
                yield _operation(service.name, "send", topic.name, said, f"Said by {service.name}-svc.")
        for topic in TOPICS.values():
            if topic.name not in service.topics:
                continue
            if taken := _types(topic, service.handlers):
                about, group = f"Taken by {service.name}-svc.", {"groupId": {"type": "string", "enum": [service.group]}}
                yield _operation(service.name, "receive", topic.name, taken, about, group)
            about = f"What {service.name}-svc could not take."
            yield _operation(service.name, "send", topic.dlq, [DEAD_LETTER], about)


def _operation(
    who: str, action: str, channel: str, messages: Sequence[str], about: str, binding: Node | None = None
) -> tuple[str, Node]:
    bindings = {"bindings": {"kafka": {**binding, "bindingVersion": BINDING}}} if binding else {}
    return f"{who}.{action}.{channel}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": about,
        "tags": [{"name": who}],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
        **bindings,
    }


def _types(topic: Topic, facts: Collection[type[Fact]]) -> list[str]:
    """Those of the topic's, in the catalogue's order."""
    return [type for type, fact in CATALOGUE.items() if fact.topic == topic.name and fact in facts]


def _message(fact: type[Fact]) -> Node:
    example = FOLDER / f"{fact.type}.example.json"
    # Installed without its sources, the library has no examples.
    shown = [{"payload": json.loads(example.read_text(encoding="utf-8"))}] if example.is_file() else []
    return {
        "name": fact.type,
        "title": fact.type,
        "summary": fact.__doc__,
        "headers": _headers({name: {"type": "string", "const": value.decode()} for name, value in HEADERS}),
        "payload": {"$ref": SCHEMAS.format(model=fact.type)},
        "bindings": {"kafka": {"key": {"type": "string", "description": _key(fact)}, "bindingVersion": BINDING}},
        "examples": shown,
    }


def _dead_letter() -> Node:
    why = {
        "huitou-reason": "A stable word; docs/events.md lists them.",
        "huitou-detail": "A sentence that names the place, without personal data.",
        "huitou-service": "Who could not take it; others may have.",
        "huitou-topic": "The topic from which it came.",
        "huitou-partition": "The partition from which it came.",
        "huitou-offset": "Its offset there.",
        "huitou-at-us": "When it was refused, in microseconds since 1970, by the clock of the domain.",
    }
    return {
        "name": DEAD_LETTER,
        "title": "A dead letter",
        "summary": "A record as it came, key, value and headers, with why it could not be taken.",
        "headers": _headers({name: {"type": "string", "description": about} for name, about in why.items()}),
        "payload": {"description": "Whatever the record held."},
    }


def _headers(properties: Node) -> Node:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _key(fact: type[Fact]) -> str:
    """The record's key by the names of what it is made of, such as `{shop}:{customer_id}`."""
    named = fact.model_construct(None, **{name: f"{{{name}}}" for name in fact.model_fields})
    return named.partitionkey("{shop}")
