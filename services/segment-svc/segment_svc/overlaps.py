"""Audiences against each other: how many are in each, in several at once, and in just these.

A process remembers who is in an audience, as sorted numbers, for as long as nobody came or left. A number is 59 bits of
a hash of the customer's id: that two customers among a million have the same is less likely than 1 in 1,000,000.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from huitou_chassis import Invalid, Tx
from segment_svc import memory
from segment_svc.columns import unpacked
from segment_svc.memory import Roll
from segment_svc.people import Ints

FEWEST, MOST = 2, 5
LOW = 5


class Part(NamedTuple):
    """These audiences: how many customers are in all of them, and how many of those in none of the others."""

    audiences: list[str]
    size: int
    only: int


def ids(named: str) -> list[str]:
    """The audiences named, with commas between them; Invalid unless they are 2 to 5 different ones."""
    found = named.split(",")
    if not FEWEST <= len(found) <= MOST or len(set(found)) < len(found):
        raise Invalid(field="audiences", detail=f"{FEWEST} to {MOST} different ids, with commas between them")
    return found


async def overlap(tx: Tx, shop: str, audiences: Sequence[str]) -> list[Part]:
    """Every choice of the audiences, single ones first."""
    only = regions([roll.numbers for roll in await _rolls(tx, shop, audiences)])
    masks = range(1, 1 << len(audiences))
    found = []
    for mask in sorted(masks, key=lambda mask: (mask.bit_count(), [-(mask >> place & 1) for place in range(MOST)])):
        named = [audience for place, audience in enumerate(audiences) if mask >> place & 1]
        found.append(Part(named, sum(only[other] for other in masks if other & mask == mask), only[mask]))
    return found


def regions(rolls: Sequence[Ints]) -> list[int]:
    """How many numbers are in just the rolls whose bits are set in the place: [0, in the first only, …]."""
    marked = np.concatenate([roll << LOW | place for place, roll in enumerate(rolls)])
    # They come as a few sorted runs, which a stable sort only merges.
    marked.sort(kind="stable")
    if not len(marked):
        return [0] * (1 << len(rolls))
    whose = marked >> LOW
    begins = np.flatnonzero(np.append(True, whose[1:] != whose[:-1]))
    masks = np.bitwise_or.reduceat(1 << (marked & (1 << LOW) - 1), begins)
    counts: list[int] = np.bincount(masks, minlength=1 << len(rolls)).tolist()
    return counts


async def _rolls(tx: Tx, shop: str, audiences: Sequence[str]) -> list[Roll]:
    """Who is in each; read in one statement, so that all are of one moment."""
    remembered = memory.of(tx).rolls
    known = [remembered.recall((shop, audience)) for audience in audiences]
    rows = await tx.fetch(
        """
        SELECT h.moves, CASE WHEN h.moves IS DISTINCT FROM a.known THEN (
            SELECT coalesce(string_agg(int8send(hashtextextended(customer_id, 0)), ''), '')
            FROM member AS m WHERE m.shop_id = $1 AND m.audience_id = a.id
        ) END
        FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS a (id, known, place)
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(moves), 0)::bigint AS moves FROM headcount AS h
            WHERE h.shop_id = $1 AND h.audience_id = a.id
        ) AS h
        ORDER BY a.place
        """,
        shop,
        audiences,
        [roll and roll.moves for roll in known],
    )
    found = []
    for audience, roll, (moves, hashes) in zip(audiences, known, rows, strict=True):
        if hashes is not None:
            roll = Roll(moves, np.sort(unpacked(hashes) >> LOW))
            remembered.keep((shop, audience), roll)
        assert roll is not None
        found.append(roll)
    return found
