"""Which items a shop's customers buy again, and after how long: decided from what was bought, without looking further.

An item's rate is that of its buyers who bought it again, drawn towards its category's by the weight of `PRIOR` buyers,
and the category's likewise towards the shop's. The cycle lies between the quartiles of the days between two purchases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from segment_svc.calendar import DAY

PRIOR = 10
LEAST_GAPS = 5
HIGH = 0.2
MIN_BUYERS = 5


@dataclass(frozen=True)
class Override:
    """What the shop says of an item itself; None leaves it to what was bought."""

    high: bool | None = None
    lower_days: int | None = None
    upper_days: int | None = None


@dataclass(frozen=True)
class Demands:
    """A rate of at least `high` is high; an item with less than `min_buyers` goes by its category."""

    high: float = HIGH
    min_buyers: int = MIN_BUYERS
    items: Mapping[str, Override] = field(default_factory=dict)


class Gaps(NamedTuple):
    """How many times something was bought again, and the quartiles of the time since it was last, in microseconds."""

    number: int
    lower: int
    upper: int


class Sold(NamedTuple):
    """An item by its latest category: how many bought it, and how many of them again; no gaps if none did."""

    item: str
    category: str | None
    buyers: int
    again: int
    gaps: Gaps | None


class Cycle(NamedTuple):
    """What is decided of an item. Within its cycle is a customer from `lower_days` after the latest purchase until the
    end of the day `upper_days` after it; `basis` says whose purchases the days are from."""

    item: str
    category: str | None
    buyers: int
    again: int
    rate: float
    basis: str | None
    lower_days: int | None
    upper_days: int | None
    high: bool


def decide(
    sold: Sequence[Sold], of_categories: Mapping[str, Gaps], of_shop: Gaps | None, demands: Demands
) -> list[Cycle]:
    """Each item's rate and cycle."""
    counts: dict[str | None, tuple[int, int]] = {}
    for one in sold:
        for category in {None, one.category}:
            buyers, again = counts.get(category, (0, 0))
            counts[category] = (buyers + one.buyers, again + one.again)
    shop = _share(*counts.get(None, (0, 0)))
    rates = {category: _drawn(*both, shop) for category, both in counts.items()}
    decided = []
    for one in sold:
        is_few = one.buyers < demands.min_buyers
        rate = round(rates[one.category] if is_few else _drawn(one.buyers, one.again, rates[one.category]), 6)
        candidates = (
            ("item", None if is_few else one.gaps),
            ("category", of_categories.get(one.category or "")),
            ("shop", of_shop),
        )
        decided.append(_decided(one, rate, candidates, demands))
    return decided


def _share(buyers: int, again: int) -> float:
    return again / buyers if buyers else 0.0


def _drawn(buyers: int, again: int, towards: float) -> float:
    return (again + PRIOR * towards) / (buyers + PRIOR)


def _decided(one: Sold, rate: float, candidates: Sequence[tuple[str, Gaps | None]], demands: Demands) -> Cycle:
    basis, lower, upper = next(
        (
            (basis, gaps.lower // DAY, gaps.upper // DAY)
            for basis, gaps in candidates
            if gaps is not None and gaps.number >= LEAST_GAPS
        ),
        (None, None, None),
    )
    own = demands.items.get(one.item, Override())
    if own.lower_days is not None and own.upper_days is not None:
        basis, lower, upper = "set", own.lower_days, own.upper_days
    high = rate >= demands.high if own.high is None else own.high
    return Cycle(one.item, one.category, one.buyers, one.again, rate, basis, lower, upper, high and lower is not None)
