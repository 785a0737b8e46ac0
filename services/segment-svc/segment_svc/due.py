"""customers whose moment has come -> walks -> audience.entered, audience.left, each with its own moment"""

from huitou_chassis import Context, telemetry
from segment_svc import customers, histories, roster, walks
from segment_svc.walks import Walk

MOST = 2000


async def settle(ctx: Context) -> bool:
    """Brings up to `MOST` customers whose moment has come to now; True if there were as many."""
    async with ctx.db.transaction() as tx:
        rows = await tx.fetch(
            "SELECT shop_id, customer_id, due_us FROM customer WHERE due_us <= $1 ORDER BY due_us LIMIT $2", tx.us, MOST
        )
        if not rows:
            return False
        telemetry.note_late("due", tx.us - rows[0]["due_us"])
        keys = sorted((row[0], row[1]) for row in rows)
        rosters = await roster.hold(tx, {shop for shop, _ in keys})
        claimed = await customers.claim(tx, keys, tx.us)
        await histories.fill(tx, claimed)
        now = tx.clock.us()
        await walks.advance(tx, [Walk(customer, rosters[customer.shop], now) for customer in claimed])
    return len(rows) == MOST
