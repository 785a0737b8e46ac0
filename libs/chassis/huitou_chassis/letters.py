"""Dead letters, to be looked at, replayed and dropped; `refusals.py` makes them.

waiting     refused; its record lies at its place in Kafka
replayed    put on its topic again, for this service alone; refused again, it waits again
dropped     nobody wants it any more
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from huitou_chassis import telemetry
from huitou_chassis.errors import Conflict, NotFound
from huitou_chassis.outbox import Message
from huitou_chassis.record import Record
from huitou_chassis.topics import DAY_MS
from huitou_events import TOPICS

if TYPE_CHECKING:
    import asyncpg

    from huitou_chassis.db import Tx
    from huitou_chassis.service import Context

State = Literal["waiting", "replayed", "dropped"]
STATES: tuple[State, ...] = get_args(State)
REPLAY = "huitou-replay"
"""The header of a replayed record: the letter's id, and which replay of it this is."""
DONE_DAYS = 90
AT_ONCE = 1000
COLUMNS = (
    'letter_id, topic, partition, "offset", arrived_ms, reason, detail, first_us, last_us, times, replays, state, '
    "dropped_because"
)


@dataclass(frozen=True)
class Letter:
    """A dead letter as it is stored: milliseconds for Kafka's time, microseconds for that of the domain."""

    id: str
    topic: str
    partition: int
    offset: int
    arrived_ms: int
    reason: str
    detail: str
    first_us: int
    last_us: int
    times: int
    replays: int
    state: State
    dropped_because: str | None


async def page(
    tx: "Tx",
    shop: str,
    *,
    after: Sequence[int | str],
    limit: int,
    topic: str | None = None,
    reason: str | None = None,
    state: State | None = None,
) -> list[Letter]:
    """Letters in the order of their first refusal, from the one after `after` (first_us, id)."""
    rows = await tx.fetch(
        f"""
        SELECT {COLUMNS} FROM dead_letter
        WHERE shop_id = $1 AND (first_us, letter_id) > ($2, $3)
            AND ($4::text IS NULL OR topic = $4) AND ($5::text IS NULL OR reason = $5)
            AND ($6::text IS NULL OR state = $6)
        ORDER BY first_us, letter_id LIMIT $7
        """,
        *(shop, after[0], after[1], topic, reason, state, limit),
    )
    return [Letter(*row.values()) for row in rows]


async def reasons(
    tx: "Tx", shop: str, *, after: Sequence[str], limit: int, state: State | None
) -> list["asyncpg.Record"]:
    """topic, reason, letters, first_us and last_us, in the order of the first two, from those after `after`."""
    return await tx.fetch(
        """
        SELECT topic, reason, count(*) AS letters, min(first_us) AS first_us, max(last_us) AS last_us
        FROM dead_letter WHERE shop_id = $1 AND (topic, reason) > ($2, $3) AND ($4::text IS NULL OR state = $4)
        GROUP BY topic, reason ORDER BY topic, reason LIMIT $5
        """,
        *(shop, after[0], after[1], state, limit),
    )


async def get(tx: "Tx", shop: str, letter: str) -> Letter:
    row = await tx.fetchrow(f"SELECT {COLUMNS} FROM dead_letter WHERE (shop_id, letter_id) = ($1, $2)", shop, letter)
    if row is None:
        raise NotFound(f"no dead letter {letter!r}; GET /dead-letters lists them")
    return Letter(*row.values())


async def replay(tx: "Tx", shop: str, records: Mapping[str, Record]) -> list[str]:
    """Puts the records of these letters on their topics again; those that do not wait are left. The ids of the rest."""
    rows = await tx.fetch(
        """
        UPDATE dead_letter SET state = 'replayed', replays = replays + 1
        WHERE shop_id = $1 AND letter_id = ANY($2::text[]) AND state = 'waiting' RETURNING letter_id, replays
        """,
        shop,
        sorted(records),
    )
    said = sorted(rows, key=lambda row: (records[row[0]].topic, records[row[0]].partition, records[row[0]].offset))
    for letter, number in said:
        record = records[letter]
        headers = [(name, value) for name, value in record.headers if name != REPLAY]
        tx.send(Message(record.topic, record.key, record.value, [*headers, (REPLAY, f"{letter}/{number}".encode())]))
    return [row[0] for row in said]


async def drop(tx: "Tx", shop: str, letter: str, because: str) -> Letter:
    """Conflict for a letter that was replayed: its record may have been taken."""
    await tx.execute(
        """
        UPDATE dead_letter SET state = 'dropped', dropped_because = $3
        WHERE (shop_id, letter_id) = ($1, $2) AND state = 'waiting'
        """,
        *(shop, letter, because),
    )
    found = await get(tx, shop, letter)
    if found.state == "replayed":
        raise Conflict("not-waiting", f"{letter} was replayed, and nothing of it waits to be dropped")
    return found


async def measure(ctx: "Context") -> bool:
    """Counts those that wait, for the metrics; there is never more to do."""
    rows = await ctx.db.fetch("SELECT topic, count(*) FROM dead_letter WHERE state = 'waiting' GROUP BY topic")
    waiting = dict.fromkeys(ctx.service.topics, 0) | {row[0]: row[1] for row in rows}
    for topic, number in waiting.items():
        telemetry.LETTERS_WAITING.labels(topic).set(number)
    return False


async def tidy(ctx: "Context") -> bool:
    """Deletes letters whose records Kafka keeps no more, and those done with for `DONE_DAYS`; True if more may be."""
    now_ms = int(time.time() * 1000)
    deleted = 0
    for topic in TOPICS.values():
        if topic.retention_days is not None:
            deleted += await _delete(
                ctx, "topic = $1 AND arrived_ms <= $2", topic.name, now_ms - topic.retention_days * DAY_MS
            )
    deleted += await _delete(ctx, "state <> 'waiting' AND last_us <= $1", ctx.clock.us() - DONE_DAYS * DAY_MS * 1000)
    return deleted >= AT_ONCE


async def _delete(ctx: "Context", which: str, *args: object) -> int:
    """The letters are taken one after the other with whoever replays or drops them."""
    rows = await ctx.db.fetch(
        f"""
        DELETE FROM dead_letter WHERE (shop_id, letter_id) IN (
            SELECT shop_id, letter_id FROM dead_letter WHERE {which} LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED
        )
        RETURNING letter_id
        """,
        *args,
    )
    return len(rows)
