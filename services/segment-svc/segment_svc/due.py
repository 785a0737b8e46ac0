"""customers whose moment has come -> walks -> audience.entered, audience.left, each with its own moment"""

from huitou_chassis import Context, telemetry
from segment_svc import customer_table, customers, histories, roster, walks
from segment_svc.customers import Customer
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
        ripe = [customer.key for customer in claimed if _had_future(customer)]
        await walks.advance(tx, [Walk(customer, rosters[customer.shop], now) for customer in claimed])
        await customer_table.changed(tx, ripe)
    return len(rows) == MOST


def _had_future(customer: Customer) -> bool:
    """Whether something was known of the customer that was still to happen when they were looked at last."""
    since, person = customer.evaluated, customer.person
    if since is None or person.history.last[0] > since:
        return True
    return len(person.changes) > 0 and int(person.changes[-1, 0]) > since
