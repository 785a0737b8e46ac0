"""People as one evaluation sees them: each at their own moment, with what several conditions share worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from segment_svc.nodes import TRADES
from segment_svc.people import CHANGING, KINDS, NEVER, Bools, Ints, People
from segment_svc.refunds import TRADE_KINDS, Refunds


class Chosen(NamedTuple):
    """The events that a condition names, each trade once: their places, whose they are, and when."""

    rows: Ints
    who: Ints
    at: Ints


class Valid(NamedTuple):
    """The values of one attribute: whose, and from when to when."""

    who: Ints
    start: Ints
    end: Ints
    value: Ints


class View:
    """`people`, each at their moment `at` (size,)."""

    def __init__(self, people: People, at: Ints) -> None:
        self.people = people
        self.at = at
        self._chosen: dict[frozenset[str], Chosen] = {}
        self._valid: dict[str, Valid] = {}

    @cached_property
    def refunds(self) -> Refunds:
        return Refunds(self.people, self.trades)

    @cached_property
    def trades(self) -> Ints:
        """For each event a number for its customer and trade together, negative if it has none."""
        events = self.people.events
        most = int(events.trade.max(initial=0)) + 1
        return np.where(events.trade < 0, -1, events.who * most + events.trade)

    def chosen(self, named: frozenset[str]) -> Chosen:
        """The events of these types; of several of one trade only the earliest."""
        if named not in self._chosen:
            events = self.people.events
            rows = np.flatnonzero(self.of_kinds(named))
            if len(named & set(TRADES)) > 1:
                rows = self._once_a_trade(rows)
            self._chosen[named] = Chosen(rows, events.who[rows], events.at[rows])
        return self._chosen[named]

    def of_kinds(self, named: Sequence[str] | frozenset[str]) -> Bools:
        wanted = np.zeros(len(KINDS), np.bool_)
        wanted[[KINDS[name] for name in named]] = True
        return wanted[self.people.events.kind]

    def _once_a_trade(self, rows: Ints) -> Ints:
        of_trades = np.isin(self.people.events.kind[rows], TRADE_KINDS)
        _, earliest = np.unique(self.trades[rows[of_trades]], return_index=True)
        return np.sort(np.concatenate((rows[~of_trades], rows[of_trades][earliest])))

    def valid(self, name: str) -> Valid:
        """The values of an attribute that stood, by customer and time."""
        if name not in self._valid:
            changes = self.people.changes
            rows = np.flatnonzero(changes.name == CHANGING.index(name))
            who, start = changes.who[rows], changes.at[rows]
            end = np.full(len(rows), NEVER)
            same = who[1:] == who[:-1]
            end[:-1][same] = start[1:][same]
            self._valid[name] = Valid(who, start, end, changes.value[rows])
        return self._valid[name]
