"""Calls on audiences: made, changed, tried out, and who is in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query

from huitou_chassis import UNCHANGING, Model, Page, Paged, Router, ShopId, Text, Time, Transaction
from huitou_events import Id, micros, moment
from segment_svc import audiences, members, moves, previews, roster, rules, sentences
from segment_svc.audiences import Audience
from segment_svc.members import Member
from segment_svc.moves import Stay
from segment_svc.sentences import Sentence

router = Router(tags=["audiences"])


class AudienceIn(Model):
    name: Text
    rule: dict[str, Any]


class AudienceChange(Model):
    """What is left out stays as it is."""

    name: Text | None = None
    rule: dict[str, Any] | None = None


class SentenceOut(Model):
    """A rule as one sentence."""

    zh: str
    en: str


class AudienceOut(Model):
    """`size` counts the members now. The state `building` says that members are being found: of a new audience those
    found so far are there; of one with another rule, or in a shop with another time zone, those by the rule and the
    zone's days that still hold, `rule_in_force` and `timezone_in_force`."""

    id: str
    name: str
    rule: dict[str, Any]
    rule_in_force: dict[str, Any]
    timezone_in_force: str
    sentence: SentenceOut
    state: Literal["building", "live"]
    recommended: bool
    size: int
    created_at: datetime


async def _audience(tx: Transaction, shop: ShopId, found: Audience) -> AudienceOut:
    (spoken,) = await _spoken(tx, shop, [found])
    return _shown(found, spoken)


async def _spoken(tx: Transaction, shop: ShopId, found: Sequence[Audience]) -> list[Sentence]:
    return await sentences.of(tx, shop, [rules.parse(one.rule) for one in found])


def _shown(found: Audience, spoken: Sentence) -> AudienceOut:
    return AudienceOut(
        id=found.id,
        name=found.name,
        rule=dict(found.rule),
        rule_in_force=dict(found.in_force),
        timezone_in_force=found.timezone,
        sentence=sentence_out(spoken),
        state="building" if found.state == "building" else "live",
        recommended=found.recommended,
        size=found.size,
        created_at=moment(found.created),
    )


def sentence_out(spoken: Sentence) -> SentenceOut:
    """As it stands in answers."""
    return SentenceOut(zh=spoken.zh, en=spoken.en)


@router.post("/audiences", status_code=201)
async def create(body: AudienceIn, shop: ShopId, tx: Transaction) -> AudienceOut:
    return await _audience(tx, shop, await audiences.create(tx, shop, name=body.name, rule=body.rule))


@router.get("/audiences")
async def listed(shop: ShopId, page: Page, tx: Transaction) -> Paged[AudienceOut]:
    (after,) = page.key(str) or [""]
    rows = await audiences.listed(tx, shop, after=after, limit=page.limit + 1)
    spoken = dict(zip((row.id for row in rows), await _spoken(tx, shop, rows), strict=True))
    return page.answer(rows, key=lambda row: [row.id], item=lambda row: _shown(row, spoken[row.id]))


@router.get("/audiences/{audience}")
async def get(audience: Id, shop: ShopId, tx: Transaction) -> AudienceOut:
    return await _audience(tx, shop, await audiences.get(tx, shop, audience))


@router.patch("/audiences/{audience}")
async def alter(audience: Id, body: AudienceChange, shop: ShopId, tx: Transaction) -> AudienceOut:
    return await _audience(tx, shop, await audiences.alter(tx, shop, audience, name=body.name, rule=body.rule))


@router.delete("/audiences/{audience}", status_code=204)
async def end(audience: Id, shop: ShopId, tx: Transaction) -> None:
    await audiences.end(tx, shop, audience)


class PreviewIn(Model):
    rule: dict[str, Any]


class PreviewOut(Model):
    """`size` at the moment `at`. In a large shop it is an estimate at first: 19 times out of 20 it is right within
    `error` customers. The exact size is worked out meanwhile, for who asks again within half a minute."""

    size: int
    exact: bool
    error: int | None
    at: datetime
    sample: list[str]
    sentence: SentenceOut


@router.post("/audiences/preview", openapi_extra=UNCHANGING)
async def preview(
    body: PreviewIn,
    shop: ShopId,
    tx: Transaction,
    wait: Annotated[
        float, Query(ge=0, le=previews.LONGEST_WAIT, description="Seconds to wait for the exact size, at most.")
    ] = 0,
) -> PreviewOut:
    there = (await roster.read(tx, [shop]))[shop]
    rule = audiences.compiled(body.rule, there.rules)
    found = await previews.preview(tx, there, rule, wait=wait)
    (spoken,) = await sentences.of(tx, shop, [rule])
    return PreviewOut(
        size=found.size,
        exact=found.error is None,
        error=found.error,
        at=moment(found.at),
        sample=found.sample,
        sentence=sentence_out(spoken),
    )


class MemberOut(Model):
    """`until` is the moment at which membership ends if nothing happens; null if only an event can end it."""

    customer_id: str
    since: datetime
    until: datetime | None


def _member(found: Member | Stay) -> MemberOut:
    return MemberOut(
        customer_id=found.customer,
        since=moment(found.since),
        until=None if found.until is None else moment(found.until),
    )


@router.get("/audiences/{audience}/members")
async def list_members(
    audience: Id, shop: ShopId, page: Page, tx: Transaction, at: Time | None = None
) -> Paged[MemberOut]:
    """With `at`, those who were in it at that moment; `until` is then when they left, null if they never did."""
    await audiences.check(tx, shop, audience)
    (after,) = page.key(str) or [""]
    if at is not None:
        stays = await moves.stays(tx, shop, audience, micros(at), after=after, limit=page.limit + 1)
        return page.answer(stays, key=lambda row: [row.customer], item=_member)
    rows = await members.listed(tx, shop, audience, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: [row.customer], item=_member)


class MembershipOut(Model):
    """`why` is the audience's rule, each node with its value, what was measured, and until when it holds."""

    member: bool
    since: datetime | None
    until: datetime | None
    why: dict[str, object]


@router.get("/audiences/{audience}/members/{customer:path}")
async def get_member(audience: Id, customer: Id, shop: ShopId, tx: Transaction) -> MembershipOut:
    await audiences.check(tx, shop, audience)
    found, why = await members.one(tx, shop, audience, customer)
    if found is None:
        return MembershipOut(member=False, since=None, until=None, why=why)
    shown = _member(found)
    return MembershipOut(member=True, since=shown.since, until=shown.until, why=why)
