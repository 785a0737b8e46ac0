"""Records to effects: once each, whatever comes twice, wrong or in pieces."""

import json
from dataclasses import replace
from typing import Any

import pytest

from huitou_events import Event
from tests import make
from tests.stage import Stage


async def trades(tally: Stage, customer: str = "ada") -> int:
    found = await tally.db.pool.fetchval("SELECT trades FROM tally WHERE customer_id = $1", customer)
    return found or 0


async def test_an_event_that_comes_twice_in_one_batch_counts_once(tally: Stage) -> None:
    event = make.completed(id="e1")
    await tally.deliver(event, event)
    await tally.deliver(event)
    assert await trades(tally) == 1
    assert await tally.dead() == []


async def test_one_name_with_two_contents_is_a_dead_letter(tally: Stage) -> None:
    first = make.completed(id="e1", amount=100)
    await tally.deliver(first, make.completed(id="e1", amount=200))
    await tally.deliver(make.completed(id="e1", amount=300), first)
    assert await trades(tally) == 1
    assert [reason for _, reason, _, _ in await tally.dead()] == ["id-conflict", "id-conflict"]


async def test_the_same_content_written_differently_is_the_same_event(tally: Stage) -> None:
    event = make.completed(id="e1")
    wire = json.loads(event.encode())
    shuffled = json.dumps(dict(reversed(wire.items())) | {"unknown": 1}, indent=1).encode()
    await tally.deliver(event, (event.topic, event.key, shuffled))
    assert await trades(tally) == 1
    assert await tally.dead() == []


async def test_rubbish_becomes_a_dead_letter_and_the_rest_goes_on(tally: Stage) -> None:
    event = make.completed()
    await tally.deliver(
        (event.topic, event.key, b'{"specversion": '),
        (event.topic, None, event.encode()),
        (event.topic, event.key, None),
        event,
        (event.topic, b"s1:bob", make.completed().encode()),
    )
    assert await trades(tally) == 1
    dead = await tally.dead()
    assert [reason for _, reason, _, _ in dead] == ["not-json", "missing-key", "null-value", "ids-disagree"]
    assert {topic for topic, *_ in dead} == {"shop.trades.dlq"}
    assert dead[0][3] == b'{"specversion": '


async def test_an_event_more_than_400_days_ahead_is_a_dead_letter(tally: Stage) -> None:
    await tally.deliver(make.completed(time=make.ago(days=-401)), make.completed(time=make.ago(days=-399)))
    assert await trades(tally) == 1
    assert [reason for _, reason, _, _ in await tally.dead()] == ["too-far-ahead"]


async def test_a_refused_event_may_come_again_later(tally: Stage) -> None:
    refused = make.completed(trade="refused", id="e1")
    await tally.deliver(refused, make.completed(trade="t2"))
    assert await trades(tally) == 1
    assert [reason for _, reason, _, _ in await tally.dead()] == ["wrong-currency"]
    mended = replace(refused, data=refused.data.model_copy(update={"trade_id": "t1"}))
    await tally.deliver(mended)
    assert await trades(tally) == 2


async def test_a_value_that_the_database_refuses_is_found_alone_in_a_large_batch(
    tally: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [make.completed(trade=f"t{n}", customer=f"c{n}") for n in range(20)]
    odd = make.completed(customer="odd")

    async def refuse(events: list[Event[Any]], tx: Any) -> None:
        for event in events:
            await tx.execute("SELECT $1::int", 2**40 if event.data.customer_id == "odd" else 1)
            await tx.execute("INSERT INTO tally VALUES ($1, $2, 1)", event.shop, event.data.customer_id)

    consumes = dict.fromkeys(tally.ctx.service.consumes, refuse)
    tally.ctx.service = replace(tally.ctx.service, consumes=consumes)
    await tally.deliver(*events[:10], odd, *events[10:])
    assert await tally.db.pool.fetchval("SELECT count(*) FROM tally") == 20
    assert [reason for _, reason, _, _ in await tally.dead()] == ["cannot-be-stored"]


async def test_a_handler_that_fails_stops_the_stream_instead_of_losing_the_event(tally: Stage) -> None:
    with pytest.raises(RuntimeError):
        await tally.deliver(make.completed(trade="unbearable"))
    assert await tally.dead() == []
    assert await tally.db.pool.fetchval("SELECT count(*) FROM inbox") == 0


async def test_what_an_event_causes_has_an_id_that_follows_from_it(tally: Stage) -> None:
    event = make.completed(id="e1")
    await tally.deliver(event)
    (said,) = await tally.emitted()
    await tally.db.pool.execute("DELETE FROM inbox")
    await tally.deliver(event)
    (again,) = await tally.emitted()
    assert said.id == again.id
    assert said.time == event.time
    assert said.source == "urn:huitou:tally"
