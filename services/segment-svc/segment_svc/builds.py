"""audiences whose members are to be found or let go -> customers in chunks -> audience.entered (initial), audience.left

Whom a rule holds for is found for the whole shop at once, then the customers are put into the audience chunk by chunk.
Events meanwhile look at an audience that is being built as at any other, so what a chunk does stays right behind it.
"""

from collections.abc import Sequence

from huitou_chassis import Context, Tx
from segment_svc import customers, findings, flows, histories, moves, placements, replacements, roster, walks
from segment_svc.roster import Roster
from segment_svc.walks import Walk

MOST = placements.MOST
LOOKED_AT = 100_000
"""So many rows are held against what was found at once: of most there is nothing to do."""
SHARE = 0.6
"""While events are taken, so that the stream keeps most of its rate (docs/benchmarks.md)."""
MOST_MOVES = 20_000
MOST_TOGETHER = 100
MOST_AT_ONCE = 20_000
"""So many customers move in the transaction of a new rule; are there more, they do as in a new audience, in parts."""


async def advance(ctx: Context) -> bool:
    """One piece of one shop's work; True if there was any."""
    async with ctx.db.transaction() as tx:
        shop = await tx.fetchval("SELECT shop_id FROM audience WHERE state <> 'live' ORDER BY shop_id LIMIT 1")
        if shop is None:
            return False
        if await replacements.ready(tx, shop):
            await _replace(tx, shop)
            return True
        there = (await roster.hold(tx, [shop]))[shop]
        # Looked at again: before the shop was held, an operator may have changed it.
        row = await tx.fetchrow(
            """
            SELECT audience_id, state, reached FROM audience
            WHERE shop_id = $1 AND state IN ('building', 'ending')
            ORDER BY state DESC, reached, audience_id
            LIMIT 1
            """,
            shop,
        )
        if row is None:
            return True
        audience, state, reached = row
        if state == "ending":
            await _let_go(tx, there, audience)
            return True
        building = await _reaching(tx, shop, reached)
        missing = findings.of(ctx.db).missing(there, building)
        if not missing:
            await _find(tx, there, building, reached)
    if missing:
        # Apart from what holds the shop: it takes a while, and operators and events go on.
        await findings.find(ctx, shop, missing)
    return True


async def _reaching(tx: Tx, shop: str, reached: str) -> frozenset[str]:
    """Audiences whose build has come as far as this, as many as are found together."""
    rows = await tx.fetch(
        """
        SELECT audience_id FROM audience WHERE shop_id = $1 AND state = 'building' AND reached = $2
        ORDER BY audience_id
        LIMIT $3
        """,
        shop,
        reached,
        MOST_TOGETHER,
    )
    return frozenset(row[0] for row in rows)


async def _replace(tx: Tx, shop: str) -> None:
    """New rules take their places, and who is in by one rule only moves."""
    await roster.alter(tx, shop)
    # Looked at again: before the shop was held alone, an operator may have changed a rule once more.
    audiences = await replacements.ready(tx, shop)
    if not audiences:
        return
    moving = await replacements.differing(tx, shop, audiences, limit=MOST_AT_ONCE + 1)
    await replacements.put(tx, shop, audiences)
    if len(moving) > MOST_AT_ONCE:
        return
    there = (await roster.read(tx, [shop]))[shop]
    for start in range(0, len(moving), MOST):
        locked = await customers.lock(tx, [(shop, id) for id in moving[start : start + MOST]])
        await placements.walk(tx, there, list(locked.values()), frozenset(audiences))
    await _settle(tx, shop, audiences)


async def _find(tx: Tx, there: Roster, building: frozenset[str], reached: str) -> None:
    """The next customers for these audiences."""
    shown = await customers.after(tx, there.shop, reached, LOOKED_AT)
    placed = await placements.place(tx, there, shown, building) if shown.ids else 0
    if placed == len(shown.ids) < LOOKED_AT:
        findings.of(tx.ctx.db).drop(there.shop, building)
        await _settle(tx, there.shop, sorted(building))
        return
    await tx.execute(
        "UPDATE audience SET reached = $3 WHERE shop_id = $1 AND audience_id = ANY($2::text[])",
        there.shop,
        sorted(building),
        shown.ids[placed - 1],
    )


async def _settle(tx: Tx, shop: str, audiences: Sequence[str]) -> None:
    """All their members are found."""
    await tx.execute(
        """
        UPDATE audience SET state = CASE WHEN audience_id LIKE '=%' THEN 'ready' ELSE 'live' END, reached = NULL
        WHERE shop_id = $1 AND audience_id = ANY($2::text[])
        """,
        shop,
        audiences,
    )
    await roster.changed(tx, shop)


async def _let_go(tx: Tx, there: Roster, audience: str) -> None:
    """The next members of an audience that is no more; after the last one nothing is left of it."""
    rows = await tx.fetch(
        "SELECT customer_id FROM member WHERE shop_id = $1 AND audience_id = $2 ORDER BY customer_id LIMIT $3",
        there.shop,
        audience,
        MOST,
    )
    keys = [(there.shop, row[0]) for row in rows]
    if not keys:
        if await moves.let_go(tx, there.shop, audience, MOST_MOVES):
            return
        await flows.end(tx, there.shop, audience)
        await tx.execute(
            "DELETE FROM audience WHERE shop_id = $1 AND audience_id = $2 AND state = 'ending'", there.shop, audience
        )
        return
    locked = await customers.lock(tx, keys)
    await histories.fill(tx, locked.values())
    now = tx.clock.us()
    leaving = [Walk(customer, there, now) for customer in locked.values()]
    for walk in leaving:
        walk.leave(walk.now, {audience})
    await walks.advance(tx, leaving)
