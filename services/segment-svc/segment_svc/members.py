"""Who is in which audience, since when, and until when if nothing happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from huitou_chassis import NotFound, Tx
from segment_svc import explain, histories, roster, snapshots
from segment_svc.customers import Customer
from segment_svc.evaluate import evaluate
from segment_svc.people import NEVER, People
from segment_svc.roster import Roster

COLUMNS = ("shop_id", "customer_id", "audience_id", "since_us")


@dataclass(frozen=True)
class Member:
    """A member of an audience; moments in microseconds, `until` None if only an event can end it."""

    customer: str
    since: int
    until: int | None


async def listed(tx: Tx, shop: str, audience: str, *, after: str, limit: int) -> list[Member]:
    """Members in the order of their ids, from the one after `after`."""
    there = (await roster.read(tx, [shop]))[shop]
    return [member for member, _ in await known(tx, there, audience, after=after, limit=limit)]


async def known(
    tx: Tx, there: Roster, audience: str, *, after: str, limit: int, keep: bool = True
) -> list[tuple[Member, Customer]]:
    """The same with what is known of them, kept in mind or not."""
    rows = await tx.fetch(
        """
        SELECT customer_id, since_us FROM member
        WHERE shop_id = $1 AND audience_id = $2 AND customer_id > $3
        ORDER BY customer_id
        LIMIT $4
        """,
        there.shop,
        audience,
        after,
        limit,
    )
    people = await histories.view(tx, [(there.shop, row[0]) for row in rows], keep=keep)
    until = _until(there, audience, people, tx.us)
    members = [Member(row[0], row[1], until.get(row[0])) for row in rows]
    return list(zip(members, people, strict=True))


def _until(there: Roster, audience: str, people: Sequence[Customer], now: int) -> dict[str, int]:
    """For those whose membership ends by itself: when."""
    if not people or audience not in there.rules:
        return {}
    at = np.array([max(now, customer.evaluated or now) for customer in people], np.int64)
    laid = People.of([customer.person for customer in people], there.timezone)
    outcome = evaluate({audience: there.rules[audience]}, laid, at)[audience]
    moments = zip(people, outcome.until.tolist(), outcome.value.tolist(), strict=True)
    return {customer.id: until for customer, until, inside in moments if inside and until != NEVER}


async def one(tx: Tx, shop: str, audience: str, customer: str) -> tuple[Member | None, dict[str, object]]:
    """The customer as a member, or None, and why; NotFound for a customer who does not exist."""
    there = (await roster.read(tx, [shop]))[shop]
    people = await histories.view(tx, [(shop, customer)])
    if not people or people[0].born is None:
        raise NotFound(f"no customer {customer!r} in this shop")
    found = people[0]
    since = found.members.get(audience)
    until = _until(there, audience, people, tx.us)
    snapshot = await snapshots.latest(tx, shop)
    at = max(tx.us, found.evaluated or tx.us)
    why = explain.why(there.rules[audience], found.person, there.timezone, at, snapshot.name if snapshot else None)
    return None if since is None else Member(customer, since, until.get(customer)), why


async def write(tx: Tx, changed: Sequence[tuple[Customer, Mapping[str, int]]]) -> None:
    """Makes the rows of each customer what they are to be, where that differs from what they were."""
    entered: list[tuple[str, str, str, int]] = []
    stayed: list[tuple[str, str, str, int]] = []
    left: list[tuple[str, str, str]] = []
    for customer, inside in changed:
        before = customer.members
        if inside is before:
            continue
        left += [(*customer.key, audience) for audience in before if audience not in inside]
        for audience, since in inside.items():
            there = before.get(audience)
            if there != since:
                (entered if there is None else stayed).append((*customer.key, audience, since))
    if left:
        await tx.execute(
            """
            DELETE FROM member AS m
            USING unnest($1::text[], $2::text[], $3::text[]) AS l (shop_id, customer_id, audience_id)
            WHERE m.shop_id = l.shop_id AND m.customer_id = l.customer_id AND m.audience_id = l.audience_id
            """,
            *map(list, zip(*left, strict=True)),
        )
    if entered:
        await tx.add("member", COLUMNS, entered)
    if stayed:
        await tx.execute(
            """
            UPDATE member AS m SET since_us = s.since
            FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                AS s (shop_id, customer_id, audience_id, since)
            WHERE m.shop_id = s.shop_id AND m.customer_id = s.customer_id AND m.audience_id = s.audience_id
            """,
            *map(list, zip(*stayed, strict=True)),
        )
