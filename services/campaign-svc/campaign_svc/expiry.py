"""What happens to a claim when nobody does anything: a lock lapses, the coupon expires. In the order of the moments."""

from campaign_svc import life, uses
from campaign_svc.models import Claim
from huitou_chassis import Context, telemetry

BATCH = 1000


async def settle(ctx: Context) -> bool:
    """A batch of claims whose moment has come; coupon.released for a lapsed lock, coupon.expired."""
    async with ctx.db.transaction() as tx:
        rows = await tx.fetch(
            "SELECT * FROM claim WHERE due_us <= $1 ORDER BY due_us LIMIT $2 FOR UPDATE SKIP LOCKED", tx.us, BATCH
        )
        if rows:
            telemetry.note_late("expiry", tx.us - rows[0]["due_us"])
        before = [Claim.of(row) for row in rows]
        after = [life.lapse(claim, tx.us) for claim in before]
        for old, new in zip(before, after, strict=True):
            uses.tell(tx, old, new, us=tx.us)
        await uses.write(tx, after)
    return len(rows) == BATCH
