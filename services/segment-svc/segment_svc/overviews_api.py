"""Calls on a shop's figures."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from huitou_chassis import Model, Router, ShopId, Transaction
from huitou_events import moment
from segment_svc import overviews, roster
from segment_svc.overviews import Figures
from segment_svc.periods import Period, period

When = Annotated[str | None, Query(max_length=40, description="A date (2026-11-01) or an RFC 3339 time")]
From = Annotated[str | None, Query(alias="from", max_length=40, description="A date (2026-11-01) or an RFC 3339 time")]

router = Router(tags=["figures"])


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


class DayFigures(FiguresOut):
    """A day of the shop's calendar, `until` excluded."""

    date: date
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime


class OverviewOut(Model):
    """Whole days of the shop's calendar, `until` excluded; who came on two days is one visitor in `total`."""

    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    timezone: str
    total: FiguresOut
    days: Sequence[DayFigures]


@router.get("/overview")
async def overview(shop: ShopId, tx: Transaction, from_: From = None, until: When = None) -> OverviewOut:
    """The last 30 days with today unless given; at most 731."""
    asked = period(tx, (await roster.read(tx, [shop]))[shop].timezone, from_, until)
    found = await overviews.overview(tx, shop, asked)
    return OverviewOut(
        from_=moment(asked.bounds[0]),
        until=moment(asked.bounds[-1]),
        timezone=asked.zone.key,
        total=FiguresOut(**_figures(found.total)),
        days=[_day(asked, place, figures) for place, figures in enumerate(found.days)],
    )


def _day(asked: Period, place: int, found: Figures) -> DayFigures:
    return DayFigures(
        date=date.fromordinal(asked.days[place]),
        from_=moment(asked.bounds[place]),
        until=moment(asked.bounds[place + 1]),
        **_figures(found),
    )


def _figures(found: Figures) -> dict[str, int | float | None]:
    return {name: getattr(found, name) for name in FiguresOut.model_fields}
