"""A shop with a programme and audiences such as shops build."""

import asyncio
import time
from typing import Any

import httpx2

from bench.population import PROVINCES

PROGRAMME = {
    "tiers": [
        {"key": "ordinary", "name": "ordinary", "amount": 5000, "trades": 1, "discount": 95},
        {"key": "premium", "name": "premium", "amount": 10_000, "trades": 3, "discount": 90},
        {"key": "vip", "name": "VIP", "amount": 50_000, "trades": 10, "discount": 88},
    ],
    "joining": "on_payment",
    "mode": {"kind": "official"},
}


async def make_programme(loyalty: httpx2.AsyncClient) -> None:
    answer = await loyalty.put("/programme", json=PROGRAMME)
    answer.raise_for_status()


async def make_audiences(segment: httpx2.AsyncClient, number: int, *, after: int = 0) -> float:
    """Different audiences of three conditions each; the seconds until all are live."""
    began = time.perf_counter()
    ids = [await make_audience(segment, f"audience {place}", rule(place)) for place in range(after, after + number)]
    for audience in ids:
        await live(segment, audience)
    return time.perf_counter() - began


async def make_audience(segment: httpx2.AsyncClient, name: str, rule: dict[str, Any]) -> str:
    """Its id; it is being built."""
    answer = await segment.post("/audiences", json={"name": name, "rule": rule})
    answer.raise_for_status()
    audience: str = answer.json()["id"]
    return audience


async def live(segment: httpx2.AsyncClient, audience: str) -> None:
    """Waits until its members are found."""
    while (await segment.get(f"/audiences/{audience}")).json()["state"] != "live":
        await asyncio.sleep(0.1)


def rule(place: int) -> dict[str, Any]:
    """One of ten kinds of rule that shops build, each with windows, thresholds and categories of its own."""
    kind, n = place % 10, place // 10
    return {"all": KINDS[kind](n)} if kind else {"any": KINDS[kind](n)}


def _bought(days: int, least: int = 1) -> dict[str, Any]:
    return {"event": "trade.completed", "count": {"at_least": least}, "within": f"{days}d"}


KINDS: list[Any] = [
    # Loved, however they show it.
    lambda n: [_bought(90 + n, 4), {"attribute": "amount", "at_least": 150_000 + 10_000 * n}, {"tag": f"friend {n}"}],
    # Won back: bought once, long gone, and now looking.
    lambda n: [
        _bought(720),
        {"not": _bought(90 + 10 * n)},
        {"event": "cart.added", "within": f"{30 + n}d"},
    ],
    # The cart left behind.
    lambda n: [
        {"event": "cart.added", "within": f"{24 + 12 * n}h"},
        {"not": {"event": "trade.paid", "within": f"{24 + 12 * n}h"}},
        {"attribute": "has_phone", "is": True},
    ],
    # Interested in a category.
    lambda n: [
        {"event": "page.viewed", "category": [f"k{n}", f"k{n + 10}"], "count": {"at_least": 2}, "within": "60d"},
        {"not": {"event": "trade.paid", "category": [f"k{n}", f"k{n + 10}"], "within": "90d"}},
        {"attribute": "sms_consent", "is": True},
    ],
    # A region's good customers.
    lambda n: [
        {"attribute": "province", "in": [PROVINCES[n % 8], PROVINCES[(n + 3) % 8]]},
        {"event": "trade.completed", "amount": {"at_least": 20_000 + 5000 * n}, "within": "365d"},
        {"attribute": "average_order_value", "at_least": 10_000 + 1000 * n},
    ],
    # New, and of an age.
    lambda n: [
        {"event": "trade.completed", "count": {"at_least": 1, "at_most": 1}, "within": "720d"},
        _bought(60 + 15 * n),
        {"attribute": "age", "between": [18 + 3 * n, 30 + 3 * n]},
    ],
    # Women who marked something and did not buy it.
    lambda n: [
        {"attribute": "gender", "in": ["female", "unknown"]},
        {
            "event": ["cart.added", "favourite.added"],
            "between": [f"{20 + n}d", f"{3 + n}d"],
            "unless_later": {"event": ["trade.paid", "trade.completed"], "same": "item"},
        },
        {"attribute": "sms_consent", "is": True},
    ],
    # Here often, never bought.
    lambda n: [
        {"event": "page.viewed", "days": {"at_least": 2 + n % 3}, "within": f"{30 + 10 * n}d"},
        {"not": {"event": "trade.paid", "within": "720d"}},
        {"not": {"tag": f"staff {n}"}},
    ],
    # Buyers of many things.
    lambda n: [
        {"event": "trade.completed", "items": {"at_least": 2 + n % 3}, "within": f"{180 + 30 * n}d"},
        _bought(365, 2),
        {"not": {"event": "trade.refunded", "within": "90d"}},
    ],
    # Spenders who went quiet.
    lambda n: [
        {"attribute": "amount", "at_least": 50_000 + 10_000 * n},
        {"not": {"event": ["page.viewed", "cart.added", "trade.paid"], "within": f"{30 + 10 * n}d"}},
        {"not": {"tag": f"staff {n}"}},
    ],
]
