"""customers whose moment has come -> walks -> audience.entered, audience.left, each with its own moment"""

from huitou_chassis import Context, telemetry
from segment_svc import customer_table, customers, histories, memory, roster, walks
from segment_svc.customers import Customer
from segment_svc.walks import Walk

MOST = 2000
NEXT = 200
"""Whose moments come next is looked at in so many rows: only their shops are wanted."""
LATE_US = 1_000_000


async def settle(ctx: Context) -> bool:
    """Brings up to `MOST` customers whose moment has come to now; True if there may be more."""
    return await _settle(ctx, 0)


async def help_out(ctx: Context) -> bool:
    """The same where moments have passed for a second, as when a day turns: then every worker takes part."""
    return await _settle(ctx, LATE_US)


async def _settle(ctx: Context, late: int) -> bool:
    async with ctx.db.transaction() as tx:
        shops = await tx.fetch(
            """
            SELECT shop_id, min(due_us) AS first_us
            FROM (SELECT shop_id, due_us FROM customer WHERE due_us <= $1 ORDER BY due_us LIMIT $2) AS next
            GROUP BY shop_id
            """,
            tx.us - late,
            NEXT,
        )
        if not shops:
            return False
        telemetry.note_late("due", tx.us - min(shop["first_us"] for shop in shops))
        rosters = await roster.hold(tx, (shop["shop_id"] for shop in shops))
        claimed = await customers.claim(tx, sorted(rosters), tx.us, MOST)
        remembered = memory.of(tx)
        # Who is here just now stays in mind: a large shop whose day turns would leave room for nobody.
        keep = frozenset(remembered.among(customer.key for customer in claimed)) if remembered.full else None
        await histories.fill(tx, claimed)
        now = tx.clock.us()
        ripe = [customer.key for customer in claimed if _had_future(customer)]
        await walks.advance(tx, [Walk(customer, rosters[customer.shop], now) for customer in claimed], keep=keep)
        await customer_table.changed(tx, ripe, ctx.settings.instance)
    return len(claimed) >= NEXT


def _had_future(customer: Customer) -> bool:
    """Whether something was known of the customer that was still to happen when they were looked at last."""
    since, person = customer.evaluated, customer.person
    if since is None or person.history.last[0] > since:
        return True
    return len(person.changes) > 0 and int(person.changes[-1, 0]) > since
