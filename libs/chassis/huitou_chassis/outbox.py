"""What a transaction says: rows written with its effects, sent later by the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from huitou_chassis.db import Tx

Headers = Sequence[tuple[str, bytes | None]]
CHANNEL = "huitou_outbox"
"""Wakes the relay when what was said is committed."""


@dataclass(frozen=True)
class Message:
    """A record to be sent; headers None means those of a structured CloudEvent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


async def put(tx: "Tx", messages: Sequence[Message]) -> None:
    """Adds the messages in their order, in one statement."""
    if not messages:
        return
    await tx.execute(
        f"""
        WITH put AS (
            INSERT INTO outbox (topic, key, value, headers)
            SELECT topic, key, value, headers
            FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[])
                WITH ORDINALITY AS said (topic, key, value, headers, place)
            ORDER BY place
        )
        SELECT pg_notify('{CHANNEL}', '')
        """,
        [message.topic for message in messages],
        [message.key for message in messages],
        [message.value for message in messages],
        [None if message.headers is None else pack(message.headers) for message in messages],
    )


def pack(headers: Headers) -> bytes:
    """Header values may be any bytes, or null; latin-1 carries each byte as one character through JSON."""
    return orjson.dumps([(name, None if value is None else value.decode("latin-1")) for name, value in headers])


def unpack(packed: bytes) -> list[tuple[str, bytes | None]]:
    return [(name, None if value is None else value.encode("latin-1")) for name, value in orjson.loads(packed)]
