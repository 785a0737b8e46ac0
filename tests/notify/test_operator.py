"""The development operator behaves as one: one message a key, receipts, answers, and failures on demand."""

import asyncio
from pathlib import Path

import pytest

from tests.notify.program import running
from tests.notify.world import TOKEN, Desk

KEYED = {"Authorization": f"Bearer {TOKEN}"}


def sms(key: str, **values: str) -> dict[str, str]:
    nobody = "http://127.0.0.1:1/nobody"
    return {"key": key, "job_id": key, "to": "+8613811112222", "text": "你好", "callback": nobody, **values}


async def test_one_key_is_one_message_also_when_asked_at_once(desk: Desk) -> None:
    answers = await asyncio.gather(
        *(desk.client.post("/send", json=sms("once", to="+8613811110001"), headers=KEYED) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    (taken,) = await desk.taken("+8613811110001")
    assert set(taken) == {"id", "job_id", "to", "text", "received_at"}


async def test_messages_are_listed_in_pages(desk: Desk) -> None:
    to = "+8613811110002"
    for n in range(5):
        await desk.client.post("/send", json=sms(f"page-{n}", to=to), headers=KEYED)
    first = (await desk.client.get("/messages", params={"to": to, "limit": 3})).json()
    rest = (await desk.client.get("/messages", params={"to": to, "limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["job_id"] for item in first["items"] + rest["items"]] == [f"page-{n}" for n in range(5)]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}])
async def test_only_its_customer_may_send(desk: Desk, headers: dict[str, str]) -> None:
    assert (await desk.client.post("/send", json=sms("stranger"), headers=headers)).status_code == 401
    assert (await desk.client.get("/messages/by-key/stranger", headers=KEYED)).status_code == 404


async def test_it_calls_back_on_this_machine_only(desk: Desk) -> None:
    for callback in ("http://example.com/x", "file:///etc/passwd", "http://127.0.0.1@example.com/"):
        answer = await desk.client.post("/send", json=sms("far", callback=callback), headers=KEYED)
        assert answer.status_code == 422


async def test_the_page_shows_texts_and_runs_none_of_them(desk: Desk) -> None:
    await desk.client.post("/send", json=sms("xss", text="<script>alert(1)</script>"), headers=KEYED)
    page = (await desk.client.get("/")).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


async def test_nobody_can_answer_a_message_that_they_never_got(desk: Desk) -> None:
    answer = await desk.client.post("/replies", json={"from": "+8613899990000", "text": "T"})
    assert answer.status_code == 404


async def test_what_it_took_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(tmp_path) as client:
            answer = await client.post("/send", json=sms("kept"), headers=KEYED)
            assert answer.json()["id"] == "1"
            assert len((await client.get("/messages")).json()["items"]) == 1
