"""GET /dead-letters: what this service could not take of the shop, or of no shop that can be told; replay and drop."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query, Request, Response
from pydantic import Field

from huitou_chassis import letter_records, letters, masking
from huitou_chassis.db import Tx
from huitou_chassis.errors import Conflict, Gone, Invalid
from huitou_chassis.letters import Letter, State
from huitou_chassis.model import Model, Text
from huitou_chassis.paging import LONGEST_CURSOR, MOST, USUAL, Page, Paged, PageRequest
from huitou_chassis.record import Record
from huitou_chassis.routing import Administrator, Ctx, Owner, Router, Transaction, note, once
from huitou_chassis.service import Context
from huitou_chassis.topics import RECORD_BYTES, ROOM
from huitou_events import moment

router = Router(tags=["dead letters"])

LetterId = Annotated[str, Path(alias="letter", max_length=200, description="As GET /dead-letters lists it")]
Filter = Annotated[str | None, Query(min_length=1, max_length=200)]


class LetterOut(Model):
    """A dead letter: where its record lies, why it was refused, how often, and what became of it."""

    id: str
    topic: str
    partition: int
    offset: int
    arrived_at: datetime
    reason: str
    detail: str
    first_at: datetime
    last_at: datetime
    times: int
    replays: int
    state: State
    dropped_because: str | None

    @classmethod
    def of(cls, letter: Letter) -> "LetterOut":
        return cls(
            id=letter.id,
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            arrived_at=datetime.fromtimestamp(letter.arrived_ms / 1000, UTC),
            reason=letter.reason,
            detail=letter.detail,
            first_at=moment(letter.first_us),
            last_at=moment(letter.last_us),
            times=letter.times,
            replays=letter.replays,
            state=letter.state,
            dropped_because=letter.dropped_because,
        )


class ReasonOut(Model):
    """How many letters of a topic have a reason, with the first and the last time."""

    topic: str
    reason: str
    letters: int
    first_at: datetime
    last_at: datetime


class HeaderOut(Model):
    name: str
    value: str


class ShownOut(Model):
    """The record as text; `base64` is the value as it is, where it was asked for."""

    letter: LetterOut
    key: str | None
    value: str | None
    headers: list[HeaderOut]
    base64: str | None = None


class BecauseIn(Model):
    """Why; kept in the audit log."""

    reason: Text


class ReplayIn(Model):
    """Which of those that wait: of a topic, of a reason, or of both; `limit` of them after `cursor`."""

    topic: Text | None = None
    reason: Text | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=MOST)] = USUAL
    cursor: Annotated[str, Field(max_length=LONGEST_CURSOR)] | None = None


class ReplayedOut(Model):
    """Records that were put on their topics, that are gone, and that are too large to be put there again."""

    replayed: int
    gone: int
    too_large: int
    next_cursor: str | None


@router.get("/dead-letters")
async def listed(
    shop: Owner,
    page: Page,
    tx: Transaction,
    topic: Filter = None,
    reason: Filter = None,
    state: State | None = None,
) -> Paged[LetterOut]:
    """In the order of their first refusal."""
    after = page.key(int, str) or [0, ""]
    rows = await letters.page(tx, shop, after=after, limit=page.limit + 1, topic=topic, reason=reason, state=state)
    return page.answer(rows, key=_key, item=LetterOut.of)


@router.get("/dead-letters/reasons")
async def by_reason(shop: Owner, page: Page, tx: Transaction, state: State | None = None) -> Paged[ReasonOut]:
    after = page.key(str, str) or ["", ""]
    rows = await letters.reasons(tx, shop, after=after, limit=page.limit + 1, state=state)
    return page.answer(
        rows,
        key=lambda row: [row["topic"], row["reason"]],
        item=lambda row: ReasonOut(
            topic=row["topic"],
            reason=row["reason"],
            letters=row["letters"],
            first_at=moment(row["first_us"]),
            last_at=moment(row["last_us"]),
        ),
    )


@router.get("/dead-letters/{letter}")
async def show(letter: LetterId, shop: Owner, ctx: Ctx, _: Administrator) -> ShownOut:
    """The record, with phone numbers and what else is personal masked; 410 when Kafka keeps it no longer."""
    found, record = await _with_record(ctx, shop, letter)
    return ShownOut(
        letter=LetterOut.of(found),
        key=None if record.key is None else masking.masked(record.key),
        value=None if record.value is None else masking.masked(record.value),
        headers=[HeaderOut(name=name, value=masking.masked(value or b"")) for name, value in record.headers],
    )


@router.post("/dead-letters/{letter}/reveal")
async def reveal(
    letter: LetterId, body: BecauseIn, shop: Owner, ctx: Ctx, request: Request, _: Administrator
) -> ShownOut:
    """The record as it is; who asked and why stays in the audit log."""
    found, record = await _with_record(ctx, shop, letter)
    async with ctx.db.transaction(shop=shop) as tx:
        await note(request, tx, 200)
    return ShownOut(
        letter=LetterOut.of(found),
        key=None if record.key is None else masking.text(record.key),
        value=None if record.value is None else masking.text(record.value),
        headers=[HeaderOut(name=name, value=masking.text(value or b"")) for name, value in record.headers],
        base64=None if record.value is None else b64encode(record.value).decode(),
    )


@router.post("/dead-letters/{letter}/replay", response_model=LetterOut)
async def replay(letter: LetterId, shop: Owner, ctx: Ctx, request: Request, _: Administrator) -> Response:
    """Puts the record on its topic again, for this service; nothing happens to one that was replayed and not refused
    since. 410 when Kafka keeps it no longer."""
    async with ctx.db.transaction(shop=shop) as tx:
        found = await letters.get(tx, shop, letter)
    if found.state == "dropped":
        raise Conflict("not-waiting", f"{letter} was dropped: {found.dropped_because}")
    records = await letter_records.read(ctx.settings, [found]) if found.state == "waiting" else {}

    async def work(tx: Tx) -> Response:
        if found.state == "waiting":
            record = _there(found, records)
            if _is_too_large(record):
                raise Conflict("too-large", f"the record has over {RECORD_BYTES - ROOM} bytes; publish a smaller one")
            await letters.replay(tx, shop, {letter: record})
        return _answered(LetterOut.of(await letters.get(tx, shop, letter)))

    return await once(request, work)


@router.post("/dead-letters/replay", response_model=ReplayedOut)
async def replay_many(body: ReplayIn, shop: Owner, ctx: Ctx, request: Request, _: Administrator) -> Response:
    """Puts the records of a page of letters on their topics again, for this service."""
    if body.topic is None and body.reason is None:
        raise Invalid(field="reason", detail="name a reason or a topic, or both")
    page = PageRequest(body.cursor, body.limit)
    after = page.key(int, str) or [0, ""]
    async with ctx.db.transaction(shop=shop) as tx:
        rows = await letters.page(
            tx, shop, after=after, limit=page.limit + 1, topic=body.topic, reason=body.reason, state="waiting"
        )
    answer = page.answer(rows, key=_key, item=lambda letter: letter)
    records = await letter_records.read(ctx.settings, answer.items)
    fitting = {letter: record for letter, record in records.items() if not _is_too_large(record)}

    async def work(tx: Tx) -> Response:
        return _answered(
            ReplayedOut(
                replayed=len(await letters.replay(tx, shop, fitting)),
                gone=len(answer.items) - len(records),
                too_large=len(records) - len(fitting),
                next_cursor=answer.next_cursor,
            )
        )

    return await once(request, work)


@router.post("/dead-letters/{letter}/drop")
async def drop(letter: LetterId, body: BecauseIn, shop: Owner, tx: Transaction, _: Administrator) -> LetterOut:
    """Nobody wants it any more; it stays in the list with the reason."""
    return LetterOut.of(await letters.drop(tx, shop, letter, body.reason))


def _key(letter: Letter) -> list[int | str]:
    return [letter.first_us, letter.id]


async def _with_record(ctx: Context, shop: str, letter: str) -> tuple[Letter, Record]:
    async with ctx.db.transaction(shop=shop) as tx:
        found = await letters.get(tx, shop, letter)
    return found, _there(found, await letter_records.read(ctx.settings, [found]))


def _there(letter: Letter, records: dict[str, Record]) -> Record:
    if letter.id not in records:
        raise Gone(
            f"{letter.topic} keeps the record of {letter.id} no longer (it came at "
            f"{datetime.fromtimestamp(letter.arrived_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC); publish the event again, "
            "or drop the letter"
        )
    return records[letter.id]


def _is_too_large(record: Record) -> bool:
    return record.size > RECORD_BYTES - ROOM


def _answered(body: Model) -> Response:
    return Response(body.model_dump_json(), media_type="application/json")
