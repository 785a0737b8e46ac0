"""Whom the rules of audiences that are being built hold for: found for a whole shop at once, and kept by the process.

What was found is right for a customer as long as nothing is told of them and their moment has not come; of the others a
walk finds out.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from huitou_chassis import Context
from huitou_chassis.db import Database
from segment_svc import censuses, populations, roster
from segment_svc.columns import matched
from segment_svc.nodes import Rule
from segment_svc.people import NEVER, Bools, Ints
from segment_svc.populations import Population
from segment_svc.roster import Roster

OLDEST_SECONDS = 1800
"""So long after it was found so much may have been told meanwhile that finding it anew costs less."""


@dataclass(frozen=True)
class Finding:
    """The members of an audience by a rule at a moment, among customers of these versions."""

    rule: Rule
    there: Roster
    at: int
    made: float
    versions: Ints
    population: Population

    def suits(self, there: Roster, audience: str) -> bool:
        """Whether the shop's rule is still the one that was held against everybody."""
        young = time.monotonic() - self.made < OLDEST_SECONDS
        return young and there.timezone == self.there.timezone and there.rules.get(audience) == self.rule


@dataclass(frozen=True)
class Found:
    """Of some customers (size,): who is as they were when they were found, whom each audience holds from `at` on, and
    until when."""

    at: int
    same: Bools
    holding: Mapping[str, Bools]
    until: Ints


class Findings:
    """What this process has found of the audiences that are being built, by shop and audience."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Finding] = {}

    def missing(self, there: Roster, audiences: Collection[str]) -> list[str]:
        """Those whose members are to be found first."""
        known = [(audience, self._known.get((there.shop, audience))) for audience in sorted(audiences)]
        return [audience for audience, found in known if found is None or not found.suits(there, audience)]

    def keep(self, shop: str, found: Mapping[str, Finding]) -> None:
        self._known |= {(shop, audience): one for audience, one in found.items()}

    def drop(self, shop: str, audiences: Collection[str]) -> None:
        for audience in audiences:
            self._known.pop((shop, audience), None)

    def of(self, shop: str, audiences: Collection[str], who: Ints, versions: Ints) -> Found:
        """What was found of the customers with these numbers, who have these versions now."""
        same, until = np.ones(len(who), np.bool_), np.full(len(who), NEVER)
        holding, at = {}, -NEVER
        looked_at: Ints | None = None
        for audience in audiences:
            found = self._known[shop, audience]
            if found.population.who is not looked_at:
                # What was found together is about the same customers.
                looked_at = found.population.who
                place, known = matched(looked_at, who)
            at = max(at, found.at)
            same &= known
            holding[audience] = np.zeros(len(who), np.bool_)
            holding[audience][known] = found.population.holding[audience][place]
            same[known] &= found.versions[place] == versions[known]
            until[known] = np.minimum(until[known], found.population.until[place])
        return Found(at, same, holding, until)


async def find(ctx: Context, shop: str, audiences: Sequence[str]) -> None:
    """Holds the rules of these audiences against the whole shop, as it is at one moment."""
    async with ctx.db.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        there = (await roster.read(tx, [shop]))[shop]
        rules = {audience: there.rules[audience] for audience in audiences if audience in there.rules}
        found = await censuses.held(tx, shop, there.timezone, rules, tx.us)
        versions = await populations.versions(tx, shop, found.who)
    made = time.monotonic()
    of(ctx.db).keep(shop, {name: Finding(rule, there, tx.us, made, versions, found) for name, rule in rules.items()})


_FINDINGS: WeakKeyDictionary[Database, Findings] = WeakKeyDictionary()


def of(db: Database) -> Findings:
    """What this process has found in the database."""
    return _FINDINGS.setdefault(db, Findings())
