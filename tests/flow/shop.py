"""A shop for the flow tests: its programme, its win-back audience and customers who are in it or not."""

from datetime import datetime, timedelta
from typing import Any

from huitou_events import Consent, Event, Line
from tests import make
from tests.flow.platform import Platform, noon_zone
from tests.waiting import until

PROGRAMME = {
    "tiers": [
        {"key": "ordinary", "name": "普通会员", "amount": 50_000, "trades": 1, "discount": 95},
        {"key": "premium", "name": "高级会员", "amount": 100_000, "trades": 3, "discount": 90},
    ],
    "joining": "on_payment",
    "mode": {"kind": "official"},
}
WIN_BACK = {
    "all": [
        {"event": "trade.completed", "within": "720d"},
        {"not": {"event": "trade.completed", "within": "90d"}},
        {"event": "cart.added", "within": "30d"},
    ]
}


async def opened(platform: Platform, shop: str) -> str:
    """Gives the shop its programme and the audience, and waits until that is live; returns its id."""
    answer = await platform.call("PUT", "loyalty", shop, "/programme", json=PROGRAMME)
    assert answer.status_code == 200, answer.text
    answer = await platform.call("POST", "segment", shop, "/audiences", json={"name": "win-back", "rule": WIN_BACK})
    assert answer.status_code == 201, answer.text
    audience: str = answer.json()["id"]

    async def live() -> bool:
        found = await platform.call("GET", "segment", shop, f"/audiences/{audience}")
        return bool(found.json()["state"] == "live")

    await until(live)
    return audience


def customer(shop: str, number: int, now: datetime, *, consent: bool = True) -> list[Event[Any]]:
    """One who bought 100 days ago and filled a cart 5 days ago: a member, and in the audience."""
    name = f"c{number}"
    known = make.customer(
        name,
        shop=shop,
        time=now - timedelta(days=200),
        phone=phone(number),
        timezone=noon_zone(now),
        consent=Consent(sms=consent, source="checkout"),
    )
    bought = make.completed(
        customer=name,
        shop=shop,
        trade=f"{name}-1",
        amount=60_000,
        items=[Line(item_id="i1", amount=60_000)],
        time=now - timedelta(days=100),
    )
    return [known, bought, make.cart(customer=name, shop=shop, item="i2", time=now - timedelta(days=5))]


def phone(number: int) -> str:
    return f"+8613{number:09d}"


async def coupon(platform: Platform, shop: str, **more: Any) -> str:
    body = {"name": "回流券", "kind": {"off": 1000, "over": 5000}, "validity": {"days": 15}, "stock": 1000}
    answer = await platform.call("POST", "campaign", shop, "/coupons", json=body | {"per_customer": 1} | more)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def plan(platform: Platform, shop: str, audience: str, **more: Any) -> str:
    """An SMS plan, started."""
    body = {
        "name": "win back",
        "audience": audience,
        "channels": ["sms"],
        "template_id": "official-coupon-care",
        "timing": {"kind": "now"},
    }
    answer = await platform.call("POST", "campaign", shop, "/plans", json=body | more)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    answer = await platform.call("POST", "campaign", shop, f"/plans/{made}/start")
    assert answer.status_code == 200, answer.text
    return made


async def effects(platform: Platform, shop: str, plan: str) -> dict[str, Any]:
    answer = await platform.call("GET", "campaign", shop, f"/plans/{plan}/effects")
    found: dict[str, Any] = answer.json()
    return found
