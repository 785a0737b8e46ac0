"""Calls on audiences over time and against each other: how many came and went, will be there, are in several."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from huitou_chassis import Model, Page, Paged, Router, ShopId, Time, Transaction
from huitou_events import Id, micros, moment
from segment_svc import audiences, flows, forecasts, moves, overlaps, roster
from segment_svc.calendar import DAY
from segment_svc.flows import By, Step
from segment_svc.forecasts import Day
from segment_svc.moves import Passage

USUAL = {"hour": DAY, "day": 30 * DAY}

router = Router(tags=["audiences over time"])


class PartOut(Model):
    """`size` customers are in all of these audiences, `only` of them in none of the others that were asked for."""

    audiences: list[str]
    size: int
    only: int


class OverlapOut(Model):
    """`union` customers are in any of the audiences; `parts` has every choice of them, single ones first."""

    union: int
    parts: list[PartOut]


@router.get("/audiences/overlap")
async def overlap(
    named: Annotated[str, Query(alias="audiences", description="Two to five ids with commas between them")],
    shop: ShopId,
    tx: Transaction,
) -> OverlapOut:
    ids = overlaps.ids(named)
    await audiences.check(tx, shop, *ids)
    parts = await overlaps.overlap(tx, shop, ids)
    return OverlapOut(
        union=sum(part.only for part in parts),
        parts=[PartOut(audiences=part.audiences, size=part.size, only=part.only) for part in parts],
    )


class StepOut(Model):
    """An hour or a day of the shop's calendar, `until` excluded; `size` is that at its end, or now."""

    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    entered: int
    left: int
    size: int


def step(found: Step) -> StepOut:
    return StepOut(
        from_=moment(found.start),
        until=moment(found.until),
        entered=found.entered,
        left=found.left,
        size=found.size,
    )


@router.get("/audiences/{audience}/flow")
async def flow(
    audience: Id,
    shop: ShopId,
    page: Page,
    tx: Transaction,
    from_: Annotated[Time | None, Query(alias="from")] = None,
    until: Time | None = None,
    by: By = "day",
) -> Paged[StepOut]:
    """Whole hours or days, up to now, those of the last day or the last 30 days unless given.

    They begin with the audience, or with the first who came into a recommended one.
    """
    await audiences.check(tx, shop, audience)
    zone = (await roster.read(tx, [shop]))[shop].timezone
    end = micros(until) if until else tx.us + 1
    (start,) = page.key(int) or [micros(from_) if from_ else end - USUAL[by]]
    rows = await flows.steps(tx, shop, audience, zone, by=by, start=start, until=end, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: [row.until], item=step)


class DayOut(Model):
    """A day of the shop's calendar, `until` excluded, and the size at its end.

    In a large shop it is an estimate: 19 times out of 20 it is right within `error` customers.
    """

    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    size: int
    error: int | None


class ForecastOut(Model):
    """`size` is the present one, `days` those to come if nothing happens but time, beginning with today."""

    size: int
    exact: bool
    days: list[DayOut]


@router.get("/audiences/{audience}/forecast")
async def forecast(
    audience: Id, shop: ShopId, tx: Transaction, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> ForecastOut:
    size = (await audiences.get(tx, shop, audience)).size
    there = (await roster.read(tx, [shop]))[shop]
    found = await forecasts.forecast(tx, there, audience, size, days)
    return ForecastOut(size=size, exact=all(day.error is None for day in found), days=[_day(day) for day in found])


def _day(found: Day) -> DayOut:
    return DayOut(from_=moment(found.start), until=moment(found.until), size=found.size, error=found.error)


class MoveOut(Model):
    """The customer entered the audience, or left it; `initial` if a build found them."""

    audience_id: str
    audience_name: str
    at: datetime
    entered: bool
    initial: bool


def shown(found: Passage) -> MoveOut:
    """The move as it is answered."""
    return MoveOut(
        audience_id=found.audience,
        audience_name=found.name,
        at=moment(found.at),
        entered=found.entered,
        initial=found.initial,
    )


@router.get("/customers/{customer:path}/moves")
async def of_customer(customer: Id, shop: ShopId, page: Page, tx: Transaction) -> Paged[MoveOut]:
    """The latest first."""
    key = page.key(int, int)
    before = (key[0], key[1]) if key else None
    rows = await moves.of_customer(tx, shop, customer, before=before, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: [row.at, row.number], item=shown)
