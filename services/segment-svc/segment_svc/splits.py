"""A period's customers by who they are: gender, age, fans, regions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np

from segment_svc.calendar import EPOCH_DAY
from segment_svc.columns import total
from segment_svc.crowds import Crowd
from segment_svc.insights import BANDS, GENDERS, PLACES
from segment_svc.ledgers import Deals, Ledger
from segment_svc.overviews import share
from segment_svc.people import Ints
from segment_svc.periods import Period
from segment_svc.sheets import COMPLETED, PAID, UNDONE

NAMES = (*BANDS, "unknown")
KINDS_OF = 2 * len(GENDERS)


@dataclass
class Group:
    """Distinct customers of the period; amounts in the minor unit."""

    visitors: int = 0
    buyers: int = 0
    paid_amount: int = 0
    trading_customers: int = 0
    trades: int = 0
    amount: int = 0

    @property
    def conversion(self) -> float | None:
        return share(self.buyers, self.visitors)

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None

    def add(self, numbers: Sequence[int]) -> None:
        for name, number in zip(COUNTED, numbers, strict=True):
            setattr(self, name, getattr(self, name) + number)


COUNTED = tuple(Group.__dataclass_fields__)


class Place(NamedTuple):
    """A region by its name, None where it is not known."""

    name: str | None
    group: Group


@dataclass
class Splits:
    """Groups by gender, age, fan or not (with the genders of visitors), and regions, the most visited first."""

    genders: Mapping[str, Group] = field(default_factory=lambda: {name: Group() for name in GENDERS})
    ages: Mapping[str, Group] = field(default_factory=lambda: {name: Group() for name in NAMES})
    fans: Mapping[bool, Group] = field(default_factory=lambda: {True: Group(), False: Group()})
    fans_genders: Mapping[bool, dict[str, int]] = field(
        default_factory=lambda: {fan: dict.fromkeys(GENDERS, 0) for fan in (True, False)}
    )
    regions: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))


def splits(ledger: Ledger, there: Crowd, period: Period) -> Splits:
    """Who visited or bought in the period, as they are known now; `there` are the ledger's persons."""
    finest = (there.place * (len(BANDS) + 1) + _bands(there, period.today)) * KINDS_OF + there.kind
    codes, numbers = _groups(ledger, finest)
    found = Splits()
    persons, regions = codes // KINDS_OF, codes // (KINDS_OF * (len(BANDS) + 1))
    for code, added in _merged(persons % (len(BANDS) + 1) * KINDS_OF + codes % KINDS_OF, numbers):
        band, kind = divmod(code, KINDS_OF)
        sex, fan = GENDERS[kind // 2], kind % 2 == 1
        found.genders[sex].add(added)
        found.ages[NAMES[band]].add(added)
        found.fans[fan].add(added)
        found.fans_genders[fan][sex] += added[0]
    for place, region in enumerate(PLACES):
        names: dict[str | None, int] = {}
        named = np.array([names.setdefault(one[place], len(names)) for one in there.places])
        listed = list(names)
        for code, added in _merged(named[regions], numbers):
            found.regions[region].append(Place(listed[code], Group(*added)))
        found.regions[region].sort(key=lambda one: (-one.group.visitors, -one.group.buyers, one.name or ""))
    return found


def _bands(there: Crowd, today: int) -> Ints:
    """The place of each one's age in `NAMES`; who was born on 29 February is a year older on 1 March."""
    now = date.fromordinal(today)
    # From the oldest on, so that the days grow. Who was born after the last of them is not born yet, or not known.
    latest = [_latest(now, years) for years in reversed(BANDS.values())]
    older = np.searchsorted(latest, there.born)
    return np.where(older < len(BANDS), len(BANDS) - 1 - older, len(BANDS))


def _latest(day: date, years: int) -> int:
    """The last birthday, in days since 1970, of those who are so many years old on the day."""
    try:
        then = day.replace(year=day.year - years)
    except ValueError:
        then = date(day.year - years, 2, 28)
    return then.toordinal() - EPOCH_DAY


def _groups(ledger: Ledger, code: Ints) -> tuple[Ints, list[list[int]]]:
    """The codes of persons who visited or traded, and what those of one code did: a row as a `Group` has it."""
    paid, standing = _all(ledger.deals[PAID]), _all(ledger.deals[COMPLETED])
    done = _all([*ledger.deals[COMPLETED], *ledger.deals[UNDONE]])
    # As np.unique would, without sorting.
    codes = np.flatnonzero(np.bincount(code))
    place = np.zeros(int(code.max(initial=0)) + 1, np.int64)
    place[codes] = np.arange(len(codes))
    groups = place[code]

    columns = (
        _numbers(groups[ledger.visitors.ever], len(codes)),
        _numbers(groups[ledger.buyers.ever], len(codes)),
        total(groups[paid.person], paid.amount, len(codes)).tolist(),
        _numbers(groups[ledger.traders.ever], len(codes)),
        _numbers(groups[standing.person], len(codes)),
        total(groups[done.person], done.amount, len(codes)).tolist(),
    )
    return codes, [list(row) for row in zip(*columns, strict=True)]


def _all(days: Sequence[Deals]) -> Deals:
    return Deals(*(np.concatenate([getattr(deals, name) for deals in days]) for name in ("person", "slot", "amount")))


def _numbers(groups: Ints, most: int) -> list[int]:
    found: list[int] = np.bincount(groups, minlength=most).tolist()
    return found


def _merged(codes: Ints, rows: Sequence[Sequence[int]]) -> Iterator[tuple[int, list[int]]]:
    """The sums of the rows of each code, unless there is nothing in them."""
    found: dict[int, list[int]] = {}
    for code, row in zip(codes.tolist(), rows, strict=True):
        known = found.get(code)
        found[code] = [*row] if known is None else [one + other for one, other in zip(known, row, strict=True)]
    return ((code, row) for code, row in found.items() if any(row))
