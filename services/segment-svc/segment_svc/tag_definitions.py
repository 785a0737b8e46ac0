"""A shop's tags as operators see them: what each means and on how many customers it is."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Conflict, NotFound, Tx
from segment_svc import roster

COLUMNS = "tag, description, colour, created_us, customers, ending"


@dataclass(frozen=True)
class Definition:
    """A tag; `created` in microseconds. One that is `ending` is being taken off everybody."""

    tag: str
    description: str | None
    colour: str | None
    created: int
    customers: int
    ending: bool


async def listed(tx: Tx, shop: str, *, after: str, limit: int) -> list[Definition]:
    """Tags in their order, from the one after `after`."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM tag_definition WHERE shop_id = $1 AND tag > $2 ORDER BY tag LIMIT $3",
        shop,
        after,
        limit,
    )
    return [Definition(*row) for row in rows]


async def get(tx: Tx, shop: str, tag: str) -> Definition:
    """The tag; NotFound if it was never put on anybody nor defined."""
    row = await tx.fetchrow(f"SELECT {COLUMNS} FROM tag_definition WHERE shop_id = $1 AND tag = $2", shop, tag)
    if row is None:
        raise NotFound(f"no tag {tag!r}; GET /tags lists them")
    return Definition(*row)


async def define(tx: Tx, shop: str, tag: str, *, description: str | None, colour: str | None) -> Definition:
    """What the tag means from now on; Conflict while it is being taken off everybody."""
    await roster.alter(tx, shop)
    await check_open(tx, shop, tag)
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
    return await get(tx, shop, tag)


async def end(tx: Tx, shop: str, tag: str) -> None:
    """No tag any more: it is taken off everybody by a job, and files that would put it on are worked off no further.

    Conflict while the rule of an audience reads it.
    """
    there = await roster.alter(tx, shop)
    await get(tx, shop, tag)
    if readers := sorted(there.touched(frozenset({f"#{tag}"}))):
        raise Conflict("in-use", f"tag {tag!r} is read by {', '.join(readers)}; change these first")
    await tx.execute("UPDATE tag_definition SET ending = true WHERE shop_id = $1 AND tag = $2", shop, tag)


async def is_open(tx: Tx, shop: str, tag: str) -> bool:
    """Whether the tag may be put on and taken off now; who holds the shop's roster can rely on it."""
    statement = "SELECT ending FROM tag_definition WHERE shop_id = $1 AND tag = $2"
    return not await tx.fetchval(statement, shop, tag)


async def check_open(tx: Tx, shop: str, tag: str) -> None:
    """Conflict if the tag may not be put on or taken off now."""
    if not await is_open(tx, shop, tag):
        raise Conflict("ending", f"tag {tag!r} is being taken off everybody; try again when GET /tags has it no more")


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
