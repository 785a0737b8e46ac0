"""How many customers a rule would find, before anything is saved: counted, or in a large shop estimated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huitou_chassis import Tx
from segment_svc import histories
from segment_svc.evaluate import evaluate
from segment_svc.nodes import Rule
from segment_svc.people import People
from segment_svc.roster import Roster

COUNTED = 20_000
LOOKED_AT = 5_000
SHOWN = 10
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Preview:
    """`size` customers now, or about so many: the true number lies within `error` of it 19 times out of 20."""

    size: int
    error: int | None
    sample: list[str]


async def preview(tx: Tx, there: Roster, rule: Rule) -> Preview:
    """Evaluates the rule for the shop's customers, in a shop of more than `COUNTED` for a random part of them."""
    total: int = await tx.fetchval(
        "SELECT count(*) FROM customer WHERE shop_id = $1 AND born_us <= $2", there.shop, tx.us
    )
    return await (counted(tx, there, rule) if total <= COUNTED else estimated(tx, there, rule, total))


async def counted(tx: Tx, there: Roster, rule: Rule) -> Preview:
    found = await _holding(tx, there, rule, await _ids(tx, there.shop, None))
    return Preview(len(found), None, found[:SHOWN])


async def estimated(tx: Tx, there: Roster, rule: Rule, total: int) -> Preview:
    """What a random part of the customers says of all of them, who are `total`."""
    ids = await _ids(tx, there.shop, LOOKED_AT)
    found = await _holding(tx, there, rule, ids)
    share = len(found) / len(ids)
    # Not less than one customer's worth: having found none of a sample does not prove that there is none.
    spread = max(math.sqrt(share * (1 - share) / len(ids)), 1 / len(ids))
    return Preview(round(share * total), math.ceil(NORMAL_95 * spread * total), found[:SHOWN])


async def _ids(tx: Tx, shop: str, most: int | None) -> list[str]:
    """All customers by their ids, or a part of them that no order of ids has a hand in."""
    order = "customer_id" if most is None else "md5(customer_id)"
    rows = await tx.fetch(
        f"SELECT customer_id FROM customer WHERE shop_id = $1 AND born_us <= $2 ORDER BY {order} LIMIT $3",
        shop,
        tx.us,
        most,
    )
    return sorted(row[0] for row in rows)


async def _holding(tx: Tx, there: Roster, rule: Rule, ids: Sequence[str]) -> list[str]:
    found: list[str] = []
    async for people in histories.viewed(tx, there.shop, ids):
        laid = People.of([customer.person for customer in people], there.timezone)
        value = evaluate({"": rule}, laid, np.full(len(people), tx.us, np.int64))[""].value
        found += [people[place].id for place in np.flatnonzero(value).tolist()]
    return found
