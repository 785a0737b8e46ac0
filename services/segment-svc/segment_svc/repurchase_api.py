"""Calls on what is bought again in a shop, and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from huitou_chassis import Invalid, Model, Page, Paged, Router, ShopId, Transaction
from huitou_events import Id, moment
from segment_svc import cycles, roster, snapshots
from segment_svc.repurchase import Cycle, Demands, Override

MOST_ITEMS = 1000
Days = Annotated[int, Field(ge=0, le=3650, strict=True)]

router = Router(tags=["snapshots"])


class OwnModel(Model):
    """What the shop says of an item itself; null leaves it to what was bought. The days stand together."""

    high: bool | None = None
    lower_days: Days | None = None
    upper_days: Days | None = None


class DemandsModel(Model):
    """A repurchase rate of at least `high` is high; an item with less than `min_buyers` goes by its category."""

    high: Annotated[float, Field(strict=True, ge=0, le=1)] = Demands.high
    min_buyers: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = Demands.min_buyers
    items: Annotated[dict[Id, OwnModel], Field(max_length=MOST_ITEMS, default_factory=dict)]


class DemandsOut(DemandsModel):
    """With the latest snapshot, null before the first one."""

    version: int | None
    published_at: datetime | None


class CycleOut(Model):
    """An item of which `again` of the `buyers` bought it again. A customer is within its cycle from `lower_days` after
    the latest purchase until the end of the day `upper_days` after it; `basis` says what the days are from."""

    item_id: str
    category_id: str | None
    buyers: int
    again: int
    rate: float
    basis: Literal["item", "category", "shop", "set"] | None
    lower_days: int | None
    upper_days: int | None
    high: bool


@router.get("/repurchase")
async def get(shop: ShopId, tx: Transaction) -> DemandsOut:
    there, latest = await cycles.demands(tx, shop), await snapshots.latest(tx, shop)
    return DemandsOut(
        high=there.high,
        min_buyers=there.min_buyers,
        items={item: OwnModel(**_own(own)) for item, own in there.items.items()},
        version=latest.version if latest else None,
        published_at=moment(latest.published) if latest else None,
    )


@router.put("/repurchase")
async def put(body: DemandsModel, shop: ShopId, tx: Transaction) -> DemandsOut:
    """The next snapshot goes by it."""
    for item, own in body.items.items():
        _check(item, own)
    await roster.read(tx, [shop])
    items = {item: Override(own.high, own.lower_days, own.upper_days) for item, own in body.items.items()}
    await cycles.put_demands(tx, shop, Demands(body.high, body.min_buyers, items))
    return await get(shop, tx)


@router.get("/repurchase/items")
async def items(shop: ShopId, page: Page, tx: Transaction) -> Paged[CycleOut]:
    """Every item that was bought, as of the latest snapshot."""
    (after,) = page.key(str) or [""]
    rows: Sequence[Cycle] = await cycles.listed(tx, shop, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: [row.item], item=_shown)


def _check(item: str, own: OwnModel) -> None:
    if (own.lower_days is None) != (own.upper_days is None):
        raise Invalid(field=f"items.{item}.lower_days", detail="lower_days and upper_days stand together")
    if own.lower_days is not None and own.upper_days is not None and own.lower_days > own.upper_days:
        raise Invalid(field=f"items.{item}.lower_days", detail="at most upper_days")


def _own(own: Override) -> dict[str, bool | int | None]:
    return {"high": own.high, "lower_days": own.lower_days, "upper_days": own.upper_days}


def _shown(row: Cycle) -> CycleOut:
    return CycleOut.model_validate({"item_id": row.item, "category_id": row.category} | _figures(row))


def _figures(row: Cycle) -> dict[str, object]:
    return {name: value for name, value in row._asdict().items() if name not in ("item", "category")}
