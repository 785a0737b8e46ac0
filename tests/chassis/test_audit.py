"""What operators change is written down for good, with who did it; what was tampered with shows."""

from typing import Any

import asyncpg
import pytest

from huitou_chassis import audit, keys
from huitou_chassis.keys import Role
from tests.stage import Stage


async def entries(stage: Stage) -> list[dict[str, Any]]:
    answer = await stage.get("/audit")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def broken(stage: Stage) -> list[str]:
    async with stage.db.transaction() as tx:
        return await audit.verify(tx, stage.shop)


async def key(postgres: str, role: Role, **more: Any) -> dict[str, str]:
    _, made = await keys.create(postgres, name=role, role=role, shops=["s1"], **more)
    return {"Authorization": f"Bearer {made}"}


async def test_a_change_is_noted_with_who_made_it_and_how(tally: Stage) -> None:
    await tally.post("/tallies", json={"most": 5, "customer_id": "ada"})
    (entry,) = await entries(tally)
    assert (entry["number"], entry["method"], entry["path"]) == (1, "POST", "/v1/shops/s1/tallies")
    assert (entry["role"], entry["status"], entry["body"]) == ("admin", 201, '{"customer_id":"ada","most":5}')
    assert entry["key_id"].startswith("key_")


async def test_reading_refusals_and_repetitions_are_not_noted(tally: Stage) -> None:
    once = {"Idempotency-Key": "k"}
    await tally.post("/tallies", json={"customer_id": "ada"}, headers=once)
    await tally.post("/tallies", json={"customer_id": "ada"}, headers=once)
    await tally.post("/tallies", json={"customer_id": "ada", "most": 0})
    await tally.get("/tallies")
    assert len(await entries(tally)) == 1


async def test_settings_are_noted_too_although_they_are_not_one_transaction(tally: Stage) -> None:
    async with tally.db.transaction() as tx:
        await tx.execute("INSERT INTO shop VALUES ('s1', 'Asia/Tokyo', 'JPY', 'ja', 1, '', '')")
    # Nobody relays here, so the call gives up in the end; what was asked for is noted all the same.
    await tally.put("/settings", json={"currency": "JPY"})
    assert [entry["path"] for entry in await entries(tally)] == ["/v1/shops/s1/settings"]


async def test_only_administrators_read_the_log_and_each_sees_their_shop(tally: Stage, postgres: str) -> None:
    await tally.post("/tallies", json={"customer_id": "ada"})
    for role in ("viewer", "operator"):
        assert (await tally.get("/audit", headers=await key(postgres, role))).status_code == 403
    tally.shop = "s2"
    assert await entries(tally) == []


async def test_the_log_can_only_be_added_to(tally: Stage) -> None:
    await tally.post("/tallies", json={"customer_id": "ada"})
    for statement in ("UPDATE audit SET body = ''", "DELETE FROM audit"):
        for db in (tally.db, tally.api.db):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.pool.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tally.administer(statement)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET body = '{}' WHERE number = 2",
        "DELETE FROM audit WHERE number = 2",
        "UPDATE audit SET key_id = 'key_other' WHERE number = 1",
    ],
)
async def test_what_an_administrator_of_the_database_altered_shows(tally: Stage, tampering: str) -> None:
    for customer in ("ada", "bob", "eve"):
        await tally.post("/tallies", json={"customer_id": customer})
    assert await broken(tally) == []
    await tally.administer(tampering, tampering=True)
    assert len(await broken(tally)) == 1


async def test_phones_are_masked_in_the_log() -> None:
    body = b'{"phone": "+8613812345678", "to": ["13812345678"], "customer_id": "13812345678"}'
    assert audit.written(body) == '{"customer_id":"13812345678","phone":"+861******5678","to":["138****5678"]}'


async def test_a_key_calls_no_more_often_than_it_may(tally: Stage, postgres: str) -> None:
    headers = await key(postgres, "viewer", rate=3)
    answers = [await tally.get("/tallies", headers=headers) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert (answers[-1].json()["type"], answers[-1].headers["retry-after"]) == ("too-many-calls", "1")
    assert (await tally.get("/tallies")).status_code == 200
