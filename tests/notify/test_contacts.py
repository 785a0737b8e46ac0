"""A phone is shown masked; who sees it in full must say why, and leaves an entry that stays."""

import pytest

from huitou_chassis import keys
from huitou_chassis.keys import Role
from tests.notify.world import World


async def test_a_contact_shows_the_phone_masked(world: World) -> None:
    await world.buyer(timezone="Europe/London")
    found = (await world.stage.get("/customers/ada/contact")).json()
    masked = f"138****{world.phone[-4:]}"
    assert (found["phone"], found["timezone"], found["consent"], found["opted_out"]) == (
        masked,
        "Europe/London",
        True,
        False,
    )
    await world.stage.post("/opt-outs", json={"phone": world.phone})
    assert (await world.stage.get("/customers/ada/contact")).json()["opted_out"]


async def test_an_administrator_sees_the_phone_and_leaves_an_entry(world: World) -> None:
    await world.buyer()
    answer = await world.stage.post("/customers/ada/contact/reveal", json={"reason": "she asked to be called"})
    assert answer.json() == {"customer_id": "ada", "phone": world.phone}
    (entry,) = (await world.stage.get("/audit")).json()["items"]
    assert (entry["path"], entry["body"]) == (
        "/v1/shops/s1/customers/ada/contact/reveal",
        '{"reason":"she asked to be called"}',
    )


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_nobody_else_sees_it(world: World, postgres: str, role: Role) -> None:
    await world.buyer()
    _, key = await keys.create(postgres, name=role, role=role, shops=["*"])
    headers = {"Authorization": f"Bearer {key}"}
    answer = await world.stage.post("/customers/ada/contact/reveal", json={"reason": "curious"}, headers=headers)
    assert answer.status_code == 403
    assert (await world.stage.get("/audit")).json()["items"] == []


async def test_a_customer_of_whom_nothing_is_known_and_a_missing_reason_are_told(world: World) -> None:
    assert (await world.stage.get("/customers/nobody/contact")).status_code == 404
    refused = await world.stage.post("/customers/ada/contact/reveal", json={})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")
