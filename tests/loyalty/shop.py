"""A shop with a programme, as the tests of loyalty-svc need it; amounts in fen."""

from typing import Any

from huitou_events import Event, MemberJoined, TierChanged
from huitou_events.loyalty import Membership
from tests.stage import Stage

ORDINARY: dict[str, Any] = {"key": "ordinary", "name": "布丁", "amount": 50_000, "trades": 1, "discount": 95}
PREMIUM: dict[str, Any] = {"key": "premium", "name": "高级布丁", "amount": 100_000, "trades": 3, "discount": 90}
BY_AMOUNT: list[dict[str, Any]] = [
    {"key": "ordinary", "name": "Ordinary", "amount": 500, "discount": 95},
    {"key": "premium", "name": "Premium", "amount": 1000, "discount": 92.5},
    {"key": "vip", "name": "VIP", "amount": 2000, "discount": 88},
]


def programme(*tiers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A programme of these tiers, or of three by amount: 500, 1,000 and 2,000."""
    return {"tiers": list(tiers or BY_AMOUNT), "joining": "on_payment", "mode": {"kind": "official"}, **fields}


async def opens(loyalty: Stage, *tiers: dict[str, Any], **fields: Any) -> None:
    """Puts a programme in force."""
    answer = await loyalty.put("/programme", json=programme(*tiers, **fields))
    assert answer.status_code == 200, answer.text


async def tier(loyalty: Stage, customer: str = "ada") -> str | None:
    """The tier's key, None for a customer who is no member."""
    answer = await loyalty.get(f"/members/{customer}")
    if answer.status_code == 404:
        return None
    key: str = answer.json()["tier"]["key"]
    return key


async def figures(loyalty: Stage, customer: str = "ada") -> tuple[int, int]:
    """The member's amount and number of trades."""
    member = (await loyalty.get(f"/members/{customer}")).json()
    return member["amount"], member["trades"]


async def said(loyalty: Stage) -> list[tuple[str, ...]]:
    """What was said since the last look: the type and the tiers."""
    return [_short(event.data) for event in await loyalty.emitted()]


def _short(fact: Event[Membership] | Any) -> tuple[str, ...]:
    if isinstance(fact, MemberJoined):
        return "joined", fact.tier
    if isinstance(fact, TierChanged):
        return "changed", fact.before, fact.after, fact.reason
    return (fact.type,)
