"""People as one evaluation sees them: each at their own moment, with what several conditions share worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from segment_svc import payments
from segment_svc.calendar import local_days
from segment_svc.columns import earliest
from segment_svc.nodes import TRADES
from segment_svc.people import CHANGING, KINDS, NEVER, Bools, Ints, People
from segment_svc.refunds import TRADE_KINDS, Refunds


class Chosen(NamedTuple):
    """Events that a condition names, each trade once: their rows, whose they are, when they happened, how old they
    are at the customer's present, and when they cease to count whatever the window."""

    rows: Ints
    who: Ints
    at: Ints
    age: Ints
    end: Ints

    def some(self, which: Bools) -> Chosen:
        places = np.flatnonzero(which)
        return Chosen(*(column[places] for column in self))


class Latest(NamedTuple):
    """Events, their customers `who` and when: each customer's (size,) are in order of time from row `first` until just
    before row `beyond`, from row `coming` on after the customer's present; `ahead` are all rows of such."""

    at: Ints
    who: Ints
    first: Ints
    coming: Ints
    beyond: Ints
    ahead: Ints


class Valid(NamedTuple):
    """The values of one attribute: whose, and from when to when."""

    who: Ints
    start: Ints
    end: Ints
    value: Ints


class View:
    """`people`, each at their moment `at` (size,), by the calendar of their zone or of another."""

    def __init__(self, people: People, at: Ints, zone: ZoneInfo | None = None) -> None:
        self.people = people
        self.at = at
        self.zone = zone or people.zone
        self._chosen: dict[frozenset[str], Chosen] = {}
        self._counted: dict[frozenset[str], Chosen] = {}
        self._replacing: dict[frozenset[str], Chosen] = {}
        self._latest: dict[frozenset[str], Latest | None] = {}
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

    @cached_property
    def days(self) -> Ints:
        """The day (proleptic ordinal) of each event."""
        return local_days(self.people.events.at, self.zone)

    def chosen(self, named: frozenset[str]) -> Chosen:
        """The events of these types; of several of one trade only the earliest."""
        if named not in self._chosen:
            events = self.people.events
            rows = np.flatnonzero(self.of_kinds(named))
            if len(named & set(TRADES)) > 1:
                rows = self._once_a_trade(rows)
            who, at = events.who[rows], events.at[rows]
            self._chosen[named] = Chosen(rows, who, at, self.at[who] - at, np.full(len(rows), NEVER))
        return self._chosen[named]

    def counted(self, named: frozenset[str]) -> Chosen:
        """The same without trades that are fully refunded; `end` is when one will be."""
        if named not in self._counted:
            found = self.chosen(named)
            if named & set(TRADES) and self.refunds.any:
                found = found._replace(end=self.refunds.ends(found.rows))
                found = found.some((found.end > self.at[found.who]) & (found.end > found.at))
            self._counted[named] = found
        return self._counted[named]

    def latest(self, named: frozenset[str]) -> Latest | None:
        """The same once more, if none of them will be refunded."""
        if named not in self._latest:
            found = self.counted(named)
            self._latest[named] = self._in_order(found) if (found.end == NEVER).all() else None
        return self._latest[named]

    def replacing(self, later: frozenset[str]) -> Chosen:
        """Events that replace earlier ones for an item; a payment does until `end`, and completion is one too."""
        if later not in self._replacing:
            events = self.people.events
            paid = "trade.paid" in later
            rows = np.flatnonzero(self.of_kinds(later | {"trade.completed"} if paid else later))
            end = payments.ends(events, self.trades, rows) if paid else np.full(len(rows), NEVER)
            who, at = events.who[rows], events.at[rows]
            found = Chosen(rows, who, at, self.at[who] - at, end)
            self._replacing[later] = found.some(end > at)
        return self._replacing[later]

    def _in_order(self, found: Chosen) -> Latest:
        persons = np.arange(self.people.size)
        first, beyond = np.searchsorted(found.who, persons, "left"), np.searchsorted(found.who, persons, "right")
        ahead = np.flatnonzero(found.age < 0)
        coming = beyond - np.bincount(found.who[ahead], minlength=len(persons)) if len(ahead) else beyond
        return Latest(found.at, found.who, first, coming, beyond, ahead)

    def of_kinds(self, named: Sequence[str] | frozenset[str]) -> Bools:
        wanted = np.zeros(len(KINDS), np.bool_)
        wanted[[KINDS[name] for name in named]] = True
        return wanted[self.people.events.kind]

    def _once_a_trade(self, rows: Ints) -> Ints:
        of_trades = np.isin(self.people.events.kind[rows], TRADE_KINDS)
        traded = rows[of_trades]
        return np.sort(np.concatenate((rows[~of_trades], traded[earliest(self.trades[traded])])))

    def tagged(self, tag: str) -> Bools:
        """Who has the tag now."""
        found = np.zeros(self.people.size, np.bool_)
        found[[place for place in self._labelled if tag in self.people.persons[place].tags]] = True
        return found

    @cached_property
    def _labelled(self) -> list[int]:
        return [place for place, person in enumerate(self.people.persons) if person.tags]

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
