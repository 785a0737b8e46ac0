"""How the tests look at audiences: who is in, since and until when, and what was said."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from huitou_events import AudienceEntered
from tests.make import NOW
from tests.stage import Stage

CARTED = {"event": "cart.added", "within": "10d"}


def after(**length: float) -> datetime:
    """NOW plus a timedelta: after(days=3)."""
    return NOW + timedelta(**length)


async def create(segment: Stage, rule: dict[str, Any], name: str = "ours") -> str:
    """A live audience with this rule."""
    answer = await segment.post("/audiences", json={"name": name, "rule": rule})
    assert answer.status_code == 201, answer.text
    await segment.run_job("builds")
    audience: str = answer.json()["id"]
    return audience


async def members(segment: Stage, audience: str) -> list[str]:
    return sorted(item["customer_id"] for item in await listed(segment, audience))


async def listed(segment: Stage, audience: str) -> list[dict[str, Any]]:
    answer = await segment.get(f"/audiences/{audience}/members", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class Said(NamedTuple):
    """An audience.entered or audience.left."""

    customer: str
    audience: str
    entered: bool
    at: datetime
    initial: bool = False


async def said(segment: Stage, audience: str | None = None) -> list[Said]:
    """What was said since the last look, of one audience or all."""
    found = []
    for event in await segment.emitted():
        data = event.data
        assert event.time == data.at
        if audience in (None, data.audience_id):
            found.append(
                Said(data.customer_id, data.audience_id, isinstance(data, AudienceEntered), data.at, data.initial)
            )
    return found


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
