"""Holds every membership against its rule, evaluated from the tables alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from huitou_chassis import Context, Tx
from huitou_events import moment
from segment_svc import customers, explain, histories, roster
from segment_svc.customers import Customer
from segment_svc.evaluate import evaluate
from segment_svc.people import NEVER, People
from segment_svc.references import REPURCHASE
from segment_svc.roster import Roster
from segment_svc.scores import NAMES

CHUNK = 1000


async def verify(ctx: Context, shop: str, customer: str | None) -> list[str]:
    """One line for each membership that is not as its rule says, and each wrong size; of the shop, or of a customer."""
    differences: list[str] = []
    after = ""
    while True:
        async with ctx.db.transaction() as tx:
            there = (await roster.hold(tx, [shop]))[shop]
            rows = await tx.fetch(
                """
                SELECT customer_id FROM customer
                WHERE shop_id = $1 AND customer_id > $2 AND ($3::text IS NULL OR customer_id = $3)
                ORDER BY customer_id
                LIMIT $4
                """,
                shop,
                after,
                customer,
                CHUNK,
            )
            if not rows:
                return differences + (await _miscounted(tx, shop) if customer is None else [])
            locked = list((await customers.lock(tx, [(shop, row[0]) for row in rows])).values())
            await histories.load(tx, locked)
            differences += await _misscored(tx, there, locked)
            differences += _differences(await _settled(tx, there), locked, tx.clock.us())
            after = rows[-1][0]


async def _misscored(tx: Tx, there: Roster, people: Sequence[Customer]) -> list[str]:
    """The scores by which the next snapshot tells who changes are those that rules see."""
    rows = await tx.fetch(
        "SELECT customer_id, scores FROM score WHERE shop_id = $1 AND customer_id = ANY($2::text[])",
        there.shop,
        [customer.id for customer in people],
    )
    kept: dict[str, list[int | None]] = {row[0]: row[1] for row in rows}
    nothing = [None] * len(NAMES)
    found = []
    for customer in people:
        said = list(explain.scores(customer.person, there.timezone, NEVER - 1, NAMES).values())
        if said != kept.get(customer.id, nothing):
            found.append(f"{there.shop}: {customer.id} has the scores {said}, which is not what was published")
    return found


async def _settled(tx: Tx, there: Roster) -> Roster:
    """The roster without what a snapshot that is being published still changes."""
    if not await tx.fetchval("SELECT publishing FROM snapshot_plan WHERE shop_id = $1", there.shop):
        return there
    return replace(there, building=there.building | there.touched(frozenset({f"={REPURCHASE}"})))


def _differences(there: Roster, people: Sequence[Customer], now: int) -> list[str]:
    # A moment that has come but was not handled yet is no difference: compared is the moment before it.
    at = [
        max(now, customer.evaluated or now) if customer.due is None or customer.due > now else customer.due - 1
        for customer in people
    ]
    laid = People.of([customer.person for customer in people], there.timezone)
    found = []
    for audience, outcome in evaluate(there.rules, laid, np.array(at, np.int64)).items():
        if audience in there.building:
            continue
        for customer, value, when in zip(people, outcome.value.tolist(), at, strict=True):
            inside, right = audience in customer.members, value and customer.exists(when)
            if inside is not right:
                said = "is in" if inside else "is not in"
                found.append(
                    f"{there.shop}: {customer.id} {said} {audience}, which is wrong at {moment(when).isoformat()}"
                )
    return found


async def _miscounted(tx: Tx, shop: str) -> list[str]:
    """Each in one statement, so that rows and counts are those of one moment."""
    rows = await tx.fetch(
        """
        SELECT audience_id, size, members
        FROM (
            SELECT audience_id, sum(members)::bigint AS size FROM headcount WHERE shop_id = $1 GROUP BY audience_id
        ) AS h
        FULL JOIN (
            SELECT audience_id, count(*) AS members FROM member
            WHERE shop_id = $1 AND audience_id NOT LIKE '=%'
            GROUP BY audience_id
        ) AS m USING (audience_id)
        WHERE coalesce(size, 0) <> coalesce(members, 0)
        """,
        shop,
    )
    found = [f"{shop}: {name} is said to have {size or 0} members and has {number or 0}" for name, size, number in rows]
    rows = await tx.fetch(
        """
        SELECT tag, d.customers, t.customers
        FROM (SELECT tag, customers FROM tag_definition WHERE shop_id = $1) AS d
        FULL JOIN (SELECT tag, count(*) AS customers FROM tag WHERE shop_id = $1 GROUP BY tag) AS t USING (tag)
        WHERE coalesce(d.customers, 0) <> coalesce(t.customers, 0)
        """,
        shop,
    )
    found += [f"{shop}: tag {tag!r} is said to be on {said or 0} and is on {number or 0}" for tag, said, number in rows]
    return found
