"""Calls on an audience as a whole: who its members are, against the shop."""

from collections import Counter

from huitou_chassis import Model, Router, ShopId, Transaction
from huitou_events import Id
from segment_svc import audiences, flows, insights, roster
from segment_svc.calendar import DAY
from segment_svc.flows import HOUR
from segment_svc.insights import PLACES, Bought, Insight
from segment_svc.moves_api import StepOut, step
from segment_svc.overviews import share

NAMED = 10
HOURS, DAYS = 24, 30

router = Router(tags=["audiences"])


class PlaceOut(Model):
    name: str
    customers: int


class SplitOut(Model):
    """The places that most customers are in, up to 10; `rest` are in others, of `unknown` none is known."""

    top: list[PlaceOut]
    rest: int
    unknown: int


class BoughtOut(Model):
    customers: int
    trading: int
    trades: int
    amount: int
    average_order_value: int | None


class GroupOut(BoughtOut):
    """`customers` are those looked at, in a large group a random part of it; money is in the minor unit.

    `members` are those of them in the shop's programme. `visitors` viewed a page in the last 30 days, `buyers` paid for
    a trade then that is not fully refunded; `conversion` is buyers by visitors, null without any.
    """

    genders: dict[str, int]
    ages: dict[str, int]
    regions: dict[str, SplitOut]
    members: BoughtOut
    visitors: int
    buyers: int
    conversion: float | None


class InsightOut(Model):
    """Against the shop; `by_hour` and `by_day` are the steps of the last 24 hours and 30 days, as in the flow."""

    size: int
    audience: GroupOut
    shop: GroupOut
    by_hour: list[StepOut]
    by_day: list[StepOut]


@router.get("/audiences/{audience}/insight")
async def insight(audience: Id, shop: ShopId, tx: Transaction) -> InsightOut:
    found = await audiences.get(tx, shop, audience)
    there = (await roster.read(tx, [shop]))[shop]
    inside, everybody = await insights.of_members(tx, there, audience), await insights.of_everybody(tx, there)
    hours = await flows.latest(tx, shop, audience, there.timezone, by="hour", length=HOURS * HOUR)
    days = await flows.latest(tx, shop, audience, there.timezone, by="day", length=DAYS * DAY)
    return InsightOut(
        size=found.size,
        audience=_group(inside),
        shop=_group(everybody),
        by_hour=[step(one) for one in hours],
        by_day=[step(one) for one in days],
    )


def _group(found: Insight) -> GroupOut:
    return GroupOut(
        **_bought(found.bought).model_dump(),
        genders=found.genders,
        ages=found.ages,
        regions={name: _split(found.places[name]) for name in PLACES},
        members=_bought(found.members),
        visitors=found.visitors,
        buyers=found.buyers,
        conversion=share(found.buyers, found.visitors),
    )


def _bought(found: Bought) -> BoughtOut:
    return BoughtOut(
        customers=found.customers,
        trading=found.trading,
        trades=found.trades,
        amount=found.amount,
        average_order_value=found.average_order_value,
    )


def _split(places: Counter[str]) -> SplitOut:
    named = sorted(((name, number) for name, number in places.items() if name), key=lambda one: (-one[1], one[0]))
    return SplitOut(
        top=[PlaceOut(name=name, customers=number) for name, number in named[:NAMED]],
        rest=sum(number for _, number in named[NAMED:]),
        unknown=places[""],
    )
