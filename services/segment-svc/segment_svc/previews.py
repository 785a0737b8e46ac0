"""How many customers a rule would find, before anything is saved: at once from a part of them, exactly soon after."""

import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from huitou_chassis import Context, Tx
from segment_svc import counting, histories, populations
from segment_svc.evaluate import evaluate
from segment_svc.nodes import Rule
from segment_svc.people import People
from segment_svc.roster import Roster

COUNTED = 20_000
LOOKED_AT = 2_000
LONGEST_WAIT = 8
SHOWN = 10
NORMAL_95 = 1.96
HASHES = 2**20


@dataclass(frozen=True)
class Preview:
    """`size` customers at the moment `at`, or about so many: 19 times out of 20 right within `error`."""

    size: int
    error: int | None
    sample: list[str]
    at: int


@dataclass(frozen=True)
class Sample:
    """Some of a shop's customers, chosen at random from `total`, with what was known of them at the moment `at`."""

    total: int
    ids: list[str]
    people: People
    at: int


async def preview(tx: Tx, there: Roster, rule: Rule, *, wait: float = 0) -> Preview:
    """The rule held against the shop's customers; in a shop of more than `COUNTED` at first against a part of them.

    The exact size is then worked out meanwhile, and given to who asks again soon, or waits for it so many seconds.
    """
    ctx, shop, zone = tx.ctx, there.shop, there.timezone
    counts = counting.of(ctx.db)
    sample = counts.remembered(shop)
    if sample is None or sample.people.zone != zone:
        sample = await _sample(tx, there)
        if sample is None:
            return await counted(tx, shop, zone, rule)
        counts.remember(shop, sample)
    found = await counts.ask((shop, zone, rule), lambda: _count(ctx, shop, zone, rule), wait=wait)
    return found or estimated(rule, sample)


async def _count(ctx: Context, shop: str, zone: ZoneInfo, rule: Rule) -> Preview:
    async with ctx.db.transaction(shop=shop) as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return await counted(tx, shop, zone, rule)


async def counted(tx: Tx, shop: str, zone: ZoneInfo, rule: Rule) -> Preview:
    """How many it is, exactly."""
    found = await populations.held(tx, shop, zone, {"": rule}, tx.us)
    numbers = found.who[np.flatnonzero(found.holding[""])]
    rows = await tx.fetch(
        "SELECT customer_id FROM customer WHERE shop_id = $1 AND who = ANY($2::bigint[]) ORDER BY customer_id",
        shop,
        numbers[:SHOWN].tolist(),
    )
    return Preview(len(numbers), None, [row[0] for row in rows], tx.us)


def estimated(rule: Rule, sample: Sample) -> Preview:
    """What a random part of the customers says of all of them."""
    at = np.full(sample.people.size, sample.at)
    holding = np.flatnonzero(evaluate({"": rule}, sample.people, at)[""].value).tolist()
    looked_at = max(len(sample.ids), 1)
    share = len(holding) / looked_at
    # Not less than one customer's worth: having found none of a sample does not prove that there is none.
    spread = max(math.sqrt(share * (1 - share) / looked_at), 1 / looked_at)
    shown = [sample.ids[place] for place in holding[:SHOWN]]
    return Preview(round(share * sample.total), math.ceil(NORMAL_95 * spread * sample.total), shown, sample.at)


async def _sample(tx: Tx, there: Roster) -> Sample | None:
    """About `LOOKED_AT` customers, the same ones for each rule that is tried; None in a shop of up to `COUNTED`."""
    (row,) = await tx.fetch("SELECT reltuples::bigint FROM pg_class WHERE oid = 'customer'::regclass")
    total, ids = await _chosen(tx, there.shop, row[0])
    if total <= COUNTED:
        return None
    if not LOOKED_AT <= 2 * len(ids) <= 4 * LOOKED_AT:
        _, ids = await _chosen(tx, there.shop, total)
    people = await histories.people(tx, [(there.shop, id) for id in ids])
    return Sample(total, ids, People.of(people, there.timezone), tx.us)


async def _chosen(tx: Tx, shop: str, supposed: int) -> tuple[int, list[str]]:
    """How many customers the shop has and, if these are as many as supposed, about `LOOKED_AT` of them, by a hash of
    their numbers. One look at all of them takes half as long as two, and in parallel only if all rows are asked for."""
    (row,) = await tx.fetch(
        """
        SELECT count(*), coalesce(array_agg(customer_id) FILTER (WHERE (hashint8extended(who, 0) & $3) < $4), '{}')
        FROM customer WHERE shop_id = $1 AND born_us <= $2
        """,
        shop,
        tx.us,
        HASHES - 1,
        math.ceil(HASHES * LOOKED_AT / max(supposed, COUNTED)),
    )
    return row[0], sorted(row[1])
