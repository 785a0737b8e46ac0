"""How many customers a rule would find, before anything is saved: counted, or in a large shop estimated."""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from huitou_chassis import Tx
from segment_svc import histories
from segment_svc.customers import Customer
from segment_svc.evaluate import evaluate
from segment_svc.nodes import Rule
from segment_svc.people import Bools, People
from segment_svc.roster import Roster

COUNTED = 20_000
LOOKED_AT = 5_000
CHUNK = 2_000
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
    is_exact = total <= COUNTED
    ids = await _ids(tx, there.shop, None if is_exact else LOOKED_AT)
    found = [customer.id async for part in _parts(tx, there, ids) for customer in _holding(there, rule, part, tx.us)]
    if is_exact:
        return Preview(len(found), None, found[:SHOWN])
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


async def _parts(tx: Tx, there: Roster, ids: Sequence[str]) -> AsyncIterator[list[Customer]]:
    for start in range(0, len(ids), CHUNK):
        yield await histories.view(tx, [(there.shop, id) for id in ids[start : start + CHUNK]])


def _holding(there: Roster, rule: Rule, people: Sequence[Customer], now: int) -> list[Customer]:
    laid = People.of([customer.person for customer in people], there.timezone)
    value: Bools = evaluate({"": rule}, laid, np.full(len(people), now, np.int64))[""].value
    return [people[place] for place in np.flatnonzero(value).tolist()]
