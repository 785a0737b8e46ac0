"""One batch of records: decode, admit, handle, say, commit; and what to do when that fails.

    decode        what cannot be understood becomes a dead letter; what another service replays is passed over
    inbox         what was taken before is dropped; one name with two contents becomes a dead letter
    handlers      runs of events that share a handler, in order
    outbox        what was said and the dead letters, in the same transaction

A batch that fails for a reason of the database's is tried again whole. One that fails for any other reason is halved
until the event that cannot be handled is alone: refused, it becomes a dead letter; else the process stops at it.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any, TypeAlias

import asyncpg
import structlog
from opentelemetry.trace import SpanKind

from huitou_chassis import fencing, inbox, telemetry, tracing
from huitou_chassis.errors import Reject
from huitou_chassis.fencing import Epochs, Fenced
from huitou_chassis.record import Record
from huitou_chassis.refusals import Refusal, is_for, keep
from huitou_chassis.service import Context
from huitou_events import Event, Undecodable, decode

AHEAD_US = 400 * 86_400 * 1_000_000
ATTEMPTS = 5
LONGEST_PAUSE = 0.5
NO_EPOCHS: Epochs = {}
TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)

log = structlog.get_logger()


Taken: TypeAlias = list[tuple[Record, Event[Any]]]
"""Records with the events that they hold."""


async def process(ctx: Context, records: Sequence[Record], epochs: Epochs = NO_EPOCHS) -> None:
    """Takes the records for good; returns when that is committed. Raises only what cannot be helped by trying again.

    Fenced if one of the partitions in `epochs` has been given to another worker: then nothing was written.
    """
    events, refusals = _understood(ctx, records)
    causes = (event.trace for _, event in events)
    with tracing.linked(f"{ctx.service.name} batch", causes, kind=SpanKind.CONSUMER):
        await _attempt(ctx, events, refusals, epochs)


async def _attempt(ctx: Context, events: Taken, refusals: list[Refusal], epochs: Epochs) -> None:
    failed = 0
    while True:
        try:
            return await _take(ctx, events, refusals, epochs)
        except Fenced:
            raise
        except TRANSIENT as error:
            log.warning("batch is tried again", error=type(error).__name__, records=len(events))
            await asyncio.sleep(min(LONGEST_PAUSE, 0.05 * 2 ** min(failed, 6)))
            failed += 1
        except Exception as error:
            if len(events) > 1:
                half = len(events) // 2
                await _attempt(ctx, events[:half], refusals, epochs)
                return await _attempt(ctx, events[half:], [], epochs)
            refused = _refusal(events, error)
            if refused is None:
                failed += 1
                if failed >= ATTEMPTS:
                    raise
                await asyncio.sleep(0.1 * 2**failed)
            else:
                events, refusals = [], [*refusals, refused]


def _refusal(events: Taken, error: Exception) -> Refusal | None:
    if not events:
        return None
    record = events[0][0]
    if isinstance(error, Reject):
        return Refusal(record, error.reason, error.detail)
    if isinstance(error, asyncpg.DataError):
        return Refusal(record, "cannot-be-stored", f"PostgreSQL refused a value ({type(error).__name__})")
    return None


def _understood(ctx: Context, records: Sequence[Record]) -> tuple[Taken, list[Refusal]]:
    events: Taken = []
    refusals: list[Refusal] = []
    latest = ctx.clock.us() + AHEAD_US
    handlers = ctx.service.handlers
    for record in records:
        if not is_for(record, ctx.service.name):
            continue
        try:
            event = decode(record.topic, record.key, record.value, record.headers)
        except Undecodable as error:
            refusals.append(Refusal(record, error.reason, error.detail))
            continue
        if event.us > latest:
            refusals.append(Refusal(record, "too-far-ahead", "time: more than 400 days ahead of the clock"))
        elif type(event.data) in handlers:
            events.append((record, event))
    return events, refusals


async def _take(ctx: Context, events: Taken, refusals: list[Refusal], epochs: Epochs) -> None:
    if not events and not refusals:
        return
    async with ctx.db.transaction() as tx:
        if epochs:
            await fencing.check(tx, epochs)
        new, conflicts = await inbox.admit(tx, [event for _, event in events])
        handlers = ctx.service.handlers
        for handler, run in groupby(new, key=lambda event: handlers[type(event.data)]):
            await handler(list(run), tx)
        records = {id(event): record for record, event in events}
        refused = [Refusal(records[id(event)], reason, detail) for event, reason, detail in tx.rejected]
        refused += [
            Refusal(records[id(event)], "id-conflict", "shop, source and id name an event of another content")
            for event in conflicts
        ]
        if tx.rejected:
            await inbox.forget(tx, [inbox.name_of(event) for event, _, _ in tx.rejected])
        dead = await keep(tx, [*refusals, *refused])
        await tx.flush()
        ctx.failpoints.reach("before-commit")
    ctx.failpoints.reach("after-commit")
    for letter in dead:
        telemetry.DEAD_LETTERS.labels(letter.record.topic, letter.reason).inc()
        log.warning("dead letter", topic=letter.record.topic, reason=letter.reason, offset=letter.record.offset)
