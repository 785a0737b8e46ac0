"""Tags are put on and taken off by call; audiences that read them follow in the same transaction."""

from collections.abc import Sequence
from dataclasses import replace

from huitou_chassis import NotFound, Tx
from segment_svc import customers, histories, roster, walks
from segment_svc.walks import Cause, Walk


async def put(tx: Tx, shop: str, tag: str, ids: Sequence[str]) -> int:
    """Puts the tag on the customers, who exist from now on if they did not; returns how many did not have it."""
    return await _change(tx, shop, tag, ids, present=True)


async def take(tx: Tx, shop: str, tag: str, customer: str) -> None:
    """Takes the tag off the customer; NotFound if it is not there."""
    if not await _change(tx, shop, tag, [customer], present=False):
        raise NotFound(f"no tag {tag!r} on customer {customer!r}")


async def _change(tx: Tx, shop: str, tag: str, ids: Sequence[str], *, present: bool) -> int:
    there = (await roster.hold(tx, [shop]))[shop]
    locked = await customers.lock(tx, [(shop, id) for id in ids], add=present)
    await histories.fill(tx, locked.values())
    changed = [customer for customer in locked.values() if (tag in customer.person.tags) is not present]
    if not changed:
        return 0
    now = tx.clock.us()
    if present:
        statement = "INSERT INTO tag (shop_id, customer_id, tag, at) SELECT $1, id, $3, $4 FROM unnest($2::text[]) id"
        await tx.execute(statement, shop, [customer.id for customer in changed], tag, now)
    else:
        statement = "DELETE FROM tag WHERE shop_id = $1 AND customer_id = ANY($2::text[]) AND tag = $3"
        await tx.execute(statement, shop, [customer.id for customer in changed], tag)
    touched = there.touched(frozenset({f"#{tag}"}))
    begun = []
    for customer in changed:
        tags = customer.person.tags | {tag} if present else customer.person.tags - {tag}
        customer.person = replace(customer.person, tags=tags)
        customer.born = now if customer.born is None else min(customer.born, now)
        moment = max(now, customer.evaluated or now)
        causes: dict[int, Cause] = {moment: f"{customer.id} as of {customer.version}"}
        begun.append(Walk(customer, there, now, touched, causes))
    await walks.advance(tx, begun)
    return len(changed)
