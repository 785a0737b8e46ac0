"""Members of a starting plan: taken from segment-svc page by page, each once, before anything goes out to them.

How far it has come lies in the plan's row and moves in the transaction that keeps the page, so that it goes on there
after a crash, and a page that was kept by another worker is not kept again.
"""

import structlog

from campaign_svc import audiences
from campaign_svc.audiences import Gone, Members
from campaign_svc.holdout import is_held_out
from campaign_svc.models import Plan
from huitou_chassis import Context, Invalid, Tx, Unavailable
from huitou_events import micros

BATCH = 100

log = structlog.get_logger()


async def collect(ctx: Context) -> bool:
    """One page of every starting plan; True if any went on. A plan whose audience cannot be asked waits."""
    async with ctx.db.transaction() as tx:
        rows = await tx.fetch(
            "SELECT * FROM plan WHERE state = 'starting' AND NOT collected ORDER BY started_us LIMIT $1", BATCH
        )
    went_on = [await _one(ctx, Plan.of(row)) for row in rows]
    return any(went_on)


async def _one(ctx: Context, plan: Plan) -> bool:
    try:
        if plan.taken_us is None:
            return await _take_once_live(ctx, plan)
        found = await audiences.members(ctx, plan.shop, plan.terms.audience, plan.cursor)
    except Unavailable as error:
        log.warning("members not collected yet", plan_id=plan.id, why=error.detail)
        return False
    if isinstance(found, Gone):
        log.warning("audience gone while its members were collected", plan_id=plan.id)
        found = Members(items=[], next_cursor=None)
    async with ctx.db.transaction() as tx:
        return await keep(tx, plan, found)


async def _take_once_live(ctx: Context, plan: Plan) -> bool:
    """The members at the start cannot be known before the audience is built; the first moment after that is taken."""
    try:
        live = (await audiences.get(ctx, plan.shop, plan.terms.audience)).live
    except Invalid:
        live = True
    if not live:
        return False
    async with ctx.db.transaction() as tx:
        await tx.execute(
            "UPDATE plan SET taken_us = $3 WHERE (shop_id, plan_id) = ($1, $2) AND taken_us IS NULL",
            plan.shop,
            plan.id,
            tx.us,
        )
    return True


async def keep(tx: Tx, plan: Plan, found: Members) -> bool:
    """Keeps a page for the place where it was read; False if the plan has moved on or is over."""
    assert plan.taken_us is not None
    moved = await tx.fetchrow(
        """
        UPDATE plan SET member_cursor = $4, collected = $4::text IS NULL
        WHERE (shop_id, plan_id) = ($1, $2) AND state = 'starting' AND NOT collected
            AND member_cursor IS NOT DISTINCT FROM $3
        RETURNING plan_id
        """,
        plan.shop,
        plan.id,
        plan.cursor,
        found.next_cursor,
    )
    if moved is None:
        return False
    # Who entered after the start gets nothing.
    taken = sorted({member.customer_id for member in found.items if micros(member.since) <= plan.taken_us})
    await tx.execute(
        """
        INSERT INTO plan_member (shop_id, plan_id, customer_id, outcome)
        SELECT $1, $2, customer_id, CASE WHEN held_out THEN 'held-out' ELSE 'waiting' END
        FROM unnest($3::text[], $4::bool[]) AS member (customer_id, held_out)
        ON CONFLICT DO NOTHING
        """,
        plan.shop,
        plan.id,
        taken,
        [is_held_out(plan.id, customer_id, plan.terms.holdout) for customer_id in taken],
    )
    return True
