"""Tags are put on and taken off by call and by file; audiences that read them follow in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from huitou_chassis import NotFound, Tx
from segment_svc import customer_table, customers, histories, roster, rules, tag_definitions, walks
from segment_svc.customers import Customer
from segment_svc.roster import Roster
from segment_svc.walks import Cause, Walk

How: TypeAlias = Literal["hand", "bulk", "file", "rule"]


@dataclass(frozen=True)
class Put:
    """A tag on a customer: since when (microseconds), by whose key and how; None where nobody wrote it down, or has."""

    customer: str
    tag: str
    at: int
    by: str | None
    how: How | None


async def put(tx: Tx, shop: str, tag: str, ids: Sequence[str], *, by: str, how: How, asked: int | None = None) -> int:
    """Puts the tag on the customers, who exist from now on if they did not; returns how many did not have it.

    Who was erased since `asked` (microseconds) is left out.
    """
    there = (await roster.hold(tx, [shop]))[shop]
    await tag_definitions.check_open(tx, there, tag)
    locked = await _locked(tx, shop, ids, add=True)
    wanted = [one for one in locked if asked is None or one.erased is None or one.erased < asked]
    changed = [customer for customer in wanted if tag not in customer.person.tags]
    if changed:
        await tx.execute(
            """
            INSERT INTO tag (shop_id, customer_id, tag, at, put_by, how)
            SELECT $1, id, $3, $4, $5, $6 FROM unnest($2::text[]) AS id
            """,
            shop,
            [customer.id for customer in changed],
            tag,
            tx.clock.us(),
            by,
            how,
        )
    await _follow(tx, there, tag, changed, present=True)
    return len(changed)


async def take(tx: Tx, shop: str, tag: str, customer: str) -> None:
    """Takes the tag off the customer; NotFound if it is not there."""
    if not await take_many(tx, shop, tag, [customer]):
        raise NotFound(f"no tag {tag!r} on customer {customer!r}")


async def take_many(tx: Tx, shop: str, tag: str, ids: Sequence[str]) -> int:
    """Takes the tag off those of the customers who have it; returns how many these were."""
    there = (await roster.hold(tx, [shop]))[shop]
    await tag_definitions.check_open(tx, there, tag)
    return await take_off(tx, shop, tag, ids)


async def take_off(tx: Tx, shop: str, tag: str, ids: Sequence[str]) -> int:
    """The same for a tag that is ending, too."""
    there = (await roster.hold(tx, [shop]))[shop]
    locked = await _locked(tx, shop, ids, add=False)
    changed = [customer for customer in locked if tag in customer.person.tags]
    if changed:
        await tx.execute(
            "DELETE FROM tag WHERE shop_id = $1 AND customer_id = ANY($2::text[]) AND tag = $3",
            shop,
            [customer.id for customer in changed],
            tag,
        )
    await _follow(tx, there, tag, changed, present=False)
    return len(changed)


async def of_customer(tx: Tx, shop: str, customer: str) -> list[Put]:
    """The customer's tags, in their order."""
    rows = await tx.fetch(
        """
        SELECT customer_id, tag, at, put_by, how FROM tag WHERE shop_id = $1 AND customer_id = $2
        UNION ALL
        SELECT m.customer_id, a.name, m.since_us, NULL, 'rule'
        FROM member AS m JOIN audience AS a USING (shop_id, audience_id)
        WHERE m.shop_id = $1 AND m.customer_id = $2 AND m.audience_id LIKE '#%' AND a.state <> 'ending'
        ORDER BY tag
        """,
        shop,
        customer,
    )
    return [Put(*row) for row in rows]


async def listed(tx: Tx, shop: str, tag: str, *, after: str, limit: int) -> list[Put]:
    """Who has the tag, in the order of their ids, from the one after `after`."""
    there = (await roster.read(tx, [shop]))[shop]
    audience = rules.kept(tag)
    if audience in there.rules:
        rows = await tx.fetch(
            """
            SELECT customer_id, since_us FROM member
            WHERE shop_id = $1 AND audience_id = $2 AND customer_id > $3
            ORDER BY customer_id
            LIMIT $4
            """,
            shop,
            audience,
            after,
            limit,
        )
        return [Put(row[0], tag, row[1], None, "rule") for row in rows]
    return await by_hand(tx, shop, tag, after=after, limit=limit)


async def by_hand(tx: Tx, shop: str, tag: str, *, after: str, limit: int) -> list[Put]:
    """The same of a tag that no rule keeps."""
    rows = await tx.fetch(
        """
        SELECT customer_id, tag, at, put_by, how FROM tag
        WHERE shop_id = $1 AND tag = $2 AND customer_id > $3
        ORDER BY customer_id
        LIMIT $4
        """,
        shop,
        tag,
        after,
        limit,
    )
    return [Put(*row) for row in rows]


async def _locked(tx: Tx, shop: str, ids: Sequence[str], *, add: bool) -> list[Customer]:
    locked = list((await customers.lock(tx, [(shop, id) for id in ids], add=add)).values())
    await histories.fill(tx, locked)
    return locked


async def _follow(tx: Tx, there: Roster, tag: str, changed: Sequence[Customer], *, present: bool) -> None:
    """The customers with the tag on or off: the audiences that read it, and the tag's count."""
    if not changed:
        return
    now = tx.clock.us()
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
    await customer_table.changed(tx, [customer.key for customer in changed])
    tag_definitions.count(tx, there.shop, tag, len(changed) if present else -len(changed))
