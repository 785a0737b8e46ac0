"""What a terminated plan had asked for and has not gone out is cancelled."""

from huitou_chassis import Context
from huitou_events import MessageCancelled

BATCH = 1000


async def cancel(ctx: Context) -> bool:
    """A batch of messages of terminated plans; message.cancelled. True if there may be more."""
    async with ctx.db.transaction() as tx:
        plan = await tx.fetchrow(
            """
            SELECT shop_id, plan_id FROM plan WHERE state = 'terminated' AND NOT cancelled
            ORDER BY ended_us LIMIT 1 FOR UPDATE
            """
        )
        if plan is None:
            return False
        jobs = await tx.fetch(
            """
            WITH unsent AS (
                SELECT shop_id, job_id FROM message
                WHERE (shop_id, plan_id) = ($1, $2)
                    AND coalesce(cancelled_us, suppressed_us, sent_us, delivered_us, failed_us) IS NULL
                ORDER BY job_id LIMIT $3 FOR UPDATE
            )
            UPDATE message SET cancelled_us = $4 FROM unsent
            WHERE (message.shop_id, message.job_id) = (unsent.shop_id, unsent.job_id)
            RETURNING message.job_id, message.customer_id
            """,
            plan["shop_id"],
            plan["plan_id"],
            BATCH,
            tx.us,
        )
        for job in jobs:
            cancelled = MessageCancelled(
                customer_id=job["customer_id"], job_id=job["job_id"], plan_id=plan["plan_id"], reason="terminated"
            )
            tx.emit(cancelled, shop=plan["shop_id"], because=f"plan {plan['plan_id']} terminated", about=job["job_id"])
        if not jobs:
            await tx.execute("UPDATE plan SET cancelled = true WHERE (shop_id, plan_id) = ($1, $2)", *plan.values())
    return True
