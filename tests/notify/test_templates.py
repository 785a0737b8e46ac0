"""Templates: official ones at once, custom ones after review; texts are limited and counted."""

import pytest

from notify_svc import texts
from notify_svc.parts import measure
from notify_svc.texts import BadText
from tests.notify.world import World


async def test_official_templates_are_ready_in_every_shop(world: World) -> None:
    found = (await world.stage.get("/templates")).json()["items"]
    assert {"official-cart-reminder", "official-coupon-care", "official-win-back"} <= {one["id"] for one in found}
    assert all(one["state"] == "approved" and one["official"] for one in found)


async def test_a_custom_template_is_used_only_after_it_was_approved(world: World) -> None:
    await world.buyer()
    made = (await world.stage.post("/templates", json={"name": "Tea", "text": "New tea: {{ tea }}"})).json()
    assert (made["state"], made["variables"]) == ("draft", ["tea"])
    await world.ask("j1", template_id=made["id"], variables={"tea": "Longjing"})
    assert await world.state("j1") == ("suppressed", "template-not-approved")
    path = f"/templates/{made['id']}"
    assert (await world.stage.post(f"{path}/approve")).json()["type"] == "wrong-state"
    assert (await world.stage.post(f"{path}/submit")).json()["state"] == "submitted"
    rejected = (await world.stage.post(f"{path}/reject", json={"reason": "names no shop"})).json()
    assert (rejected["state"], rejected["reason"]) == ("rejected", "names no shop")
    await world.stage.post(f"{path}/submit")
    approved = (await world.stage.post(f"{path}/approve")).json()
    assert (approved["state"], approved["reason"]) == ("approved", None)
    await world.ask("j2", template_id=made["id"], variables={"tea": "Longjing"})
    await world.send()
    assert [one["text"] for one in await world.desk.taken(world.phone)] == ["【s1】New tea: Longjing回T退订"]


async def test_a_message_whose_variables_are_missing_is_held_back(world: World) -> None:
    await world.buyer()
    made = (await world.stage.post("/templates", json={"name": "Tea", "text": "New tea: {{ tea }}"})).json()
    for step in ("submit", "approve"):
        await world.stage.post(f"/templates/{made['id']}/{step}")
    await world.ask("j1", template_id=made["id"])
    assert await world.state() == ("suppressed", "missing-variable")
    await world.ask("j2", template_id="nobody-wrote-this")
    assert await world.state("j2") == ("suppressed", "no-template")


async def test_an_official_template_cannot_be_changed_and_an_unknown_one_not_found(world: World) -> None:
    assert (await world.stage.post("/templates/official-win-back/submit")).json()["type"] == "official"
    assert (await world.stage.get("/templates/no-such")).status_code == 404


async def test_a_text_that_is_no_template_is_refused_by_name(world: World) -> None:
    for text in ("", "{{ name", "{% include 'secrets' %}{% if %}", "【shop】hello", "x" * 501):
        answer = await world.stage.post("/templates", json={"name": "Bad", "text": text})
        assert answer.status_code == 422, text
        assert answer.json()["errors"][0]["field"] == "text"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}",
        "{% for a in (1..150) %}{{ 'aaaaaaaaaaaaaaaaaaaa' }}{% endfor %}",
        "{% include 'passwords' %}",
        "{% render 'passwords' %}",
        "{{ unknown }}",
        "   ",
    ],
)
def test_a_text_that_would_run_away_is_stopped(text: str) -> None:
    with pytest.raises(BadText):
        texts.write(text, {}, signature="s1", language="zh", china=True, opt_out=True)


async def test_a_test_message_goes_to_the_given_phone_at_once(world: World) -> None:
    await world.stage.advance("12h")
    answer = await world.stage.post(
        "/templates/official-win-back/test", json={"phone": world.phone, "variables": {"coupon_code": "X1"}}
    )
    assert answer.status_code == 202
    assert answer.json()["parts"] == 1
    await world.send()
    (taken,) = await world.desk.taken(world.phone)
    assert (taken["job_id"], taken["text"]) == (answer.json()["job_id"], answer.json()["text"])
    assert await world.stage.emitted() == []


async def test_a_test_message_to_a_virtual_or_opted_out_phone_is_refused(world: World) -> None:
    path = "/templates/official-win-back/test"
    assert (await world.stage.post(path, json={"phone": "700123456789012"})).json()["errors"][0]["field"] == "phone"
    await world.stage.post("/opt-outs", json={"phone": world.phone})
    assert (await world.stage.post(path, json={"phone": world.phone})).json()["type"] == "opted-out"


async def test_a_phone_is_not_flooded_with_test_messages(world: World) -> None:
    path, body = "/templates/official-win-back/test", {"phone": world.phone}
    statuses = [(await world.stage.post(path, json=body)).status_code for _ in range(11)]
    assert statuses == [202] * 10 + [429]


async def test_the_shops_language_and_signature_shape_the_text(world: World) -> None:
    await world.stage.db.pool.execute("INSERT INTO shop VALUES ('s1', 'Europe/London', 'GBP', 'en', 0, 'test', 'test')")
    await world.stage.put("/policy", json={"signature": "Tea House"})
    phone = world.phone.replace("+86138", "+44770")[:13]
    answer = await world.stage.post("/templates/official-win-back/test", json={"phone": phone})
    assert answer.json()["text"] == (
        "[Tea House] Hello there, we miss you! Come back and see what is new. Reply T to opt out"
    )


@pytest.mark.parametrize(
    ("text", "china", "parts"),
    [
        ("字" * 70, True, 1),
        ("字" * 71, True, 2),
        ("a" * 71, True, 2),
        ("字" * 134, True, 2),
        ("字" * 135, True, 3),
        ("a" * 160, False, 1),
        ("a" * 161, False, 2),
        ("a" * 306, False, 2),
        ("a" * 307, False, 3),
        ("a" * 152 + "€" + "a" * 10, False, 2),
        ("a" * 152 + "€" + "a" * 152, False, 3),
        ("字" * 70, False, 1),
        ("字" * 71, False, 2),
        ("😀" * 35, False, 1),
        ("a" * 66 + "😀" + "a" * 66, False, 3),
    ],
)
def test_parts_are_counted_as_the_operators_do(text: str, china: bool, parts: int) -> None:
    assert measure(text, china=china).parts == parts
