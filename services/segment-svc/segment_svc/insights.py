"""An audience seen from above, against the whole shop: who its members are and what they bought."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from huitou_chassis import Tx
from segment_svc import histories
from segment_svc.customers import Customer
from segment_svc.evaluate import evaluate
from segment_svc.figures import COMPLETED
from segment_svc.nodes import Attribute, OneOf
from segment_svc.occurrences import measured, turnover
from segment_svc.people import People
from segment_svc.roster import Roster
from segment_svc.steps import present
from segment_svc.view import View

MOST = 20_000
CHUNK = 2_000
GENDERS = {name: Attribute("gender", OneOf(frozenset({name}))) for name in ("female", "male", "unknown")}
EVERYBODY = "SELECT customer_id FROM customer WHERE shop_id = $1 AND born_us <= $2"
MEMBERS = "SELECT customer_id FROM member WHERE shop_id = $1 AND audience_id = $2"


@dataclass
class Insight:
    """Sums over `customers`: those who traded, completed trades and their amount less refunds (minor unit), genders."""

    customers: int = 0
    trading: int = 0
    trades: int = 0
    amount: int = 0
    genders: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GENDERS, 0))

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None


async def of_members(tx: Tx, there: Roster, audience: str) -> Insight:
    """The audience's members, in a large audience a random part of them."""
    return await _looked_at(tx, there, MEMBERS, audience)


async def of_everybody(tx: Tx, there: Roster) -> Insight:
    """The shop's customers, in a large shop a random part of them."""
    return await _looked_at(tx, there, EVERYBODY, tx.us)


async def _looked_at(tx: Tx, there: Roster, source: str, argument: str | int) -> Insight:
    rows = await tx.fetch(f"{source} ORDER BY md5(customer_id) LIMIT $3", there.shop, argument, MOST)
    ids = sorted(row[0] for row in rows)
    insight = Insight()
    for start in range(0, len(ids), CHUNK):
        people = await histories.view(tx, [(there.shop, id) for id in ids[start : start + CHUNK]])
        _add(insight, there, people, tx.us)
    return insight


def _add(insight: Insight, there: Roster, people: Sequence[Customer], now: int) -> None:
    laid = People.of([customer.person for customer in people], there.timezone)
    at = np.full(len(people), now, np.int64)
    view = View(laid, at)
    trades = present(measured(view, COMPLETED), at)
    insight.customers += len(people)
    insight.trading += int((trades > 0).sum())
    insight.trades += int(trades.sum())
    insight.amount += int(present(turnover(view, COMPLETED), at).sum())
    for gender, outcome in evaluate(GENDERS, laid, at).items():
        insight.genders[gender] += int(outcome.value.sum())
