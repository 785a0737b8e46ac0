"""Calls on what customers are in the whole shop: snapshots, groups by RFM, loyalty levels."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from huitou_chassis import Model, Router, ShopId, Transaction
from huitou_events import moment
from huitou_events.values import LARGEST
from segment_svc import loyalty_levels, rfm_windows, roster, segments, snapshots
from segment_svc.loyalty_levels import Level
from segment_svc.nodes import SCORES
from segment_svc.snapshots import Snapshot

router = Router(tags=["snapshots"])


class Asked(Model):
    """The snapshot is made from now on; `latest` is the version before it, null if there is none."""

    latest: int | None


class ScoreOut(Model):
    """Who has a score: how many, and their least and greatest figure."""

    score: int
    customers: int
    least: datetime | int
    greatest: datetime | int


class SegmentOut(Model):
    """A named group; `rule` makes an audience of it."""

    key: str
    name: str
    size: int
    rule: dict[str, Any]


class CellOut(Model):
    """How many customers have this combination of scores."""

    recency: int
    frequency: int
    monetary: int
    customers: int


class RfmOut(Model):
    """The latest snapshot; before the first one version and moment are null. `monetary` is in the minor unit. Scored
    are the `customers` with a completed trade within `window_days`, null for all trades since 2010."""

    version: int | None
    published_at: datetime | None
    window_days: int | None
    customers: int
    recency: list[ScoreOut]
    frequency: list[ScoreOut]
    monetary: list[ScoreOut]
    cells: list[CellOut]
    segments: list[SegmentOut]


class RfmSettings(Model):
    """Scores look at the completed trades of so many days; null for all since 2010."""

    window_days: Annotated[int, Field(strict=True, ge=1, le=rfm_windows.LONGEST)] | None


class LevelModel(Model):
    """A level is reached with at least so many trades and at least this amount (minor unit)."""

    trades: Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
    amount: Annotated[int, Field(ge=0, le=LARGEST, strict=True)]


class LevelsModel(Model):
    """Five levels, the lowest first, over the last six full calendar months."""

    levels: list[LevelModel]


@router.post("/snapshots", status_code=202)
async def ask(shop: ShopId, tx: Transaction) -> Asked:
    """A snapshot at once, beside that of each day."""
    await snapshots.ask(tx, shop)
    there = await snapshots.latest(tx, shop)
    return Asked(latest=there.version if there else None)


@router.get("/rfm")
async def rfm(shop: ShopId, tx: Transaction) -> RfmOut:
    return _rfm(await snapshots.latest(tx, shop))


@router.get("/rfm/settings")
async def settings(shop: ShopId, tx: Transaction) -> RfmSettings:
    return RfmSettings(window_days=await rfm_windows.get(tx, shop))


@router.put("/rfm/settings")
async def put_settings(body: RfmSettings, shop: ShopId, tx: Transaction) -> RfmSettings:
    """The next snapshot goes by them."""
    await roster.read(tx, [shop])
    await rfm_windows.put(tx, shop, body.window_days)
    return await settings(shop, tx)


@router.get("/loyalty-levels")
async def levels(shop: ShopId, tx: Transaction) -> LevelsModel:
    return _levels(await loyalty_levels.get(tx, shop))


@router.put("/loyalty-levels")
async def put_levels(body: LevelsModel, shop: ShopId, tx: Transaction) -> LevelsModel:
    """The next snapshot goes by them."""
    await roster.read(tx, [shop])
    await loyalty_levels.put(tx, shop, [Level(level.trades, level.amount) for level in body.levels])
    return _levels(await loyalty_levels.get(tx, shop))


def _levels(levels: Sequence[Level]) -> LevelsModel:
    return LevelsModel(levels=[LevelModel(trades=level.trades, amount=level.amount) for level in levels])


def _rfm(there: Snapshot | None) -> RfmOut:
    cells = there.cells if there else []
    scores = {score: _scores(cells, score, figure) for score, figure in zip(SCORES, FIGURES, strict=True)}
    return RfmOut(
        version=there.version if there else None,
        published_at=moment(there.published) if there else None,
        window_days=there.window_days if there else None,
        customers=sum(cell["customers"] for cell in cells),
        **scores,
        cells=[CellOut(**{name: cell[name] for name in CellOut.model_fields}) for cell in cells],
        segments=[
            SegmentOut(key=one.key, name=one.name, size=one.size(cells), rule=dict(one.rule))
            for one in segments.SEGMENTS
        ],
    )


def _scores(cells: Sequence[dict[str, Any]], score: str, figure: str) -> list[ScoreOut]:
    found = []
    for value in sorted({cell[score] for cell in cells}):
        having = [cell for cell in cells if cell[score] == value]
        ends = (min(cell[f"{figure}_from"] for cell in having), max(cell[f"{figure}_to"] for cell in having))
        least, greatest = map(moment, ends) if score == "recency" else ends
        customers = sum(cell["customers"] for cell in having)
        found.append(ScoreOut(score=value, customers=customers, least=least, greatest=greatest))
    return found


FIGURES = ("last", "trades", "amount")
"""The figures that recency, frequency and monetary value are the scores of."""
