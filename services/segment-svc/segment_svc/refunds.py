"""What refunds take away: when a trade stops counting, and what each of its lines loses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segment_svc.columns import SAFE, firsts, in_order, lasts, running, spread, total
from segment_svc.nodes import REFUND, TRADES
from segment_svc.people import KINDS, NEVER, Bools, Ints, People

TRADE_KINDS = [KINDS[event] for event in TRADES]


class Links(NamedTuple):
    """Which trade has which refund: a place among the rows that were asked for, a row of the people's events."""

    place: Ints
    refund: Ints


class Losses(NamedTuple):
    """From `at` on a line (a row of the people's lines) is worth `amount` less; in order of line."""

    line: Ints
    at: Ints
    amount: Ints


class Refunds:
    """The refunds of these people; `trades` numbers the trade of each of their events, negative if it has none."""

    def __init__(self, people: People, trades: Ints) -> None:
        self._events, self._lines = people.events, people.lines
        self._trades = np.where(np.isin(people.events.kind, TRADE_KINDS), trades, -1)
        rows = np.flatnonzero((people.events.kind == KINDS[REFUND]) & (trades >= 0))
        self._rows = rows[in_order(trades[rows])]
        self._keys = trades[self._rows]

    @property
    def any(self) -> bool:
        return len(self._rows) > 0

    def ends(self, rows: Ints) -> Ints:
        """For each event the moment from which it is fully refunded; NEVER if it is not, or is no trade."""
        end = np.full(len(rows), NEVER)
        place, refund = self.links(rows)
        if not len(place):
            return end
        spent = running(place, self._events.amount[refund]) >= self._events.amount[rows[place]]
        place, at = place[spent], self._events.at[refund[spent]]
        earliest = firsts(place)
        end[place[earliest]] = at[earliest]
        return end

    def links(self, rows: Ints) -> Links:
        """The refunds of each of these events, each trade's in order of time."""
        if not len(self._rows):
            return Links(np.empty(0, np.int64), np.empty(0, np.int64))
        keys = self._trades[rows]
        first = np.searchsorted(self._keys, keys, "left")
        place, index = spread(first, np.searchsorted(self._keys, keys, "right") - first)
        return Links(place, self._rows[index])

    def losses(self, rows: Ints) -> Losses:
        """What the lines of these trades lose: a refund of items by item, any other spread by amount."""
        place, refund = self.links(rows)
        itemised = self._events.lines[refund] > 0
        trade = rows[place]
        some = self._by_item(trade[itemised], refund[itemised])
        rest = self._by_amount(trade[~itemised], refund[~itemised])
        line, at, amount = (np.concatenate(parts) for parts in zip(some, rest, strict=True))
        order = in_order(line)
        return Losses(line[order], at[order], amount[order])

    def _by_amount(self, trade: Ints, refund: Ints) -> Losses:
        """Each line's share of the refund, rounded down; the last line bears what is left."""
        owner, line = spread(self._events.first[trade], self._events.lines[trade])
        worth = self._lines.amount[line]
        whole = total(owner, worth, len(trade))
        given = self._events.amount[refund]
        share = _product(given[owner], worth) // np.maximum(whole, 1)[owner]
        share = share.astype(np.int64)
        last = np.flatnonzero(lasts(owner))
        share[last] += (given - total(owner, share, len(trade)))[owner[last]].astype(np.int64)
        return Losses(line, self._events.at[refund][owner], share)

    def _by_item(self, trade: Ints, refund: Ints) -> Losses:
        """Each refunded line is taken off what is left of the lines of its item, in order; the last bears the rest."""
        link, given = spread(self._events.first[refund], self._events.lines[refund])
        given_so_far = self._given_so_far(trade[link], given)
        owner, line = spread(self._events.first[trade[link]], self._events.lines[trade[link]])
        same = self._lines.item[line] == self._lines.item[given[owner]]
        owner, line = owner[same], line[same]
        worth, last = self._lines.amount[line], lasts(owner)
        skipped = running(owner, worth) - worth
        after = given_so_far[owner] - skipped
        before = after - self._lines.amount[given[owner]]
        loss = _borne(after, worth, last) - _borne(before, worth, last)
        return Losses(line, self._events.at[refund[link]][owner], loss.astype(np.int64))

    def _given_so_far(self, trade: Ints, given: Ints) -> Ints:
        """For each refunded line, in order of time, what went back of its item of the trade up to and with it."""
        order = np.lexsort((self._lines.item[given], trade))
        begins = firsts(trade[order]) | firsts(self._lines.item[given][order])
        sums = running(np.cumsum(begins), self._lines.amount[given][order])
        so_far = np.empty_like(sums)
        so_far[order] = sums
        return so_far


def _borne(given: Ints, worth: Ints, last: Bools) -> Ints:
    """What a line bears of the money that the lines of its item before it do not."""
    borne: Ints = np.maximum(np.where(last, given, np.minimum(given, worth)), 0)
    return borne


def _product(left: Ints, right: Ints) -> Ints:
    if len(left) and float(left.max()) * float(right.max()) >= SAFE:
        left = left.astype(object)
    product: Ints = left * right
    return product
