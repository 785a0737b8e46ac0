"""Records that cannot be taken: sent to `{topic}.dlq` as they are, and noted as dead letters (`letters.py`).

A letter belongs to the shop that key and record agree on; without one it is the installation's (`*`, as in keys).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from huitou_chassis import inbox
from huitou_chassis.keys import EVERY_SHOP
from huitou_chassis.letters import REPLAY
from huitou_chassis.outbox import Message
from huitou_chassis.record import Record
from huitou_chassis.topics import DEAD_LETTER_BYTES, ROOM
from huitou_events import micros

if TYPE_CHECKING:
    from huitou_chassis.db import Tx

LONGEST_DETAIL = 500
_SHOP = re.compile(rb"([a-z0-9-]{1,64})(:.*)?", re.DOTALL)


@dataclass(frozen=True)
class Refusal:
    """A record that cannot be taken; `reason` is a stable word, `detail` a sentence without personal data."""

    record: Record
    reason: str
    detail: str


@dataclass(frozen=True)
class Replay:
    """That a record is a letter's `number`-th replay."""

    letter: str
    number: int

    @classmethod
    def of(cls, record: Record) -> "Replay | None":
        for name, value in record.headers:
            if name == REPLAY:
                letter, _, number = (value or b"").decode("ascii", "replace").rpartition("/")
                return cls(letter, int(number)) if re.fullmatch("[0-9]{1,9}", number) else None
        return None


async def keep(tx: "Tx", refusals: Sequence[Refusal]) -> list[Refusal]:
    """Sends each to its topic's dead letters and notes it, once: a record that is read twice is known by its place.

    The refusals that are new come back.
    """
    if not refusals:
        return []
    places = {("", _place(refusal.record)): refusal for refusal in refusals}
    unseen = await inbox.remember(tx, dict.fromkeys(places, b""))
    new = {place: refusal for (shop, place), refusal in places.items() if (shop, place) in unseen}
    for refusal in new.values():
        # A record that was small only when compressed has no copy: the broker would refuse it, and the relay wait.
        if refusal.record.size <= DEAD_LETTER_BYTES - ROOM:
            tx.send(_copy(tx, refusal))
    replays = {place: made for place, refusal in new.items() if (made := Replay.of(refusal.record))}
    known = await _wait_again(tx, [(replay, new[place]) for place, replay in replays.items()])
    await _add(tx, {p: refusal for p, refusal in new.items() if p not in replays or replays[p].letter not in known})
    return list(new.values())


def is_for(record: Record, service: str) -> bool:
    """False for what another service replays: it concerns that one alone."""
    replay = Replay.of(record)
    return replay is None or replay.letter.rpartition("-")[0] == service


def shop_of(record: Record) -> str:
    """The shop of the key, unless the record names another; `*` if there is none."""
    found = _SHOP.fullmatch(record.key or b"")
    if found is None:
        return EVERY_SHOP
    shop = found[1].decode()
    return shop if _named_shop(record) in (None, shop) else EVERY_SHOP


def _named_shop(record: Record) -> str | None:
    for name, value in record.headers:
        if name == "ce_shopid":
            return (value or b"").decode("utf-8", "replace")
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    named = event.get("shopid") if isinstance(event, dict) else None
    return named if isinstance(named, str) else None


async def _wait_again(tx: "Tx", refused: Sequence[tuple[Replay, Refusal]]) -> set[str]:
    """Notes that replayed records were refused again; the ids of those whose letters are known here.

    Only the last replay counts, and once: the relay may have sent it twice.
    """
    if not refused:
        return set()
    known = await tx.fetch(
        """
        WITH given AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[])
                AS one (shop_id, letter_id, replay, reason, detail)
        ), noted AS (
            UPDATE dead_letter AS kept
            SET state = 'waiting', times = times + 1, last_us = $6, reason = given.reason, detail = given.detail
            FROM given WHERE (kept.shop_id, kept.letter_id) = (given.shop_id, given.letter_id)
                AND kept.state = 'replayed' AND kept.replays = given.replay
        )
        SELECT letter_id FROM dead_letter JOIN given USING (shop_id, letter_id)
        """,
        [shop_of(refusal.record) for _, refusal in refused],
        [replay.letter for replay, _ in refused],
        [replay.number for replay, _ in refused],
        [refusal.reason for _, refusal in refused],
        [_storable(refusal.detail) for _, refusal in refused],
        tx.us,
    )
    return {row[0] for row in known}


async def _add(tx: "Tx", refusals: Mapping[bytes, Refusal]) -> None:
    if not refusals:
        return
    records = [refusal.record for refusal in refusals.values()]
    await tx.execute(
        """
        INSERT INTO dead_letter
            (shop_id, letter_id, topic, partition, "offset", arrived_ms, reason, detail, first_us, last_us)
        SELECT *, $9::bigint, $9::bigint
        FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
        ON CONFLICT DO NOTHING
        """,
        [shop_of(record) for record in records],
        [f"{tx.ctx.service.name}-{place.hex()}" for place in refusals],
        [record.topic for record in records],
        [record.partition for record in records],
        [record.offset for record in records],
        [record.timestamp for record in records],
        [refusal.reason for refusal in refusals.values()],
        [_storable(refusal.detail) for refusal in refusals.values()],
        tx.us,
    )


def _place(record: Record) -> bytes:
    where = (record.partition, record.offset, record.timestamp)
    return inbox.fingerprint("dead", record.topic, *map(str, where))


def _storable(detail: str) -> str:
    """PostgreSQL keeps neither NUL nor lone surrogates."""
    return detail.encode("utf-8", "replace").decode().replace("\0", " ")[:LONGEST_DETAIL]


def _copy(tx: "Tx", refusal: Refusal) -> Message:
    record = refusal.record
    why = {
        "huitou-reason": refusal.reason,
        "huitou-detail": refusal.detail,
        "huitou-service": tx.ctx.service.name,
        "huitou-topic": record.topic,
        "huitou-partition": str(record.partition),
        "huitou-offset": str(record.offset),
        "huitou-at-us": str(micros(tx.now)),
    }
    headers = [*record.headers, *((name, value.encode()) for name, value in why.items())]
    return Message(f"{record.topic}.dlq", record.key, record.value, headers)
