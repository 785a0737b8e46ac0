"""snapshot_plan -> scores, published as a new version -> customers in chunks -> audience.entered, audience.left

Whose scores change gets an entry in their history at the moment of publication, so that rules, views of the past and
`verify` see the scores like any other attribute. Who bought an item whose repurchase cycle changes is looked at again,
too. Each chunk is exact by itself; after a crash the next one goes on.
"""

from collections.abc import Sequence

from huitou_chassis import Context, Tx
from segment_svc import (
    customers,
    cycles,
    histories,
    loyalty_levels,
    rfm_windows,
    roster,
    schedules,
    scores,
    snapshots,
    tallies,
    walks,
)
from segment_svc.customers import Customer
from segment_svc.facts import Entry
from segment_svc.references import REPURCHASE
from segment_svc.roster import Roster
from segment_svc.snapshots import Snapshot
from segment_svc.walks import Walk

MOST = 2000
SOURCE = "urn:huitou:segment"


async def advance(ctx: Context) -> bool:
    """One chunk of a snapshot that is being published, or one new snapshot; True if there was any."""
    return await _publish(ctx) or await _compute(ctx)


async def _compute(ctx: Context) -> bool:
    async with ctx.db.transaction() as tx:
        if not await tx.fetchval(
            "SELECT EXISTS (SELECT FROM snapshot_plan WHERE NOT publishing AND next_us <= $1)", tx.us
        ):
            return False
    # What has arrived is counted first.
    while await tallies.count(ctx):
        pass
    async with ctx.db.transaction() as tx:
        shop = await tx.fetchval(
            """
            SELECT shop_id FROM snapshot_plan WHERE NOT publishing AND next_us <= $1
            ORDER BY next_us LIMIT 1 FOR UPDATE SKIP LOCKED
            """,
            tx.us,
        )
        if shop is None:
            return False
        zone = (await roster.read(tx, [shop]))[shop].timezone
        levels, window_days = await loyalty_levels.get(tx, shop), await rfm_windows.get(tx, shop)
        cells = await scores.compute(tx, shop, zone, levels=levels, window_days=window_days)
        await snapshots.add(tx, shop, cells, window_days)
        if await cycles.compute(tx, shop):
            await roster.alter(tx, shop)
            await roster.changed(tx, shop)
        await tx.execute(
            "UPDATE snapshot_plan SET publishing = true, next_us = $2 WHERE shop_id = $1",
            shop,
            schedules.following(tx.us, zone),
        )
    return True


async def _publish(ctx: Context) -> bool:
    async with ctx.db.transaction() as tx:
        shop = await tx.fetchval(
            "SELECT shop_id FROM snapshot_plan WHERE publishing ORDER BY shop_id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        if shop is None:
            return False
        if await cycles.queue(tx, shop):
            return True
        snapshot = await snapshots.latest(tx, shop)
        rows = await tx.fetch(
            "SELECT customer_id FROM score_change WHERE shop_id = $1 ORDER BY customer_id LIMIT $2", shop, MOST
        )
        if rows and snapshot is not None:
            await _hand_out(tx, (await roster.hold(tx, [shop]))[shop], snapshot, [row[0] for row in rows])
        if len(rows) < MOST:
            await tx.execute("UPDATE snapshot_plan SET publishing = false WHERE shop_id = $1", shop)
    return True


async def _hand_out(tx: Tx, there: Roster, snapshot: Snapshot, ids: Sequence[str]) -> None:
    """The next customers get their scores; not who was erased meanwhile, whose number is another."""
    locked = await customers.lock(tx, [(there.shop, id) for id in ids], add=False)
    numbers = {customer.id: customer.who for customer in locked.values()}
    rows = await tx.fetch(
        """
        WITH taken AS (
            DELETE FROM score_change WHERE shop_id = $1 AND customer_id = ANY($2::text[]) RETURNING *
        ), kept AS (
            SELECT t.* FROM taken AS t
            JOIN unnest($3::text[], $4::bigint[]) AS k (customer_id, who) USING (customer_id, who)
        ), written AS (
            INSERT INTO score (shop_id, customer_id, scores) SELECT shop_id, customer_id, after FROM kept
            WHERE after <> '{}'
            ON CONFLICT (shop_id, customer_id) DO UPDATE SET scores = EXCLUDED.scores
        )
        SELECT customer_id, before, after FROM kept
        """,
        there.shop,
        ids,
        list(numbers),
        list(numbers.values()),
    )
    found = {row[0]: _entry(there.shop, snapshot, *row) for row in rows}
    news = {(there.shop, id): [entry] for id, entry in found.items() if entry.changes}
    await histories.append(tx, [entry for entries in news.values() for entry in entries])
    changed = [customer for customer in locked.values() if customer.id in found]
    await histories.fill(tx, changed, news)
    now = tx.clock.us()
    await walks.advance(tx, [_walk(one, there, now, found[one.id]) for one in changed])


def _entry(shop: str, snapshot: Snapshot, id: str, before: Sequence[int | None], after: Sequence[int | None]) -> Entry:
    both = zip(scores.NAMES, before, after, strict=False)
    changes = {name: new for name, old, new in both if new != old}
    return Entry(
        shop, id, snapshot.published, SOURCE, f"snapshot-{snapshot.version}", histories.SNAPSHOT, changes=changes
    )


def _walk(customer: Customer, there: Roster, now: int, entry: Entry) -> Walk:
    """From the moment of publication; for who was looked at after it, the new scores are found now."""
    touched = there.touched(frozenset({*entry.signals, f"={REPURCHASE}"}))
    cause = f"{customer.id} by {entry.id}"
    if customer.evaluated is not None and entry.at < customer.evaluated:
        return Walk(customer, there, now, touched, {}, cause, touched)
    return Walk(customer, there, now, touched, {entry.at: cause})
