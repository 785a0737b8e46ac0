"""What one customer comes to in the customer table: views, carts, orders, payments up to a moment."""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from segment_svc import payments
from segment_svc.columns import earliest, lasts, total
from segment_svc.figures import COMPLETED
from segment_svc.occurrences import measured, turnover
from segment_svc.people import CODES, KINDS, UNKNOWN, Bools, Ints, People, Person
from segment_svc.portraits import current
from segment_svc.steps import present
from segment_svc.view import View

ORDERS = frozenset({"trade.created", "trade.paid", "trade.completed"})
PAYMENTS = frozenset({"trade.paid", "trade.completed"})
NOTHING = -1
LARGEST = 2**63 - 1
ANYWHERE = ZoneInfo("UTC")
"""None of these figures goes by a calendar."""


class Figures(NamedTuple):
    """One customer's figures; money in the minor unit, moments in microseconds.

    An unknown country is "", an amount that was never paid `NOTHING`, its moment `UNKNOWN`.
    """

    country: str
    fan: bool
    dwell_seconds: int
    product_views: int
    carts: int
    orders: int
    trades: int
    amount: int
    last_paid_amount: int
    last_paid_us: int


def figures(people: Sequence[Person], at: Ints) -> list[Figures]:
    """Of each person, what was so at their moment `at` (size,)."""
    view = View(People.of(people, ANYWHERE), at)
    country = [CODES.texts.get(code, "") for code in current(view, "country").tolist()]
    fan = (current(view, "fan") == 1).tolist()
    paid_amount, paid_at = _last_paid(view)
    numbers = [
        _dwell(view),
        _number(view, "page.viewed", _with_item(view)),
        _number(view, "cart.added"),
        _orders(view),
        present(measured(view, COMPLETED), at),
        present(turnover(view, COMPLETED), at),
        paid_amount,
        paid_at,
    ]
    columns = [[min(int(value), LARGEST) for value in column] for column in numbers]
    return [Figures._make(row) for row in zip(country, fan, *columns, strict=True)]


def _past(view: View) -> Bools:
    events = view.people.events
    return events.at <= view.at[events.who]


def _number(view: View, kind: str, which: Bools | None = None) -> Ints:
    events = view.people.events
    wanted = (events.kind == KINDS[kind]) & _past(view)
    return np.bincount(events.who[wanted if which is None else wanted & which], minlength=view.people.size)


def _with_item(view: View) -> Bools:
    """Whether an event's first line names an item."""
    events, lines = view.people.events, view.people.lines
    named = np.zeros(len(events.at), np.bool_)
    some = np.flatnonzero(events.lines > 0)
    named[some] = lines.item[events.first[some]] >= 0
    return named


def _dwell(view: View) -> Ints:
    events = view.people.events
    rows = np.flatnonzero((events.kind == KINDS["page.viewed"]) & _past(view))
    return total(events.who[rows], events.dwell[rows], view.people.size)


def _orders(view: View) -> Ints:
    found = view.chosen(ORDERS)
    return np.bincount(found.who[found.age >= 0], minlength=view.people.size)


def _last_paid(view: View) -> tuple[Ints, Ints]:
    """The amount and the moment of each customer's last payment that stands: each trade is paid once, at its first."""
    events = view.people.events
    rows = np.flatnonzero(view.of_kinds(PAYMENTS))
    now = view.at[events.who[rows]]
    rows = rows[(events.at[rows] <= now) & (payments.ends(events, view.trades, rows) > now)]
    rows = rows[earliest(view.trades[rows])]
    rows = rows[lasts(events.who[rows])]
    amount, at = np.full(view.people.size, NOTHING), np.full(view.people.size, UNKNOWN)
    amount[events.who[rows]], at[events.who[rows]] = events.amount[rows], events.at[rows]
    return amount, at
