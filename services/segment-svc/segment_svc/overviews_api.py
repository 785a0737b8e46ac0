"""Calls on a shop's figures."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from huitou_chassis import Model, Router, ShopId, Transaction
from huitou_events import moment
from segment_svc import industries, overviews, roster, splits
from segment_svc.crowds import Crowd
from segment_svc.gatherings import gathered
from segment_svc.industries import Industry
from segment_svc.insights import PLACES
from segment_svc.ledgers import Ledger
from segment_svc.overviews import Figures, Overview, share
from segment_svc.periods import Period, period
from segment_svc.splits import Group, Place, Splits

When = Annotated[str | None, Query(max_length=40, description="A date (2026-11-01) or an RFC 3339 time")]
From = Annotated[str | None, Query(alias="from", max_length=40, description="A date (2026-11-01) or an RFC 3339 time")]

NAMED = 10

router = Router(tags=["figures"])


class IndustryOut(Model):
    """What the industry reaches, by the table that the shop imported; in `total` the mean of the days."""

    industry: str
    conversion: float | None
    dwell_seconds: float | None


class FiguresOut(Model):
    """Customers are counted once; money is in the minor unit; a rate of nothing is null."""

    visitors: int
    page_views: int
    page_views_per_visitor: float | None
    visits: int
    bounces: int
    bounce_rate: float | None
    dwell_seconds: int
    average_dwell_seconds: float | None
    buyers: int
    paid_trades: int
    paid_amount: int
    conversion: float | None
    trading_customers: int
    trades: int
    amount: int
    average_order_value: int | None
    member_trades: int
    member_amount: int
    members: int
    active_members: int
    member_activity: float | None
    industries: list[IndustryOut]


class DayFigures(FiguresOut):
    """A day of the shop's calendar, `until` excluded."""

    date: date
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime


class GroupOut(Model):
    visitors: int
    buyers: int
    conversion: float | None
    paid_amount: int
    trading_customers: int
    trades: int
    amount: int
    average_order_value: int | None


class ShareOut(GroupOut):
    """`share` is that of all visitors."""

    share: float | None


class FansOut(GroupOut):
    """`genders` counts the visitors of each."""

    genders: dict[str, int]


class RegionOut(GroupOut):
    """`name` is null where the region is not known."""

    name: str | None


class RegionsOut(Model):
    """The ten with the most visitors, how many visited from others, and of how many visitors none is known."""

    top: list[RegionOut]
    rest: int
    unknown: int


class SplitsOut(Model):
    genders: dict[str, ShareOut]
    ages: dict[str, ShareOut]
    fans: FansOut
    others: FansOut
    regions: dict[str, RegionsOut]


class OverviewOut(Model):
    """Whole days of the shop's calendar, `until` excluded; who came on two days is one visitor in `total`."""

    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    timezone: str
    total: FiguresOut
    days: Sequence[DayFigures]
    splits: SplitsOut


@router.get("/overview")
async def overview(shop: ShopId, tx: Transaction, from_: From = None, until: When = None) -> OverviewOut:
    """The last 30 days with today unless given; at most 731."""
    asked = period(tx, (await roster.read(tx, [shop]))[shop].timezone, from_, until)
    found, parts = await gathered(tx, shop, asked, _work_out)
    others = await industries.beside(tx, shop, asked)
    return OverviewOut(
        from_=moment(asked.bounds[0]),
        until=moment(asked.bounds[-1]),
        timezone=asked.zone.key,
        total=FiguresOut(**_figures(found.total), industries=_industries(others[0])),
        days=[_day(asked, place, one, others[place + 1]) for place, one in enumerate(found.days)],
        splits=_splits(parts, found.total.visitors),
    )


def _work_out(ledger: Ledger, crowd: Crowd, asked: Period) -> tuple[Overview, Splits]:
    there = crowd.of(ledger.who)
    return overviews.overview(ledger, there, crowd, asked), splits.splits(ledger, there, asked)


def _day(asked: Period, place: int, found: Figures, others: Sequence[Industry]) -> DayFigures:
    return DayFigures(
        date=date.fromordinal(asked.days[place]),
        from_=moment(asked.bounds[place]),
        until=moment(asked.bounds[place + 1]),
        **_figures(found),
        industries=_industries(others),
    )


def _figures(found: Figures) -> dict[str, Any]:
    return {name: getattr(found, name) for name in FiguresOut.model_fields if name != "industries"}


def _industries(found: Sequence[Industry]) -> list[IndustryOut]:
    return [IndustryOut(**asdict(one)) for one in found]


def _splits(found: Splits, visitors: int) -> SplitsOut:
    return SplitsOut(
        genders={name: _share(group, visitors) for name, group in found.genders.items()},
        ages={name: _share(group, visitors) for name, group in found.ages.items()},
        fans=FansOut(**_group_figures(found.fans[True]), genders=found.fans_genders[True]),
        others=FansOut(**_group_figures(found.fans[False]), genders=found.fans_genders[False]),
        regions={name: _regions(found.regions[name]) for name in PLACES},
    )


def _share(found: Group, visitors: int) -> ShareOut:
    return ShareOut(**_group_figures(found), share=share(found.visitors, visitors))


def _regions(found: Sequence[Place]) -> RegionsOut:
    named = [place for place in found if place.name is not None]
    return RegionsOut(
        top=[region(place) for place in named[:NAMED]],
        rest=sum(place.group.visitors for place in named[NAMED:]),
        unknown=sum(place.group.visitors for place in found if place.name is None),
    )


def region(found: Place) -> RegionOut:
    return RegionOut(name=found.name, **_group_figures(found.group))


def _group_figures(found: Group) -> dict[str, Any]:
    return {name: getattr(found, name) for name in GroupOut.model_fields}
