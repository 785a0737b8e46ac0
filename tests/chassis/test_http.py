"""Calls: who may, once each, and refusals that name what is wrong."""

import asyncio

import pytest

from huitou_chassis import keys
from tests.stage import Stage


async def test_a_call_without_a_key_is_refused(tally: Stage) -> None:
    for header in ("", "Bearer", "Bearer wrong", "Basic abc"):
        answer = await tally.get("/tallies", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json()["type"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_key_sees_its_own_shops_only_and_a_viewer_changes_nothing(tally: Stage, postgres: str) -> None:
    _, own = await keys.create(postgres, name="ada", role="viewer", shops=["s1"])
    _, other = await keys.create(postgres, name="bob", role="operator", shops=["s2"])
    viewer, stranger = ({"Authorization": f"Bearer {key}"} for key in (own, other))
    assert (await tally.get("/tallies", headers=viewer)).status_code == 200
    refused = await tally.post("/tallies", headers=viewer, json={"customer_id": "ada"})
    assert (refused.status_code, refused.json()["type"]) == (403, "forbidden")
    unseen = await tally.get("/tallies", headers=stranger)
    assert (unseen.status_code, unseen.json()["type"]) == (404, "not-found")


async def test_a_revoked_key_stops_working(tally: Stage, postgres: str) -> None:
    key_id, key = await keys.create(postgres, name="ada", role="viewer", shops=["*"])
    await keys.revoke(postgres, key_id)
    answer = await tally.get("/tallies", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401


async def test_a_repeated_call_with_its_key_answers_the_same_and_counts_once(tally: Stage) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(tally.post("/tallies", headers=headers, json={"customer_id": "ada"}) for _ in range(8))
    )
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, b'{"customer_id":"ada","trades":1}')}
    other = await tally.post("/tallies", headers=headers, json={"customer_id": "bob"})
    assert (other.status_code, other.json()["type"]) == (422, "idempotency-key-reused")


async def test_a_refusal_may_be_tried_again_with_its_key_and_leaves_nothing(tally: Stage) -> None:
    headers, body = {"Idempotency-Key": "k1"}, {"customer_id": "ada", "most": 1}
    await tally.post("/tallies", json={"customer_id": "ada"})
    refused = await tally.post("/tallies", headers=headers, json=body)
    assert (refused.status_code, refused.json()["type"]) == (409, "too-many")
    await tally.db.pool.execute("DELETE FROM tally")
    assert (await tally.post("/tallies", headers=headers, json=body)).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"customer_id": "ada", "mots": 1}', "mots"),
        (b'{"customer_id": "a\\u0000b"}', "customer_id"),
        (b'{"customer_id": 5}', "customer_id"),
        (b'{"customer_id": "ada", "most": 1e400}', "most"),
        (b'{"customer_id": "ada", "most": 1000000000000000000000000000000}', "most"),
        (b'{"customer_id": "ada", "most": true}', "most"),
        (b'{"customer_id": "\\ud800"}', "body"),
        (b'{"customer_id": "ada", "most": [1, {"a\\u0000": 2}]}', "most"),
        (b'{"customer_id": ', "body"),
        (b'{"customer_id": ' + b"[" * 50_000, "body"),
        (b"null", "body"),
        (b"\xff\xfe", "body"),
        (b"", "body"),
    ],
)
async def test_a_wrong_body_is_refused_with_the_name_of_the_field(tally: Stage, body: bytes, field: str) -> None:
    answer = await tally.post("/tallies", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert field in answer.json()["detail"]


async def test_a_body_over_1_mib_is_refused(tally: Stage) -> None:
    answer = await tally.post("/tallies", json={"customer_id": "x" * 1024 * 1024})
    assert answer.status_code == 413


@pytest.mark.parametrize("query", ["cursor=%00", "cursor=YWJj", "cursor=WzFd", "limit=0", "limit=1001", "limit=x"])
async def test_a_wrong_page_is_refused_with_the_name_of_the_parameter(tally: Stage, query: str) -> None:
    answer = await tally.get(f"/tallies?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json()["detail"]


async def test_pages_follow_each_other_to_the_end(tally: Stage) -> None:
    for name in "edcba":
        await tally.post("/tallies", json={"customer_id": name})
    found, cursor = "", None
    while True:
        page = (await tally.get("/tallies", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        found += "".join(item["customer_id"] for item in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == "abcde"


async def test_a_path_or_method_that_is_not_there_is_a_problem_document(tally: Stage) -> None:
    missing = await tally.get("/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, "no-such-path")
    wrong = await tally.delete("/tallies")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "no-such-method")


async def test_health_readiness_metrics_and_documents_need_no_shop(tally: Stage) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert (await tally.client.get(path)).status_code == 200


async def test_the_development_clock_goes_forward_only(tally: Stage) -> None:
    before = (await tally.client.get("/dev/clock")).json()["now"]
    after = (await tally.client.put("/dev/clock", json={"advance": "3d"})).json()["now"]
    assert (before, after) == ("2026-11-02T04:00:00Z", "2026-11-05T04:00:00Z")
    back = await tally.client.put("/dev/clock", json={"now": before})
    assert (back.status_code, back.json()["type"]) == (409, "clock-goes-forward-only")
    for body in (
        {},
        {"advance": "3 days"},
        {"now": "soon"},
        {"now": before, "advance": "1d"},
        {"advance": "99999999d"},
    ):
        assert (await tally.client.put("/dev/clock", json=body)).status_code == 422
