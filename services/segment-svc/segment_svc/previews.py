"""How many customers a rule would find, before anything is saved: at once from a part of them, exactly soon after."""

import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from huitou_chassis import Context, Tx
from segment_svc import counting, populations
from segment_svc.nodes import Rule
from segment_svc.people import Ints
from segment_svc.populations import Population
from segment_svc.queries import Part
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
    """A random part of a shop's customers, who are `total`."""

    total: int
    part: Part


async def preview(tx: Tx, there: Roster, rule: Rule, *, wait: float = 0) -> Preview:
    """The rule held against the shop's customers; in a shop of more than `COUNTED` at first against a part of them.

    The exact size is then worked out meanwhile, and given to who asks again soon, or waits for it so many seconds.
    """
    ctx, shop, zone = tx.ctx, there.shop, there.timezone
    counts = counting.of(ctx.db)
    sample = counts.remembered(shop)
    if sample is None:
        total = await tx.fetchval("SELECT count(*) FROM customer WHERE shop_id = $1 AND born_us <= $2", shop, tx.us)
        if total <= COUNTED:
            return await counted(tx, shop, zone, rule)
        sample = Sample(total, await _part(tx, shop, total))
        counts.remember(shop, sample)
    found = await counts.ask((shop, zone, rule), lambda: _count(ctx, shop, zone, rule), wait=wait)
    return found or await estimated(tx, there, rule, sample)


async def _count(ctx: Context, shop: str, zone: ZoneInfo, rule: Rule) -> Preview:
    async with ctx.db.transaction(shop=shop) as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return await counted(tx, shop, zone, rule)


async def counted(tx: Tx, shop: str, zone: ZoneInfo, rule: Rule) -> Preview:
    """How many it is, exactly."""
    found = await populations.held(tx, shop, zone, {"": rule}, tx.us)
    numbers = _holding(found)
    rows = await tx.fetch(
        "SELECT customer_id FROM customer WHERE shop_id = $1 AND who = ANY($2::bigint[]) ORDER BY customer_id",
        shop,
        numbers[:SHOWN].tolist(),
    )
    return Preview(len(numbers), None, [row[0] for row in rows], tx.us)


async def estimated(tx: Tx, there: Roster, rule: Rule, sample: Sample) -> Preview:
    """What a random part of the customers says of all of them."""
    part, total = sample.part, sample.total
    found = await populations.held(tx, there.shop, there.timezone, {"": rule}, tx.us, part=part)
    holding = set(_holding(found).tolist())
    looked_at = max(len(part.numbers), 1)
    share = len(holding) / looked_at
    # Not less than one customer's worth: having found none of a sample does not prove that there is none.
    spread = max(math.sqrt(share * (1 - share) / looked_at), 1 / looked_at)
    shown = sorted(id for id, number in zip(part.ids, part.numbers, strict=True) if number in holding)[:SHOWN]
    return Preview(round(share * total), math.ceil(NORMAL_95 * spread * total), shown, tx.us)


def _holding(found: Population) -> Ints:
    numbers: Ints = found.who[np.flatnonzero(found.holding[""])]
    return numbers


async def _part(tx: Tx, shop: str, total: int) -> Part:
    """About `LOOKED_AT` customers by a hash of their numbers: the same ones for each rule that is tried."""
    rows = await tx.fetch(
        """
        SELECT customer_id, who FROM customer
        WHERE shop_id = $1 AND born_us <= $2 AND (hashint8extended(who, 0) & $3) < $4
        """,
        shop,
        tx.us,
        HASHES - 1,
        math.ceil(HASHES * LOOKED_AT / total),
    )
    return Part([row[0] for row in rows], [row[1] for row in rows])
