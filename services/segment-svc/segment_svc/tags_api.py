"""Calls on tags: what there is, who has them, and putting them on many customers."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import Field, StringConstraints

from huitou_chassis import (
    Caller,
    LongText,
    Model,
    Page,
    Paged,
    Router,
    ShopId,
    Text,
    Transaction,
    Tx,
    once,
    takes_file,
)
from huitou_events import Id, moment
from segment_svc import groups, tag_definitions, tag_files, tag_jobs, tags
from segment_svc.tag_definitions import Definition
from segment_svc.tag_jobs import State, TagJob
from segment_svc.tags import How, Put

MOST_AT_ONCE = 10_000
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = Router(tags=["tags"])


class TaggedIn(Model):
    customers: Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)]


class TaggedOut(Model):
    """How many customers have the tag now that did not have it before."""

    tagged: int


@router.post("/tags/{tag:path}/customers")
async def put_on_many(tag: Text, body: TaggedIn, shop: ShopId, tx: Transaction, caller: Caller) -> TaggedOut:
    return TaggedOut(tagged=await tags.put(tx, shop, tag, body.customers, by=caller.name, how="bulk"))


class RemovedOut(Model):
    """How many customers had the tag and have it no more."""

    removed: int


@router.post("/tags/{tag:path}/removals")
async def take_off_many(tag: Text, body: TaggedIn, shop: ShopId, tx: Transaction) -> RemovedOut:
    """Takes the tag off these customers; who does not have it is left alone."""
    await tag_definitions.get(tx, shop, tag)
    return RemovedOut(removed=await tags.take_many(tx, shop, tag, body.customers))


class BadLineOut(Model):
    line: int
    reason: str


class TagJobOut(Model):
    """A file that is worked off: `done` of `total` customers so far, of whom `tagged` (with `remove`: `removed`) had
    it otherwise before; `bad_lines` are the first 100 of the `bad` of `lines`. A tag that ends stops its files."""

    id: str
    tag: str
    state: State
    created_at: datetime
    lines: int
    total: int
    done: int
    tagged: int
    removed: int
    bad: int
    bad_lines: list[BadLineOut]


def _job(found: TagJob) -> TagJobOut:
    return TagJobOut(
        id=found.id,
        tag=found.tag,
        state=found.state,
        created_at=moment(found.created),
        lines=found.lines,
        total=found.total,
        done=found.done,
        tagged=found.changed if found.present else 0,
        removed=0 if found.present else found.changed,
        bad=found.bad,
        bad_lines=[BadLineOut(line=line, reason=reason) for line, reason in found.bad_lines],
    )


@router.post(
    "/tags/{tag:path}/file",
    status_code=202,
    response_model=TagJobOut,
    openapi_extra=takes_file("text/csv", SHEET),
)
async def put_on_file(tag: Text, shop: ShopId, caller: Caller, request: Request, remove: bool = False) -> Response:
    """Puts the tag on, or takes it off, the customers that a file names: CSV in UTF-8 or GB 18030, or XLSX, of up to
    1,000,000 lines, in its column `customer_id` or else its first. The job that the answer names does it."""
    found = await asyncio.to_thread(tag_files.read, await request.body())

    async def work(tx: Tx) -> Response:
        job = await tag_jobs.create(tx, shop, tag, found, present=not remove, by=caller.name)
        return Response(_job(job).model_dump_json(), 202, media_type="application/json")

    return await once(request, work)


@router.get("/tag-jobs/{job}")
async def get_job(job: Id, shop: ShopId, tx: Transaction) -> TagJobOut:
    return _job(await tag_jobs.get(tx, shop, job))


class PutOut(Model):
    """A customer with the tag: since when, by whose key (null: by a rule, or not written down), and how."""

    customer_id: str
    at: datetime
    by: str | None
    how: How | None


def _put(found: Put) -> PutOut:
    return PutOut(customer_id=found.customer, at=moment(found.at), by=found.by, how=found.how)


@router.get("/tags/{tag:path}/customers")
async def list_customers(tag: Text, shop: ShopId, page: Page, tx: Transaction) -> Paged[PutOut]:
    await tag_definitions.get(tx, shop, tag)
    (after,) = page.key(str) or [""]
    rows = await tags.listed(tx, shop, tag, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: [row.customer], item=_put)


class TagIn(Model):
    """What is left out is empty from now on; with a rule the tag is on those for whom it holds, at every moment."""

    description: LongText | None = None
    colour: Annotated[str, StringConstraints(pattern="^#[0-9a-fA-F]{6}$")] | None = None
    rule: dict[str, Any] | None = None


class TagOut(Model):
    """`customers` counts who has it; while a tag with a rule is `building` there may be more. One that is `ending` is
    being taken off everybody."""

    tag: str
    description: str | None
    colour: str | None
    created_at: datetime
    rule: dict[str, Any] | None
    customers: int
    state: Literal["live", "building", "ending"]


def _tag(found: Definition) -> TagOut:
    return TagOut(
        tag=found.tag,
        description=found.description,
        colour=found.colour,
        created_at=moment(found.created),
        rule=None if found.rule is None else dict(found.rule),
        customers=found.customers,
        state="ending" if found.ending else "building" if found.building else "live",
    )


@router.get("/tags")
async def listed(shop: ShopId, page: Page, tx: Transaction) -> Paged[TagOut]:
    (after,) = page.key(str) or [""]
    rows = await tag_definitions.listed(tx, shop, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: [row.tag], item=_tag)


@router.get("/tags/{tag:path}")
async def get(tag: Text, shop: ShopId, tx: Transaction) -> TagOut:
    return _tag(await tag_definitions.get(tx, shop, tag))


@router.put("/tags/{tag:path}")
async def define(tag: Text, body: TagIn, shop: ShopId, tx: Transaction) -> TagOut:
    found = await tag_definitions.define(
        tx, shop, tag, description=body.description, colour=body.colour, rule=body.rule
    )
    return _tag(found)


@router.delete("/tags/{tag:path}", status_code=204)
async def end(tag: Text, shop: ShopId, tx: Transaction) -> None:
    """The tag is taken off everybody and is no more; 409 while the rule of an audience reads it."""
    await tag_definitions.end(tx, shop, tag)


class GroupIn(Model):
    """More customers come to it, and go, by its tag."""

    name: Text
    customers: Annotated[list[Id], Field(max_length=MOST_AT_ONCE)] = Field(default_factory=list)


class GroupOut(Model):
    """The group's audience, which reads the group's tag."""

    audience_id: str
    tag: str


@router.post("/groups", status_code=201)
async def create_group(body: GroupIn, shop: ShopId, tx: Transaction, caller: Caller) -> GroupOut:
    """A group by hand: these customers have the tag of its name from now on, and its audience is of who has it."""
    made = await groups.create(tx, shop, name=body.name, ids=body.customers, by=caller.name)
    return GroupOut(audience_id=made.id, tag=body.name)
