"""What was known before its time, and shops that got their first programme: judged when it is time to."""

from huitou_chassis import Context
from loyalty_svc import customers, membership

BATCH = 1000


async def settle(ctx: Context) -> bool:
    """Judges the customers whose moment has come, the earliest first; True when there may be more."""
    async with ctx.db.transaction() as tx:
        found = await customers.due(tx, limit=BATCH)
        if found:
            await membership.settle(tx, dict.fromkeys(found, ()))
    return len(found) == BATCH
