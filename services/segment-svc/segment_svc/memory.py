"""What a process remembers of customers and rosters between transactions; the tables are the truth."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from huitou_chassis import Tx
from huitou_chassis.db import Database
from segment_svc.people import Ints, Person

if TYPE_CHECKING:
    from segment_svc.roster import Roster

Key = tuple[str, str]
BOUND = 3_000_000
LEAST_WEIGHT = 8


@dataclass(frozen=True, slots=True)
class Known:
    """A customer as of a version of their row: what is known of them, and since when they are in which audience."""

    version: int
    person: Person
    members: dict[str, int]

    @property
    def weight(self) -> int:
        return LEAST_WEIGHT + len(self.person.history.rows)


@dataclass(frozen=True, slots=True)
class Roll:
    """Who is in an audience after so many moves: a sorted number for each."""

    moves: int
    numbers: Ints


class Rolls:
    """Those of the audiences that were asked for last, as many as have `bound` members together."""

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._weight = 0
        self._known: OrderedDict[Key, Roll] = OrderedDict()

    def recall(self, key: Key) -> Roll | None:
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def keep(self, key: Key, roll: Roll) -> None:
        before = self._known.pop(key, None)
        self._weight += len(roll.numbers) - (len(before.numbers) if before else 0)
        self._known[key] = roll
        while self._weight > self._bound:
            _, dropped = self._known.popitem(last=False)
            self._weight -= len(dropped.numbers)


class Memory:
    """Customers that were used last, as many as have `bound` events together; each shop's roster, audiences' rolls."""

    def __init__(self, bound: int = BOUND) -> None:
        self.rosters: dict[str, Roster] = {}
        self.rolls = Rolls()
        self._bound = bound
        self._weight = 0
        self._known: OrderedDict[Key, Known] = OrderedDict()

    def recall(self, key: Key, version: int) -> Known | None:
        """The customer, if remembered as of just this version."""
        known = self._known.get(key)
        if known is None or known.version != version:
            return None
        self._known.move_to_end(key)
        return known

    @property
    def full(self) -> bool:
        """Whether others have to go soon for each who is kept."""
        return self._weight >= self._bound * 9 // 10

    def among(self, keys: Iterable[Key]) -> list[Key]:
        """Those of the customers of whom something is remembered."""
        return [key for key in keys if key in self._known]

    def keep(self, key: Key, known: Known) -> None:
        """A version is never given twice, so what a transaction that fails leaves here is never asked for."""
        before = self._known.pop(key, None)
        self._weight += known.weight - (before.weight if before else 0)
        self._known[key] = known
        while self._weight > self._bound:
            _, dropped = self._known.popitem(last=False)
            self._weight -= dropped.weight


_MEMORIES: WeakKeyDictionary[Database, Memory] = WeakKeyDictionary()


def of(tx: Tx) -> Memory:
    """The memory of this process for the database of the transaction."""
    return _MEMORIES.setdefault(tx.ctx.db, Memory())
