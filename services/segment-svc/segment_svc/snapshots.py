"""The versions of what customers are in the whole shop; publishing them is left to publications."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Tx
from segment_svc import roster
from segment_svc.portraits import written
from segment_svc.scores import Cell

KEPT = 100


@dataclass(frozen=True)
class Snapshot:
    """A version of a shop's scores; `published` in microseconds, `cells` as `scores.compute` gives them, those of the
    trades of so many days, None of all."""

    version: int
    published: int
    cells: Sequence[dict[str, Any]]
    window_days: int | None

    @property
    def name(self) -> dict[str, object]:
        """How `why` names it."""
        return {"version": self.version, "published_at": written(self.published), "window_days": self.window_days}


async def latest(tx: Tx, shop: str) -> Snapshot | None:
    """The latest one that was published."""
    row = await tx.fetchrow(
        """
        SELECT version, published_us, cells, rfm_window_days FROM snapshot
        WHERE shop_id = $1 ORDER BY version DESC LIMIT 1
        """,
        shop,
    )
    return None if row is None else Snapshot(*row)


async def ask(tx: Tx, shop: str) -> None:
    """A snapshot is made at once instead of at its next moment."""
    await roster.read(tx, [shop])
    await tx.execute("UPDATE snapshot_plan SET next_us = least(next_us, $2) WHERE shop_id = $1", shop, tx.us)


async def add(tx: Tx, shop: str, cells: Sequence[Cell], window_days: int | None) -> None:
    """The next version, published now; the oldest ones go."""
    await tx.execute(
        """
        WITH added AS (
            INSERT INTO snapshot (shop_id, version, published_us, cells, rfm_window_days)
            SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $5::integer FROM snapshot WHERE shop_id = $1
            RETURNING version
        )
        DELETE FROM snapshot WHERE shop_id = $1 AND version <= (SELECT version FROM added) - $4
        """,
        shop,
        tx.us,
        cells,
        KEPT,
        window_days,
    )
