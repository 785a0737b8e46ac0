"""A shop's tags as operators see them: what each means and on how many customers it is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Conflict, NotFound, Tx
from segment_svc import audiences, roster, rules
from segment_svc.replacements import COMING
from segment_svc.roster import Roster

DEFINED = f"""
    SELECT d.tag, d.description, d.colour, d.created_us, d.ending, coalesce(c.rule, a.rule),
        a.state = 'building' OR c.audience_id IS NOT NULL AS building,
        CASE WHEN a.audience_id IS NULL THEN d.customers ELSE (
            SELECT coalesce(sum(members), 0)::bigint FROM headcount AS h
            WHERE h.shop_id = a.shop_id AND h.audience_id = a.audience_id
        ) END AS customers
    FROM tag_definition AS d
    LEFT JOIN audience AS a ON a.shop_id = d.shop_id AND a.audience_id = '#' || d.tag AND a.state <> 'ending'
    {COMING}
"""


@dataclass(frozen=True)
class Definition:
    """A tag; `created` in microseconds. One with a rule is on those for whom it holds, as far as they are found while
    it is `building`; one that is `ending` is being taken off everybody."""

    tag: str
    description: str | None
    colour: str | None
    created: int
    ending: bool
    rule: Mapping[str, Any] | None
    building: bool | None
    customers: int


async def listed(tx: Tx, shop: str, *, after: str, limit: int) -> list[Definition]:
    """Tags in their order, from the one after `after`."""
    rows = await tx.fetch(f"{DEFINED} WHERE d.shop_id = $1 AND d.tag > $2 ORDER BY d.tag LIMIT $3", shop, after, limit)
    return [Definition(*row) for row in rows]


async def get(tx: Tx, shop: str, tag: str) -> Definition:
    """The tag; NotFound if it was never put on anybody nor defined."""
    row = await tx.fetchrow(f"{DEFINED} WHERE d.shop_id = $1 AND d.tag = $2", shop, tag)
    if row is None:
        raise NotFound(f"no tag {tag!r}; GET /tags lists them")
    return Definition(*row)


async def exists(tx: Tx, shop: str, tag: str) -> bool:
    """Whether the tag was ever put on anybody or defined."""
    statement = "SELECT EXISTS (SELECT FROM tag_definition WHERE shop_id = $1 AND tag = $2)"
    return bool(await tx.fetchval(statement, shop, tag))


async def define(
    tx: Tx, shop: str, tag: str, *, description: str | None, colour: str | None, rule: Mapping[str, Any] | None
) -> Definition:
    """What the tag means from now on, and by which rule it is kept, if by one.

    Conflict while it is being taken off everybody, for a rule where people have put it on, and for the end of a rule
    while an audience reads the tag; Invalid for a wrong rule.
    """
    there = await roster.alter(tx, shop)
    await _check_not_ending(tx, shop, tag)
    await tx.execute(
        """
        INSERT INTO tag_definition (shop_id, tag, description, colour, created_us) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (shop_id, tag) DO UPDATE SET description = EXCLUDED.description, colour = EXCLUDED.colour
        """,
        shop,
        tag,
        description,
        colour,
        tx.us,
    )
    if rule is None:
        await audiences.release(tx, there, tag)
    else:
        await _check_on_nobody(tx, shop, tag)
        await audiences.keep(tx, there, tag, rule)
    return await get(tx, shop, tag)


async def end(tx: Tx, shop: str, tag: str) -> None:
    """No tag any more: it is taken off everybody by a job, and files that would put it on are worked off no further.

    Conflict while the rule of an audience reads it.
    """
    there = await roster.alter(tx, shop)
    await get(tx, shop, tag)
    if readers := sorted(there.touched(frozenset({f"#{tag}"}))):
        raise Conflict("in-use", f"tag {tag!r} is read by {', '.join(readers)}; change these first")
    await audiences.release(tx, there, tag)
    await tx.execute("UPDATE tag_definition SET ending = true WHERE shop_id = $1 AND tag = $2", shop, tag)


async def is_open(tx: Tx, there: Roster, tag: str) -> bool:
    """Whether the tag may be put on and taken off by hand; it stays so while the roster is held."""
    return rules.kept(tag) not in there.rules and not await _is_ending(tx, there.shop, tag)


async def check_open(tx: Tx, there: Roster, tag: str) -> None:
    """Conflict if the tag may not be put on or taken off by hand."""
    if rules.kept(tag) in there.rules:
        raise Conflict("kept-by-rule", f"tag {tag!r} is kept by its rule; PUT /tags/{tag} changes that")
    await _check_not_ending(tx, there.shop, tag)


async def _check_not_ending(tx: Tx, shop: str, tag: str) -> None:
    if await _is_ending(tx, shop, tag):
        raise Conflict("ending", f"tag {tag!r} is being taken off everybody; try again when GET /tags has it no more")


async def _is_ending(tx: Tx, shop: str, tag: str) -> bool:
    statement = "SELECT ending FROM tag_definition WHERE shop_id = $1 AND tag = $2"
    return bool(await tx.fetchval(statement, shop, tag))


async def _check_on_nobody(tx: Tx, shop: str, tag: str) -> None:
    statement = "SELECT EXISTS (SELECT FROM tag WHERE shop_id = $1 AND tag = $2)"
    if await tx.fetchval(statement, shop, tag):
        raise Conflict("put-by-hand", f"people have put tag {tag!r} on customers; DELETE takes it off them all")


def count(tx: Tx, shop: str, tag: str, more: int) -> None:
    """The tag is on so many customers more, or fewer; one that was never heard of is defined by that."""
    tx.do_last(_count, (shop, tag, more))


async def _count(tx: Tx, items: list[Any]) -> None:
    more: Counter[tuple[str, str]] = Counter()
    for shop, tag, number in items:
        more[shop, tag] += number
    rows = sorted((*key, number) for key, number in more.items())
    await tx.execute(
        """
        INSERT INTO tag_definition AS d (shop_id, tag, created_us, customers)
        SELECT shop_id, tag, $4, more FROM unnest($1::text[], $2::text[], $3::bigint[]) AS m (shop_id, tag, more)
        ON CONFLICT (shop_id, tag) DO UPDATE SET customers = d.customers + EXCLUDED.customers
        """,
        *map(list, zip(*rows, strict=True)),
        tx.us,
    )
