"""Members as an operator sees them and makes them: who is one, since when, in which tier and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from huitou_chassis import Conflict, Invalid, NotFound, Tx
from huitou_events.event import new_id
from loyalty_svc import customers, membership, programmes
from loyalty_svc.models import CUSTOMER
from loyalty_svc.standing import GIVEN, REQUESTED, Fact, Step
from loyalty_svc.tiers import Tier, Version, described

BY_HAND = "urn:huitou:loyalty"
_COLUMNS = select(
    CUSTOMER.c.customer_id, CUSTOMER.c.tier, CUSTOMER.c.amount, CUSTOMER.c.trades, CUSTOMER.c.joined_us
).where(CUSTOMER.c.tier.is_not(None))


@dataclass(frozen=True, slots=True)
class Member:
    """A customer in a tier; amount (minor unit) and trades are the completed ones less refunds."""

    customer_id: str
    tier: Tier
    amount: int
    trades: int
    joined_us: int


async def page(tx: Tx, shop: str, *, tier: str | None, after: str, limit: int) -> list[Member]:
    """Up to `limit` members in the order of their ids, of one tier if it is given."""
    query = _COLUMNS.where(CUSTOMER.c.shop_id == shop, CUSTOMER.c.customer_id > after)
    if tier is not None:
        query = query.where(CUSTOMER.c.tier == tier)
    rows = await tx.fetch(query.order_by(CUSTOMER.c.customer_id).limit(limit))
    versions = (await programmes.read(tx, [shop]))[shop]
    return [_member(*row, versions=versions) for row in rows]


async def get(tx: Tx, shop: str, customer: str) -> Member:
    """The member; NotFound for anybody else."""
    row = await tx.fetchrow(_COLUMNS.where(CUSTOMER.c.shop_id == shop, CUSTOMER.c.customer_id == customer))
    if row is None:
        raise NotFound(f"no member {customer!r}; GET /members lists them")
    return _member(*row, versions=(await programmes.read(tx, [shop]))[shop])


async def history(tx: Tx, shop: str, customer: str) -> Sequence[Step]:
    """How the member got here, from joining on; NotFound for anybody else."""
    await get(tx, shop, customer)
    kept = await tx.fetchval(
        "SELECT history::text FROM customer WHERE shop_id = $1 AND customer_id = $2", shop, customer
    )
    return membership.read(kept)


async def join(tx: Tx, shop: str, customer: str, *, who: str) -> Member:
    """Makes a member of the customer now, in the tier that all their trades reach; Conflict if they are one."""
    versions = (await programmes.hold(tx, [shop]))[shop]
    _check_programme(versions)
    joined = Fact(REQUESTED, tx.us, BY_HAND, new_id(), who=who, reason="request")
    row = (await customers.lock(tx, [(shop, customer)]))[shop, customer]
    if row.standing.tier is not None:
        raise Conflict("already-member", f"{customer!r} is a member; PUT /members/{customer}/tier changes the tier")
    await membership.settle(tx, {(shop, customer): [joined]})
    return await get(tx, shop, customer)


async def give_tier(tx: Tx, shop: str, customer: str, *, tier: str, reason: str, who: str) -> Member:
    """Puts the customer into a tier now, making them a member if they are none; kept with who did it and why."""
    versions = (await programmes.hold(tx, [shop]))[shop]
    _check_programme(versions)
    keys = [known.key for known in versions[-1].tiers]
    if tier not in keys:
        raise Invalid(field="tier", detail=f"no tier {tier!r} in the programme, which has {', '.join(keys)}")
    given = Fact(GIVEN, tx.us, BY_HAND, new_id(), tier=tier, who=who, reason=reason)
    await membership.settle(tx, {(shop, customer): [given]})
    return await get(tx, shop, customer)


def _check_programme(versions: Sequence[Version]) -> None:
    if not versions:
        raise Conflict("no-programme", "the shop has no programme; PUT /programme makes one")


def _member(
    customer: str, tier: str, amount: Decimal, trades: int, joined_us: int, *, versions: Sequence[Version]
) -> Member:
    return Member(customer, described(tier, versions), int(amount), trades, joined_us)
