"""Calls on a shop's figures that are too large for its overview: every region, and discounts."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from huitou_chassis import Model, Page, Paged, Router, ShopId, Transaction
from huitou_events import moment
from segment_svc import discounts, roster, splits
from segment_svc.crowds import Crowd
from segment_svc.discounts import Discount, Region
from segment_svc.gatherings import gathered
from segment_svc.ledgers import Ledger
from segment_svc.overviews_api import From, RegionOut, When, region
from segment_svc.periods import Period, period
from segment_svc.splits import Place

By: TypeAlias = Literal["country", "province", "city"]
NAMED = 10

router = Router(tags=["figures"])


@router.get("/figures/regions")
async def regions(
    shop: ShopId, page: Page, tx: Transaction, by: By = "province", from_: From = None, until: When = None
) -> Paged[RegionOut]:
    """Every region that visitors or buyers of the period are in now, the most visited first."""
    asked = period(tx, (await roster.read(tx, [shop]))[shop].timezone, from_, until)
    found = (await gathered(tx, shop, asked, _split))[by]
    (start,) = page.key(int) or [0]
    rows = list(enumerate(found, 1))[start : start + page.limit + 1]
    return page.answer(rows, key=lambda row: [row[0]], item=lambda row: region(row[1]))


def _split(ledger: Ledger, crowd: Crowd, asked: Period) -> Mapping[str, Sequence[Place]]:
    return splits.splits(ledger, crowd.of(ledger.who), asked).regions


class DiscountOut(Model):
    """`priced_trades` of the `paid_trades` have prices in the catalogue for all their lines; amounts are theirs."""

    paid_trades: int
    priced_trades: int
    list_amount: int
    paid_amount: int
    discount: float | None


class DayDiscount(DiscountOut):
    """A day of the shop's calendar, `until` excluded."""

    date: datetime.date
    from_: Annotated[datetime.datetime, Field(alias="from")]
    until: datetime.datetime


class RegionDiscount(DiscountOut):
    """`name` is null where the region is not known."""

    name: str | None


class DiscountsOut(Model):
    """`regions` has of each kind the ten in which the most was paid, unknown ones among them."""

    from_: Annotated[datetime.datetime, Field(alias="from")]
    until: datetime.datetime
    timezone: str
    total: DiscountOut
    days: Sequence[DayDiscount]
    regions: dict[str, list[RegionDiscount]]


@router.get("/figures/discounts")
async def discounted(shop: ShopId, tx: Transaction, from_: From = None, until: When = None) -> DiscountsOut:
    """How much less than the catalogue's prices was paid, over whole days; the last 30 days unless given."""
    asked = period(tx, (await roster.read(tx, [shop]))[shop].timezone, from_, until)
    found = await discounts.discounts(tx, shop, asked)
    return DiscountsOut(
        from_=moment(asked.bounds[0]),
        until=moment(asked.bounds[-1]),
        timezone=asked.zone.key,
        total=DiscountOut(**_figures(found.total)),
        days=[_day(asked, place, one) for place, one in enumerate(found.days)],
        regions={name: [_named(one) for one in regions[:NAMED]] for name, regions in found.regions.items()},
    )


def _day(asked: Period, place: int, found: Discount) -> DayDiscount:
    return DayDiscount(
        date=datetime.date.fromordinal(asked.days[place]),
        from_=moment(asked.bounds[place]),
        until=moment(asked.bounds[place + 1]),
        **_figures(found),
    )


def _named(found: Region) -> RegionDiscount:
    return RegionDiscount(name=found.name, **_figures(found.discount))


def _figures(found: Discount) -> dict[str, Any]:
    return {name: getattr(found, name) for name in DiscountOut.model_fields}
