"""A shop's policy: the contract's by default, narrower if it wants, and used from the next decision on."""

from typing import Any

from tests.notify.world import World

DEFAULT = {
    "version": 0,
    "sending_hours": {"from": "08:00", "until": "21:00"},
    "cap": {"most": 3, "within": "7d"},
    "gap": "24h",
    "signature": None,
    "applies_to": "marketing",
}


async def test_the_default_policy_is_that_of_the_contract(world: World) -> None:
    assert (await world.stage.get("/policy")).json() == DEFAULT


async def test_a_new_policy_holds_for_what_is_already_scheduled(world: World) -> None:
    await world.buyer()
    await world.ask("j1")
    changed = await world.stage.put(
        "/policy", json={"sending_hours": {"from": "14:00", "until": "18:00"}, "cap": {"most": 1, "within": "30d"}}
    )
    assert changed.json() == DEFAULT | {
        "version": 1,
        "sending_hours": {"from": "14:00", "until": "18:00"},
        "cap": {"most": 1, "within": "30d"},
    }
    assert (await world.stage.get("/policy")).json() == changed.json()
    await world.send()
    assert await world.state() == ("scheduled", "quiet-hours")
    assert (await world.delivery())["at"] == "2026-11-02T06:00:00Z"


async def test_a_policy_that_cannot_be_is_refused_by_name(world: World) -> None:
    refused: list[tuple[str, dict[str, Any]]] = [
        ("sending_hours", {"sending_hours": {"from": "07:59"}}),
        ("sending_hours", {"sending_hours": {"until": "21:01"}}),
        ("sending_hours.until", {"sending_hours": {"from": "12:00", "until": "12:00"}}),
        ("sending_hours.from", {"sending_hours": {"from": "8 o'clock"}}),
        ("cap.most", {"cap": {"most": 0}}),
        ("cap.within", {"cap": {"within": "2m"}}),
        ("cap.within", {"cap": {"within": "1 week"}}),
        ("gap", {"gap": "32d"}),
        ("gap", {"gap": -1}),
        ("signature", {"signature": "【shop】"}),
        ("hours", {"hours": {}}),
    ]
    for field, body in refused:
        answer = await world.stage.put("/policy", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["field"] == field
    assert (await world.stage.get("/policy")).json() == DEFAULT
