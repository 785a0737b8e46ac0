"""Shops and their settings: a shop exists once it is named; its settings reach every service as shop.updated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from huitou_events import Event, ShopUpdated

if TYPE_CHECKING:
    from huitou_chassis.db import Tx


@dataclass(frozen=True)
class Shop:
    """A tenant: its zone, its currency (ISO 4217) and its language."""

    id: str
    timezone: ZoneInfo
    currency: str
    language: str


async def read(tx: "Tx", ids: Iterable[str]) -> dict[str, Shop]:
    """The shops by id; one that was never given settings has the defaults."""
    wanted = sorted(set(ids))
    rows = await tx.fetch(
        "SELECT shop_id, timezone, currency, language FROM shop WHERE shop_id = ANY($1::text[])", wanted
    )
    known = {row["shop_id"]: _shop(*row.values()) for row in rows}
    return {shop: known.get(shop) or _shop(shop) for shop in wanted}


async def record(events: Sequence[Event[Any]], tx: "Tx") -> None:
    """shop.updated -> shop; the latest by (time, source, id) stands."""
    latest: dict[str, Event[ShopUpdated]] = {}
    for event in sorted(events, key=lambda event: event.order):
        latest[event.shop] = event
    rows = [
        (
            shop,
            event.data.timezone,
            event.data.currency,
            event.data.language,
            event.us,
            event.source,
            event.id,
        )
        for shop, event in sorted(latest.items())
    ]
    await tx.executemany(
        """
        INSERT INTO shop (shop_id, timezone, currency, language, at_us, source, event_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (shop_id) DO UPDATE SET
            timezone = EXCLUDED.timezone, currency = EXCLUDED.currency, language = EXCLUDED.language,
            at_us = EXCLUDED.at_us, source = EXCLUDED.source, event_id = EXCLUDED.event_id
        WHERE (shop.at_us, shop.source, shop.event_id)
            < (EXCLUDED.at_us, EXCLUDED.source, EXCLUDED.event_id)
        """,
        rows,
    )


@lru_cache(maxsize=10_000)
def _shop(id: str, timezone: str = "Asia/Shanghai", currency: str = "CNY", language: str = "zh") -> Shop:
    return Shop(id, ZoneInfo(timezone), currency, language)
