"""The next customers of a build: each is put into the audiences that hold them, and let out of those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from huitou_chassis import Tx
from segment_svc import customers, findings, histories, memory, walks
from segment_svc.customers import Customer, Rows
from segment_svc.findings import Found
from segment_svc.people import NEVER, Bools
from segment_svc.roster import Roster
from segment_svc.walks import Walk

MOST = 5_000
"""So many customers move, or walk, in one transaction."""
LIGHT = 4
"""So many who are only to be looked at sooner cost as much as one who moves."""


class Seen(NamedTuple):
    """What a customer is to be: their place in what was found, and since when they are in which of the audiences."""

    place: int
    before: Mapping[str, int]


async def place(tx: Tx, there: Roster, shown: Rows, building: frozenset[str]) -> int:
    """Makes these customers members of the audiences or not: so many of them, from the first on.

    Most are what was found of them, and only who moves is locked. Who has changed since was looked at by the audience
    if that had to do with it, and is where they belong: in or out, if that is what was found. If not, they walk.
    """
    found = findings.of(tx.ctx.db).of(there.shop, building, shown.who, shown.version)
    before = await _members(tx, there.shop, building, shown)
    now = tx.clock.us()
    valid = (found.until > now) & (found.at <= now) & (shown.born <= now) & (shown.evaluated <= now)
    moving = _moving(shown, found, before, building)
    staying = valid & ~moving
    # What is due is looked at by all audiences anyway; who moves before that would lose it.
    ready = valid & moving & found.same & (shown.due > now)
    wanted = np.flatnonzero(~staying | (found.until < shown.due))
    weights = np.where(staying, 1, LIGHT)[wanted]
    fitting = int(np.searchsorted(np.cumsum(weights), LIGHT * MOST, "right"))
    placed = int(wanted[fitting]) if fitting < len(wanted) else len(shown.ids)
    seen = {shown.ids[place]: Seen(place, before.get(shown.ids[place], {})) for place in wanted[:fitting].tolist()}
    locked = list((await customers.lock(tx, [(there.shop, id) for id in seen])).values())
    as_found = []
    for one in locked:
        place = seen[one.id].place
        # Who was to move and changed between the look and the lock is not what was found either.
        if staying[place] or (ready[place] and one.version == shown.version[place]):
            as_found.append(one)
    known = {one.id for one in as_found}
    await walk(tx, there, [one for one in locked if one.id not in known], building)
    await _settle(tx, there, as_found, building, found, seen, moving, now)
    return placed


async def walk(tx: Tx, there: Roster, locked: Sequence[Customer], audiences: frozenset[str]) -> None:
    """Whether these customers are in the audiences, by their histories; who has to move is found now."""
    if not locked:
        return
    await histories.fill(tx, locked)
    now = tx.clock.us()
    await walks.advance(tx, [_walk(customer, there, now, audiences) for customer in locked])


def _walk(customer: Customer, there: Roster, now: int, audiences: frozenset[str]) -> Walk:
    return Walk(customer, there, now, audiences, late=f"{customer.id} as of {customer.version}", found=audiences)


def _moving(shown: Rows, found: Found, before: Mapping[str, Mapping[str, int]], building: frozenset[str]) -> Bools:
    """Who is in one of the audiences and was not found, or the other way round."""
    differing = {audience: found.holding[audience].copy() for audience in building}
    places = {id: place for place, id in enumerate(shown.ids) if id in before}
    for id, audiences in before.items():
        for audience in audiences:
            differing[audience][places[id]] ^= True
    moving: Bools = np.logical_or.reduce(list(differing.values()))
    return moving


async def _members(tx: Tx, shop: str, building: frozenset[str], shown: Rows) -> dict[str, dict[str, int]]:
    """Since when which of the customers are in which of the audiences."""
    rows = await tx.fetch(
        """
        SELECT customer_id, audience_id, since_us FROM member
        WHERE shop_id = $1 AND audience_id = ANY($2::text[]) AND customer_id BETWEEN $3 AND $4
        """,
        shop,
        sorted(building),
        shown.ids[0],
        shown.ids[-1],
    )
    found: dict[str, dict[str, int]] = {}
    for id, audience, since in rows:
        found.setdefault(id, {})[audience] = since
    return found


async def _settle(
    tx: Tx,
    there: Roster,
    locked: Sequence[Customer],
    building: frozenset[str],
    found: Found,
    seen: Mapping[str, Seen],
    moving: Bools,
    now: int,
) -> None:
    """What was found of these customers is so: they move, or are only looked at sooner."""
    remembered = memory.of(tx)
    whole: list[Walk] = []
    partly: list[Walk] = []
    hastened: list[Customer] = []
    for customer in locked:
        place, before = seen[customer.id]
        until = int(found.until[place])
        if not moving[place]:
            # Who was erased meanwhile has nothing to wait for.
            if customer.evaluated is not None and until < (customer.due or NEVER):
                customer.due = until
                hastened.append(customer)
            continue
        known = remembered.recall(customer.key, customer.version)
        customer.members = dict(known.members) if known else dict(before)
        if known:
            customer.person = known.person
        way = _walk(customer, there, now, building)
        for audience in sorted(building):
            if found.holding[audience][place] != (audience in way.inside):
                way.move(audience, now)
        way.at = until
        (whole if known else partly).append(way)
    if hastened:
        await customers.hasten(tx, hastened)
    for ways in (whole, partly):
        if ways:
            # Of the others not all is known.
            await walks.arrive(tx, ways, keep=None if ways is whole else ())
