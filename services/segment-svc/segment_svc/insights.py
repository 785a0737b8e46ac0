"""An audience seen from above, against the whole shop: who its members are, what they bought, and who came and paid."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from huitou_chassis import Tx
from segment_svc import histories
from segment_svc.calendar import DAY
from segment_svc.customers import Customer
from segment_svc.figures import COMPLETED
from segment_svc.nodes import Aged, Occurred
from segment_svc.occurrences import measured, turnover
from segment_svc.people import CODES, UNKNOWN, Bools, Ints, People
from segment_svc.portraits import ages, current
from segment_svc.roster import Roster
from segment_svc.steps import present
from segment_svc.view import View

MOST = 20_000
GENDERS = ("female", "male", "unknown")
BANDS = {"0-17": 0, "18-24": 18, "25-29": 25, "30-34": 30, "35-39": 35, "40-49": 40, "50-59": 50, "60+": 60}
"""Bands of ages by the youngest in each."""
PLACES = ("country", "province", "city")
MONTH = Aged(30 * DAY)
VISITED = Occurred(frozenset({"page.viewed"}), window=MONTH)
PAID = Occurred(frozenset({"trade.paid", "trade.completed"}), window=MONTH)
EVERYBODY = "SELECT customer_id FROM customer WHERE shop_id = $1 AND born_us <= $2"
MEMBERS = "SELECT customer_id FROM member WHERE shop_id = $1 AND audience_id = $2"


@dataclass
class Bought:
    """Of so many customers, those who traded, their completed trades, and the amount of these less refunds."""

    customers: int = 0
    trading: int = 0
    trades: int = 0
    amount: int = 0

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None

    def add(self, whose: Bools, trades: Ints, amount: Ints) -> None:
        self.customers += int(whose.sum())
        self.trading += int((trades[whose] > 0).sum())
        self.trades += int(trades[whose].sum())
        self.amount += int(amount[whose].sum())


@dataclass
class Insight:
    """Sums over customers; `places` by attribute and value ("" where unknown), the last two over the last 30 days."""

    bought: Bought = field(default_factory=Bought)
    genders: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GENDERS, 0))
    ages: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*BANDS, "unknown"), 0))
    places: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in PLACES})
    members: Bought = field(default_factory=Bought)
    visitors: int = 0
    buyers: int = 0


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
    async for people in histories.viewed(tx, there.shop, ids):
        _add(insight, there, people, tx.us)
    return insight


def _add(insight: Insight, there: Roster, people: Sequence[Customer], now: int) -> None:
    at = np.full(len(people), now, np.int64)
    view = View(People.of([customer.person for customer in people], there.timezone), at)
    trades, amount = present(measured(view, COMPLETED), at), present(turnover(view, COMPLETED), at)
    insight.bought.add(np.ones(len(people), np.bool_), trades, amount)
    insight.members.add(current(view, "member") == 1, trades, amount)
    insight.visitors += int((present(measured(view, VISITED), at) > 0).sum())
    insight.buyers += int((present(measured(view, PAID), at) > 0).sum())
    for gender, number in _numbers(current(view, "gender")).items():
        insight.genders[gender if gender in GENDERS else "unknown"] += number
    for name, places in insight.places.items():
        places.update(_numbers(current(view, name)))
    known = ages(view)
    bands = np.searchsorted(list(BANDS.values()), known[known != UNKNOWN], "right") - 1
    for band, number in zip(BANDS, np.bincount(bands, minlength=len(BANDS)).tolist(), strict=True):
        insight.ages[band] += number
    insight.ages["unknown"] += int((known == UNKNOWN).sum())


def _numbers(codes: Ints) -> Counter[str]:
    """How many have each text; "" is nothing."""
    values, numbers = np.unique(codes, return_counts=True)
    found: Counter[str] = Counter()
    for code, number in zip(values.tolist(), numbers.tolist(), strict=True):
        found[CODES.texts.get(code, "")] += number
    return found
