"""How much less than the catalogue's prices customers paid, by days and regions."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

import numpy as np

from huitou_chassis import Tx
from segment_svc import bills, sheets
from segment_svc.bills import Bills
from segment_svc.columns import total, unpacked
from segment_svc.crowds import Crowd, crowd
from segment_svc.gatherings import turn
from segment_svc.insights import PLACES
from segment_svc.ledgers import NO_NUMBERS, numbered
from segment_svc.overviews import share
from segment_svc.people import Bools, Ints
from segment_svc.periods import Period
from segment_svc.sheets import People

COLUMNS = ("who", "at", "amount", "bill", "item", "quantity")
PART = 26
NO_BILLS = Bills([], *(NO_NUMBERS for _ in COLUMNS))


@dataclass
class Discount:
    """Of `paid_trades` the `priced_trades` are those of whose lines every price is known; amounts are theirs."""

    paid_trades: int = 0
    priced_trades: int = 0
    list_amount: int = 0
    paid_amount: int = 0

    @property
    def discount(self) -> float | None:
        return share(self.list_amount - self.paid_amount, self.list_amount)


class Region(NamedTuple):
    """A region by its name, None where it is not known."""

    name: str | None
    discount: Discount


@dataclass
class Discounts:
    """Regions by their kind, those where the most was paid first."""

    total: Discount
    days: list[Discount]
    regions: dict[str, list[Region]] = field(default_factory=lambda: {name: [] for name in PLACES})


async def discounts(tx: Tx, shop: str, period: Period) -> Discounts:
    """The discounts of the period's paid trades, by its days and by where the customers are known to be now."""
    async with turn(tx):
        found = await bills.read(tx, shop, period)
        prices, people = await _prices(tx, shop), await sheets.people(tx, shop)
        return await asyncio.to_thread(_work_out, found, prices, people, period)


Prices: TypeAlias = Mapping[str, bytes]


async def _prices(tx: Tx, shop: str) -> Prices:
    """Of each item its prices in order, each as its moment and its amount in 8 bytes."""
    rows = await tx.fetch(
        """
        SELECT item_id, string_agg(int8send(at) || int8send(price), '' ORDER BY at, source, event_id)
        FROM price WHERE shop_id = $1 GROUP BY item_id
        """,
        shop,
    )
    return {row[0]: row[1] for row in rows}


def _work_out(found: Sequence[Bills], prices: Prices, people: Sequence[People], period: Period) -> Discounts:
    together = _together(found)
    listed = _listed(together, prices)
    inside = (together.at >= period.bounds[0]) & (together.at < period.until)
    priced = inside & listed.known
    who, (persons,) = numbered([together.who])
    there = crowd(people).of(who)
    lines = priced[listed.bill]

    def grouped(group: Ints, groups: int) -> list[Discount]:
        """By the group of each bill."""
        of_line = group[listed.bill[lines]]
        low, high = (total(of_line, part[lines], groups).tolist() for part in (listed.low, listed.high))
        columns = (
            np.bincount(group[inside], minlength=groups).tolist(),
            np.bincount(group[priced], minlength=groups).tolist(),
            [one + (other << PART) for one, other in zip(low, high, strict=True)],
            total(group[priced], together.amount[priced], groups).tolist(),
        )
        return [Discount(*row) for row in zip(*columns, strict=True)]

    days = grouped(np.searchsorted(period.bounds, together.at, "right") - 1, len(period.days))
    places = grouped(there.place[persons].astype(np.int64), len(there.places))
    return Discounts(_sum(days), days, {kind: _regions(there, places, which) for which, kind in enumerate(PLACES)})


def _regions(there: Crowd, places: Sequence[Discount], which: int) -> list[Region]:
    """Of one kind, from the discounts of each of the crowd's places."""
    found: dict[str | None, list[Discount]] = defaultdict(list)
    for place, one in zip(there.places, places, strict=True):
        if one.paid_trades:
            found[place[which]].append(one)
    regions = [Region(name, _sum(parts)) for name, parts in found.items()]
    return sorted(regions, key=lambda one: (-one.discount.paid_amount, one.name is None, one.name or ""))


def _sum(parts: Sequence[Discount]) -> Discount:
    return Discount(*(sum(getattr(one, name) for one in parts) for name in Discount.__dataclass_fields__))


def _together(found: Sequence[Bills]) -> Bills:
    """All of them as one, with each item once."""
    items: dict[str, int] = {}
    before, parts = 0, [NO_BILLS]
    for one in found:
        codes = np.array([*(items.setdefault(item, len(items)) for item in one.items), -1])
        parts.append(replace(one, bill=one.bill + before, item=codes[one.item]))
        before += len(one.who)
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS)
    return Bills(list(items), *columns)


@dataclass(frozen=True)
class Listed:
    """What each line with a price comes to, `low` + (`high` << PART), and of which bills all lines have one."""

    bill: Ints
    low: Ints
    high: Ints
    known: Bools


def _listed(found: Bills, prices: Prices) -> Listed:
    columns = [unpacked(prices.get(item)).reshape(-1, 2) for item in found.items]
    numbers = np.array([len(column) for column in columns], np.int64)
    since, price = np.concatenate([np.empty((0, 2), np.int64), *columns]).T
    first = np.cumsum(numbers) - numbers
    # Moments by their rank among the prices', so that item and moment are one number to look up.
    moments = np.sort(since)
    keys = np.repeat(np.arange(len(numbers)), numbers) << 32 | np.searchsorted(moments, since, "right")
    has_price = (found.item >= 0) & (np.append(numbers, 0)[found.item] > 0)
    item, bill, quantity = found.item[has_price], found.bill[has_price], found.quantity[has_price]
    place = np.searchsorted(keys, item << 32 | np.searchsorted(moments, found.at[bill], "right"), "right") - 1
    # An item's first price holds before it, too: a catalogue often comes later than the first trades.
    of_line = price[np.maximum(place, first[item])]
    told, valued = (np.bincount(bills, minlength=len(found.who)) for bills in (found.bill, bill))
    low, high = (of_line & (1 << PART) - 1) * quantity, (of_line >> PART) * quantity
    return Listed(bill, low, high, (told > 0) & (told == valued))
