"""What a transaction says: rows written with its effects, sent later by the relay."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from huitou_chassis.db import Tx

Headers = Sequence[tuple[str, bytes | None]]
CHANNEL = "huitou_outbox"
"""Wakes the relay when what was said is committed."""


class Message(NamedTuple):
    """A record to be sent; headers None means those of a structured CloudEvent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


async def put(tx: "Tx", messages: Sequence[Message]) -> None:
    """Adds the messages in their order."""
    if not messages:
        return
    rows = [
        (message.topic, message.key, message.value, None if message.headers is None else pack(message.headers))
        for message in messages
    ]
    await tx.add("outbox", ("topic", "key", "value", "headers"), rows)
    await tx.execute("SELECT pg_notify($1, '')", CHANNEL)


def pack(headers: Headers) -> bytes:
    """Header values may be any bytes, or null; latin-1 carries each byte as one character through JSON."""
    return orjson.dumps([(name, None if value is None else value.decode("latin-1")) for name, value in headers])


def unpack(packed: bytes) -> list[tuple[str, bytes | None]]:
    return [(name, None if value is None else value.encode("latin-1")) for name, value in orjson.loads(packed)]
