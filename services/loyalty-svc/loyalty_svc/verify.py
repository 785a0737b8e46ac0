"""Recomputes members from the facts, and tells where what is kept differs."""

from collections.abc import Iterator, Mapping, Sequence

from huitou_chassis import Context, Tx
from loyalty_svc import customers, facts, membership, programmes
from loyalty_svc.models import Customer, Who
from loyalty_svc.standing import Fact
from loyalty_svc.tiers import Version

CHUNK = 500


async def verify(ctx: Context, shop: str, customer: str | None) -> list[str]:
    """A sentence for each difference in a shop, or for one customer of it; safe while events come in."""
    if customer is not None:
        async with ctx.db.transaction() as tx:
            rows = await customers.still(tx, shop, only=customer, limit=1)
            known = await facts.of_customers(tx, [(shop, customer)])
            return await _differences(tx, shop, rows, known)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        async with ctx.db.transaction() as tx:
            rows = await customers.still(tx, shop, after=after, limit=CHUNK)
            until = rows[-1].who[1] if len(rows) == CHUNK else None
            known = await facts.between(tx, shop, after=after, until=until)
            found += await _differences(tx, shop, rows, known)
            after = until
    return found


async def _differences(tx: Tx, shop: str, rows: Sequence[Customer], known: Mapping[Who, Sequence[Fact]]) -> list[str]:
    versions = (await programmes.read(tx, [shop]))[shop]
    lost = sorted(known.keys() - {row.who for row in rows})
    found = [f"{customer}: has {len(known[shop, customer])} facts and no row" for shop, customer in lost]
    for row in rows:
        found += [f"{row.who[1]}: {wrong}" for wrong in _wrong(row, known.get(row.who, ()), versions, tx.us)]
    return found


def _wrong(row: Customer, known: Sequence[Fact], versions: Sequence[Version], now_us: int) -> Iterator[str]:
    if row.due_us == 0:
        yield "is still to be judged by the shop's first programme"
        return
    # What fell due a moment ago is the job's to settle; up to there the row has to be right.
    settled_us = now_us if row.due_us is None else min(now_us, row.due_us - 1)
    right = membership.standing_of(row, known, versions, settled_us)
    for field in ("joined_us", "tier", "amount", "trades", "paid_amount", "paid_trades"):
        kept, derived = getattr(row.standing, field), getattr(right.standing, field)
        if kept != derived:
            yield f"{field} is {kept!r}, the facts say {derived!r}"
    if membership.read(row.history) != membership.read(right.history):
        yield f"history has {len(membership.read(row.history))} steps that are not those of the facts"
    if row.due_us != right.due_us:
        yield f"due_us is {row.due_us!r}, the facts say {right.due_us!r}"
