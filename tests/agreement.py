"""An installation with the demo's data held against the plain rules, through the API."""

from collections.abc import Awaitable, Callable, Mapping

from huitou_local.api import Api
from huitou_local.demo import PROGRAMME, SETTINGS
from tests.naive import demo
from tests.naive.audiences import Customer
from tests.waiting import until

Clock = Callable[[], Awaitable[int]]
"""The installation's time in µs."""


async def opened(api: Api) -> dict[str, str]:
    """The shop's settings, its programme and its audiences; their ids by name."""
    await api.put("segment", "/settings", SETTINGS)
    await api.put("loyalty", "/programme", PROGRAMME)
    return {
        name: (await api.post("segment", "/audiences", {"name": name, "rule": rule}))["id"]
        for name, rule in demo.RULES.items()
    }


async def members_appear(api: Api) -> None:
    async def some() -> bool:
        return bool((await api.get("loyalty", "/members", limit=1))["items"])

    await until(some, within=60)


async def agrees(api: Api, audiences: Mapping[str, str], known: Mapping[str, Customer], clock: Clock) -> None:
    """Waits until tiers and members are what the plain rules say; AssertionError names who differs."""
    seen: dict[str, object] = {}

    async def same() -> bool:
        found = {
            one["customer_id"]: (one["tier"]["key"], one["amount"], one["trades"])
            async for one in api.pages("loyalty", "/members")
        }
        seen["tiers"] = dict(found.items() ^ demo.tiers(known, await clock()).items())
        for name, id in audiences.items():
            inside = {one["customer_id"] async for one in api.pages("segment", f"/audiences/{id}/members")}
            seen[name] = inside ^ demo.members(demo.RULES[name], known, await clock())
        return not any(seen.values())

    try:
        await until(same, within=180, every=1)
    except AssertionError as error:
        raise AssertionError(f"who differs: {seen}") from error


def assert_telling(known: Mapping[str, Customer], now: int) -> None:
    """At a moment in µs there are many members and nobody's audience is empty, or agreement would show little."""
    assert len(demo.tiers(known, now)) > 100
    assert all(demo.members(rule, known, now) for rule in demo.RULES.values())
