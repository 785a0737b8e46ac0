"""A shop from above, over a period and by its days: who came and how they looked around, who paid and traded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from segment_svc import memberships
from segment_svc.calendar import SLOT
from segment_svc.crowds import Crowd
from segment_svc.ledgers import Deals, Ledger, distinct, totals
from segment_svc.people import Bools
from segment_svc.periods import Period
from segment_svc.sheets import ACTED, COMPLETED, DWELLED, PAID, UNBOUND, UNDONE


@dataclass
class Figures:
    """What was counted, as docs/figures.md defines it; amounts in the minor unit. Rates follow from it."""

    visitors: int = 0
    page_views: int = 0
    dwell_seconds: int = 0
    dwellers: int = 0
    visits: int = 0
    bounces: int = 0
    buyers: int = 0
    paid_trades: int = 0
    paid_amount: int = 0
    trading_customers: int = 0
    trades: int = 0
    amount: int = 0
    member_trades: int = 0
    member_amount: int = 0
    members: int = 0
    active_members: int = 0

    @property
    def bounce_rate(self) -> float | None:
        return share(self.bounces, self.visits)

    @property
    def conversion(self) -> float | None:
        return share(self.buyers, self.visitors)

    @property
    def page_views_per_visitor(self) -> float | None:
        return share(self.page_views, self.visitors)

    @property
    def average_dwell_seconds(self) -> float | None:
        return share(self.dwell_seconds, self.dwellers)

    @property
    def member_activity(self) -> float | None:
        return share(self.active_members, self.members)

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None


def share(part: int, whole: int) -> float | None:
    """To four digits after the point; None of nothing."""
    return round(part / whole, 4) if whole else None


@dataclass(frozen=True)
class Overview:
    total: Figures
    days: Sequence[Figures]


def overview(ledger: Ledger, there: Crowd, crowd: Crowd, period: Period) -> Overview:
    """The period's figures and those of each of its days. A customer who came on two days is one visitor of both.

    There are the ledger's persons, the crowd is the shop's.
    """
    columns = {
        "members": memberships.numbers(crowd, period),
        "active_members": _active_members(ledger, there, period),
        **_comings(ledger),
        **_payments(ledger),
        **_completions(ledger, there),
    }
    found = [Figures(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    return Overview(found[0], found[1:])


def _comings(ledger: Ledger) -> dict[str, list[int]]:
    """By their names the numbers of the whole period, and of each day."""
    looks = {"page_views": "views", "dwell_seconds": "dwell_seconds", "visits": "visits", "bounces": "bounces"}
    return {
        "visitors": ledger.visitors.numbers,
        "dwellers": distinct(ledger.who_did(DWELLED), len(ledger.who)).numbers,
        **{name: totals([looks[column].astype(np.int64) for looks in ledger.looks]) for name, column in looks.items()},
    }


def _active_members(ledger: Ledger, there: Crowd, period: Period) -> list[int]:
    """A member of the period may have been active in it, and on no day on which they were a member."""
    found = distinct(ledger.who_did(ACTED), len(ledger.who), _members(there, period))
    begin, end = period.bounds[0] // SLOT, -(-period.until // SLOT)
    return [int(np.count_nonzero(found.ever & (there.joined < end) & (there.left > begin))), *found.numbers[1:]]


def _members(there: Crowd, period: Period) -> Iterator[Bools]:
    """Of each day who was a member at any moment of it."""
    bounds = np.array(period.bounds) // SLOT
    inside = (there.joined < bounds[0]) & (there.left > bounds[0])
    comers = np.flatnonzero((there.joined >= bounds[0]) & (there.joined < bounds[-1]))
    leavers = np.flatnonzero((there.joined != UNBOUND) & (there.left > bounds[0]) & (there.left <= bounds[-1]))
    came, gone = there.joined[comers], there.left[leavers]
    for start, end in pairwise(bounds):
        inside[comers[(came >= start) & (came < end)]] = True
        inside[leavers[gone <= start]] = False
        yield inside


def _payments(ledger: Ledger) -> dict[str, list[int]]:
    paid = ledger.deals[PAID]
    return {
        "buyers": ledger.buyers.numbers,
        "paid_trades": _number(paid),
        "paid_amount": totals([deals.amount for deals in paid]),
    }


def _completions(ledger: Ledger, there: Crowd) -> dict[str, list[int]]:
    """Those that are fully refunded count for their amounts only."""
    standing, undone = ledger.deals[COMPLETED], ledger.deals[UNDONE]
    of_members = [[_of_members(deals, there) for deals in days] for days in (standing, undone)]
    return {
        "trading_customers": ledger.traders.numbers,
        "trades": _number(standing),
        "amount": _amount(standing, undone),
        "member_trades": _number(of_members[0]),
        "member_amount": _amount(*of_members),
    }


def _of_members(deals: Deals, there: Crowd) -> Deals:
    """Those of persons who were members at the time."""
    return deals.of((there.joined[deals.person] <= deals.slot) & (deals.slot < there.left[deals.person]))


def _number(days: Sequence[Deals]) -> list[int]:
    found = [len(deals.amount) for deals in days]
    return [sum(found), *found]


def _amount(*kinds: Sequence[Deals]) -> list[int]:
    return totals([np.concatenate([deals.amount for deals in day]) for day in zip(*kinds, strict=True)])
