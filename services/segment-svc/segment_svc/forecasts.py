"""How large an audience will be in the coming days if nothing happens but time.

Every customer has the next moment at which anything may change, so only those whose moment comes within these days are
looked at, in a large shop a random part of them; and of those each only where a change was promised.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from huitou_chassis import Tx
from segment_svc import audiences, histories
from segment_svc.calendar import local_day, midnight
from segment_svc.customers import Customer
from segment_svc.evaluate import evaluate
from segment_svc.people import NEVER, Ints, People
from segment_svc.previews import COUNTED, NORMAL_95
from segment_svc.roster import Roster

LOOKED_AT = 5_000


class Day(NamedTuple):
    """A day of the shop's calendar and the size at its end: 19 times out of 20 right within `error` customers."""

    start: int
    until: int
    size: int
    error: int | None


@dataclass
class Sums:
    """Of so many customers `seen`, by each moment: by how many more are in it than now, and for how many it differs."""

    seen: int
    change: Ints
    changed: Ints


async def forecast(tx: Tx, there: Roster, audience: str, size: int, days: int) -> list[Day]:
    """Today and the days after it; `size` is the present one. NotFound if the audience has ended meanwhile."""
    if audience not in there.rules:
        raise audiences.unknown(audience)
    today = local_day(tx.us, there.timezone)
    bounds = [midnight(today + day, there.timezone) for day in range(days + 1)]
    total: int = await tx.fetchval(
        "SELECT count(*) FROM customer WHERE shop_id = $1 AND due_us < $2", there.shop, bounds[-1]
    )
    sums = await summed(tx, there, audience, bounds[1:], None if total <= COUNTED else LOOKED_AT)
    changes = [
        (sums.change[place], None) if total <= COUNTED else estimate(sums, place, total) for place in range(days)
    ]
    found = zip(pairwise(bounds), changes, strict=True)
    return [Day(start, until, max(size + int(change), 0), error) for (start, until), (change, error) in found]


def estimate(sums: Sums, place: int, total: int) -> tuple[int, int]:
    """By how many more `total` customers come to at the moment, and the error of that."""
    change, changed = int(sums.change[place]) / sums.seen, int(sums.changed[place]) / sums.seen
    # Not less than one customer's worth: that none of a sample changes does not prove that none does.
    spread = max(math.sqrt((changed - change * change) / sums.seen), 1 / sums.seen)
    return round(change * total), math.ceil(NORMAL_95 * spread * total)


async def summed(tx: Tx, there: Roster, audience: str, moments: Sequence[int], most: int | None) -> Sums:
    """What becomes of those whose moment comes by the last of these, or of a random part of so many of them."""
    rows = await tx.fetch(
        f"""
        SELECT customer_id FROM customer WHERE shop_id = $1 AND due_us < $2
        ORDER BY {"customer_id" if most is None else "md5(customer_id)"}
        LIMIT $3
        """,
        there.shop,
        moments[-1],
        most,
    )
    ids = sorted(row[0] for row in rows)
    sums = Sums(len(ids), np.zeros(len(moments), np.int64), np.zeros(len(moments), np.int64))
    async for people in histories.viewed(tx, there.shop, ids):
        _add(sums, there, audience, people, moments, tx.us)
    return sums


def _add(
    sums: Sums, there: Roster, audience: str, people: Sequence[Customer], moments: Sequence[int], now: int
) -> None:
    """Each moment is the end of a day, which does not belong to it."""
    before = np.array([audience in customer.members for customer in people], np.bool_)
    born = np.array([NEVER if customer.born is None else customer.born for customer in people], np.int64)
    value = np.zeros(len(people), np.bool_)
    until = np.array([max(now, customer.evaluated or now) for customer in people], np.int64)
    for place, end in enumerate(moments):
        changing = np.flatnonzero(until < end)
        if len(changing):
            persons = [people[one].person for one in changing.tolist()]
            at = np.full(len(changing), end - 1, np.int64)
            outcome = evaluate({"": there.rules[audience]}, People.of(persons, there.timezone), at)[""]
            value[changing], until[changing] = outcome
        after = value & (born < end)
        sums.change[place] += int(after.sum()) - int(before.sum())
        sums.changed[place] += int((after != before).sum())
