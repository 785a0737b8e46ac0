"""Audiences against each other: how many are in each, in several at once, and in just these.

A process remembers who is in an audience, as sorted numbers, for as long as nobody came or left. A number is 59 bits of
a hash of the customer's id: that two customers among a million have the same is less likely than 1 in 1,000,000.
"""

from collections.abc import Mapping, Sequence
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
    """Who is in each, all of the moment of one statement: as remembered, or else all are read."""
    remembered = memory.of(tx).rolls
    known = {audience: remembered.recall((shop, audience)) for audience in audiences}
    rows = await _read(tx, shop, known)
    if any(roll is not None and roll.moves != rows[audience][0] for audience, roll in known.items()):
        known = dict.fromkeys(audiences)
        rows = await _read(tx, shop, known)
    found = []
    for audience, roll in known.items():
        if roll is None:
            moves, hashes = rows[audience]
            roll = Roll(moves, np.sort(unpacked(hashes) >> LOW))
            remembered.keep((shop, audience), roll)
        found.append(roll)
    return found


async def _read(tx: Tx, shop: str, known: Mapping[str, Roll | None]) -> dict[str, tuple[int, bytes | None]]:
    """For each audience how often somebody moved, and who is in it if that is not known."""
    wanted = [audience for audience, roll in known.items() if roll is None]
    return {row[0]: (row[1], row[2]) for row in await tx.fetch(MEMBERS, shop, list(known), wanted)}


# All that are wanted are read at once, which several processes of the server may share in.
MEMBERS = """
    SELECT a.id, h.moves, m.hashes
    FROM unnest($2::text[]) AS a (id)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(moves), 0)::bigint AS moves FROM headcount AS h
        WHERE h.shop_id = $1 AND h.audience_id = a.id
    ) AS h
    LEFT JOIN (
        SELECT audience_id, string_agg(int8send(hashtextextended(customer_id, 0)), '') AS hashes FROM member
        WHERE shop_id = $1 AND audience_id = ANY($3::text[])
        GROUP BY audience_id
    ) AS m ON m.audience_id = a.id
"""
