"""Comings and goings: who entered and left which audience when, so that an audience can be seen as it was."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from huitou_chassis import Invalid, NotFound, Tx
from huitou_events import moment
from segment_svc import customers, flows
from segment_svc.customers import Customer
from segment_svc.references import is_coming

COLUMNS = ("shop_id", "customer_id", "at_us", "audience_id", "entered", "initial")


class Move(NamedTuple):
    """A customer enters or leaves an audience at a moment."""

    at: int
    audience: str
    entered: bool
    initial: bool = False


class Way(NamedTuple):
    """What a customer's walk came to: its moves in order, and since when they are now in which audience."""

    customer: Customer
    moves: Sequence[Move]
    inside: Mapping[str, int]
    anew: bool


class Passage(NamedTuple):
    """A move as it is kept; `number` tells those of one moment apart, `name` is the audience's."""

    at: int
    number: int
    audience: str
    name: str
    entered: bool
    initial: bool


class Stay(NamedTuple):
    """A customer who was in an audience: since when, and when they left, None who did not."""

    customer: str
    since: int
    until: int | None


async def write(tx: Tx, ways: Sequence[Way]) -> None:
    """Counts every move, and keeps it unless it belongs to what a customer was before their erasure.

    What is to take the place of an audience counts when it does.
    """
    rows = [
        (*way.customer.key, *move)
        for way in ways
        for move in (_begun(way) if way.anew else way.moves)
        if not is_coming(move.audience)
    ]
    if rows:
        await tx.add("move", COLUMNS, rows)
    for way in ways:
        for move in way.moves:
            if is_coming(move.audience):
                continue
            flows.note(tx, way.customer.shop, move.audience, move.at, entered=move.entered)


def _begun(way: Way) -> list[Move]:
    """The moves from the first coming into each audience on; where they stayed they begin with that."""
    begun: set[str] = set()
    kept = []
    for move in way.moves:
        if move.entered:
            begun.add(move.audience)
        if move.audience in begun:
            kept.append(move)
    stayed = [Move(since, audience, True) for audience, since in way.inside.items() if audience not in begun]
    return sorted(stayed) + kept


async def erase(tx: Tx, erased: Sequence[Customer]) -> None:
    """Forgets where the customers were; how many came and went stays."""
    await tx.execute(
        f"""
        DELETE FROM move AS m
        USING unnest({customers.KEYS}) AS k (shop_id, customer_id)
        WHERE m.shop_id = k.shop_id AND m.customer_id = k.customer_id
        """,
        *customers.columns([customer.key for customer in erased]),
    )


async def let_go(tx: Tx, shop: str, audience: str, most: int) -> bool:
    """Deletes up to so many moves of an audience that is no more; True if there were as many."""
    deleted = await tx.execute(
        """
        DELETE FROM move WHERE (shop_id, customer_id, at_us, move_id) IN (
            SELECT shop_id, customer_id, at_us, move_id FROM move WHERE shop_id = $1 AND audience_id = $2 LIMIT $3
        )
        """,
        shop,
        audience,
        most,
    )
    return int(deleted.split()[-1]) == most


async def of_customer(tx: Tx, shop: str, customer: str, *, before: tuple[int, int] | None, limit: int) -> list[Passage]:
    """The latest first, from the one before (moment, number) on, without those of tags that rules keep.

    NotFound for a customer who does not exist.
    """
    found = await customers.read(tx, [(shop, customer)])
    if not found or found[0].born is None:
        raise NotFound(f"no customer {customer!r} in this shop")
    at, number = before or (2**63 - 1, 2**63 - 1)
    rows = await tx.fetch(
        """
        SELECT m.at_us, m.move_id, m.audience_id, a.name, m.entered, m.initial
        FROM move AS m JOIN audience AS a USING (shop_id, audience_id)
        WHERE m.shop_id = $1 AND m.customer_id = $2 AND (m.at_us, m.move_id) < ($3, $4)
            AND a.state <> 'ending' AND a.audience_id NOT LIKE '#%'
        ORDER BY m.at_us DESC, m.move_id DESC
        LIMIT $5
        """,
        shop,
        customer,
        at,
        number,
        limit,
    )
    return [Passage(*row) for row in rows]


async def stays(tx: Tx, shop: str, audience: str, at: int, *, after: str, limit: int) -> list[Stay]:
    """Who was in the audience at the moment, by their ids from the one after `after`; Invalid if that is not known."""
    begin = await flows.begin(tx, shop, audience)
    if at > tx.us:
        raise Invalid(field="at", detail="lies in the future; /audiences/{audience}/forecast tells what is expected")
    if at < begin:
        raise Invalid(field="at", detail=f"who was in it is known from {moment(begin).isoformat()} on")
    rows = await tx.fetch(
        """
        SELECT customer_id, at_us, (
            SELECT l.at_us FROM move AS l
            WHERE l.shop_id = $1 AND l.audience_id = $2 AND l.customer_id = m.customer_id
                AND (l.at_us, l.move_id) > (m.at_us, m.move_id)
            ORDER BY l.at_us, l.move_id
            LIMIT 1
        )
        FROM (
            SELECT DISTINCT ON (customer_id) customer_id, at_us, move_id, entered FROM move
            WHERE shop_id = $1 AND audience_id = $2 AND customer_id > $3 AND at_us <= $4
            ORDER BY customer_id, at_us DESC, move_id DESC
        ) AS m
        WHERE entered
        ORDER BY customer_id
        LIMIT $5
        """,
        shop,
        audience,
        after,
        at,
        limit,
    )
    return [Stay(*row) for row in rows]
