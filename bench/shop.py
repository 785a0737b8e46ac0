"""A shop with a programme and audiences such as shops build."""

import asyncio
from typing import Any

import httpx2

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


async def make_audiences(segment: httpx2.AsyncClient, number: int) -> list[str]:
    """Different audiences of three conditions each, waited for until they are live."""
    ids = []
    for place in range(number):
        answer = await segment.post("/audiences", json={"name": f"audience {place}", "rule": rule(place)})
        answer.raise_for_status()
        ids.append(answer.json()["id"])
    for audience in ids:
        while (await segment.get(f"/audiences/{audience}")).json()["state"] != "live":
            await asyncio.sleep(0.1)
    return ids


def rule(place: int) -> dict[str, Any]:
    """Bought often or much within a window, and something else by the number of the audience."""
    often = {"event": "trade.completed", "count": {"at_least": 1 + place % 5}, "within": f"{30 + 7 * place}d"}
    much = {"event": "trade.paid", "amount": {"at_least": 1000 * (1 + place)}, "within": f"{60 + place}d"}
    thirds: list[dict[str, Any]] = [
        {"not": {"event": "cart.added", "within": f"{1 + place}d"}},
        {"event": "trade.completed", "days": {"at_least": 1 + place % 3}, "since": "2025-01-01T00:00:00Z"},
        {"event": ["cart.added", "favourite.added"], "within": f"{10 + place}d"},
        {"event": "trade.completed", "item": [f"i{place}", f"i{place + 1}"], "within": "720d"},
    ]
    return {"any": [{"all": [often, much]}, thirds[place % 4]]}
