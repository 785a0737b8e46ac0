"""What the tests of campaign-svc ask for, with harmless defaults."""

from typing import Any

import httpx2

from huitou_events import CATALOGUE, Event, MessageRequested, micros, moment
from tests import make
from tests.make import NOW
from tests.stage import Stage


def coupon_terms(**changes: Any) -> dict[str, Any]:
    """10 yuan off, without threshold, 1,000 pieces, one a customer, valid for 10 days from the claim."""
    terms = {"name": "回流券", "kind": {"off": 1000}, "stock": 1000, "per_customer": 1, "validity": {"days": 10}}
    return {**terms, **changes}


def plan_terms(**changes: Any) -> dict[str, Any]:
    """An SMS plan for the audience `win-back`, to go out now."""
    terms = {
        "name": "win back",
        "audience": "win-back",
        "channels": ["sms"],
        "template_id": "official",
        "timing": {"kind": "now"},
    }
    return {**terms, **changes}


async def coupon(stage: Stage, **changes: Any) -> str:
    """A coupon's id."""
    response = await stage.post("/coupons", json=coupon_terms(**changes))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def claim(stage: Stage, coupon_id: str, customer: str = "ada", key: str | None = None) -> httpx2.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await stage.post(f"/coupons/{coupon_id}/claims", json={"customer_id": customer}, headers=headers)


async def claimed(stage: Stage, coupon_id: str, customer: str = "ada") -> dict[str, Any]:
    """The claim that succeeded."""
    response = await claim(stage, coupon_id, customer)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def fresh_claim(stage: Stage, **terms: Any) -> dict[str, Any]:
    """Ada's claim of a coupon of its own."""
    return await claimed(stage, await coupon(stage, **terms))


async def use(stage: Stage, claim_id: str, step: str, **body: Any) -> httpx2.Response:
    return await stage.post(f"/claims/{claim_id}/{step}", json=body)


async def status(stage: Stage, claim_id: str) -> str:
    return str((await stage.get(f"/claims/{claim_id}")).json()["status"])


def later(**parts: int) -> str:
    """RFC 3339 of NOW and so much: later(days=3)."""
    lengths = {"minutes": 60, "hours": 3600, "days": 86_400}
    seconds = sum(lengths[name] * number for name, number in parts.items())
    return moment(micros(NOW) + seconds * 1_000_000).isoformat().replace("+00:00", "Z")


def delivery(type: str, job_id: str, customer: str = "ada", *, minutes: int = 1, **more: Any) -> Event[Any]:
    """What notify-svc says about a message, some minutes after NOW."""
    fact = CATALOGUE[type].model_validate({"customer_id": customer, "job_id": job_id, **more})
    return make.event(fact, time=moment(micros(NOW) + minutes * 60_000_000), source="urn:huitou:notify")


async def drafted(stage: Stage, **changes: Any) -> str:
    response = await stage.post("/plans", json=plan_terms(**changes))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def started(stage: Stage, **changes: Any) -> str:
    plan_id = await drafted(stage, **changes)
    response = await stage.post(f"/plans/{plan_id}/start")
    assert (response.status_code, response.json()["state"]) == (200, "starting"), response.text
    return plan_id


async def effects_of(stage: Stage, plan_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await stage.get(f"/plans/{plan_id}/effects")).json()
    return answer


def requests(said: list[Event[Any]]) -> list[MessageRequested]:
    return [event.data for event in said if isinstance(event.data, MessageRequested)]
