"""The calls of loyalty-svc: the programme, and its members."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from huitou_chassis import Caller, Model, NotFound, Page, Paged, Router, ShopId, Text, Transaction
from huitou_events import Id, moment
from loyalty_svc import members, programmes
from loyalty_svc.members import Member
from loyalty_svc.programmes import Programme
from loyalty_svc.standing import Step
from loyalty_svc.tiers import Version

router = Router()


class ProgrammeOut(Programme):
    """A programme with the number of its version and the moment from which it judges."""

    version: int
    in_force_from: datetime


@router.get("/programme", tags=["programme"], response_model_exclude_none=True)
async def get_programme(shop: ShopId, tx: Transaction) -> ProgrammeOut:
    """The programme in force; 404 where the shop has none."""
    current = await programmes.current(tx, shop)
    if current is None:
        raise NotFound("the shop has no programme; PUT /programme makes one")
    return _programme(*current)


@router.put("/programme", tags=["programme"], response_model_exclude_none=True)
async def put_programme(body: Programme, shop: ShopId, tx: Transaction) -> ProgrammeOut:
    """Puts a programme in force: the first from 2010 on, a later one from now, for trades that happen from now on."""
    body.check()
    return _programme(body, await programmes.change(tx, shop, body))


class TierOut(BaseModel):
    key: str
    name: str
    discount: float


class MemberOut(BaseModel):
    """A member; amount in the minor unit, completed trades less their refunds."""

    customer_id: str
    tier: TierOut
    amount: int
    trades: int
    points: int
    joined_at: datetime


class MemberIn(Model):
    customer_id: Id


@router.post("/members", status_code=201, tags=["members"])
async def join(body: MemberIn, shop: ShopId, tx: Transaction, caller: Caller) -> MemberOut:
    """Makes a member of a customer, at once in the tier that all their trades reach."""
    return _member(await members.join(tx, shop, body.customer_id, who=caller.key_id))


@router.get("/members", tags=["members"])
async def list_members(
    shop: ShopId, tx: Transaction, page: Page, tier: Annotated[Id | None, Query()] = None
) -> Paged[MemberOut]:
    """The members by customer id, of one tier if it is named."""
    (after,) = page.key(str) or [""]
    found = await members.page(tx, shop, tier=tier, after=after, limit=page.limit + 1)
    return page.answer(found, key=lambda member: [member.customer_id], item=_member)


class StepOut(BaseModel):
    """A joining (`before` is null) or a change of tier; `who` is the key that did it by hand, null for the rule."""

    at: datetime
    before: str | None
    after: str
    reason: str
    trade_id: str | None
    version: int
    who: str | None


@router.get("/members/{customer_id:path}/history", tags=["members"])
async def get_history(customer_id: Id, shop: ShopId, tx: Transaction) -> Paged[StepOut]:
    """How the member came to the tier, from joining on; always one page."""
    steps = await members.history(tx, shop, customer_id)
    return Paged[StepOut](items=[_step(step) for step in steps], next_cursor=None)


class TierIn(Model):
    """A tier of the programme, and why it is given."""

    tier: Id
    reason: Text


@router.put("/members/{customer_id:path}/tier", tags=["members"])
async def put_tier(body: TierIn, customer_id: Id, shop: ShopId, tx: Transaction, caller: Caller) -> MemberOut:
    """Gives a tier by hand; a customer who is no member becomes one. The rule only ever raises it from there."""
    given = await members.give_tier(tx, shop, customer_id, tier=body.tier, reason=body.reason, who=caller.key_id)
    return _member(given)


@router.get("/members/{customer_id:path}", tags=["members"])
async def get_member(customer_id: Id, shop: ShopId, tx: Transaction) -> MemberOut:
    """One member; 404 for a customer who is none."""
    return _member(await members.get(tx, shop, customer_id))


def _programme(programme: Programme, version: Version) -> ProgrammeOut:
    return ProgrammeOut(**programme.model_dump(), version=version.number, in_force_from=moment(version.since_us))


def _member(member: Member) -> MemberOut:
    tier = TierOut(key=member.tier.key, name=member.tier.name, discount=member.tier.discount)
    return MemberOut(
        customer_id=member.customer_id,
        tier=tier,
        amount=member.amount,
        trades=member.trades,
        points=0,
        joined_at=moment(member.joined_us),
    )


def _step(step: Step) -> StepOut:
    return StepOut(
        at=moment(step.us),
        before=step.before,
        after=step.after,
        reason=step.reason,
        trade_id=step.trade_id,
        version=step.version,
        who=step.who,
    )
