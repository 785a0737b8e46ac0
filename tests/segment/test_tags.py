"""Tags by call, alone and against the stream."""

import asyncio

import pytest

from segment_svc import verify
from tests import make
from tests.make import NOW, SHOP
from tests.segment.audience import CARTED, Said, after, create, members, said
from tests.stage import Stage

TAG = "七夕活动招募会员"


async def test_a_tag_brings_into_an_audience_at_once_and_out_again(segment: Stage) -> None:
    audience = await create(segment, {"tag": TAG})
    assert (await segment.put(f"/customers/ada/tags/{TAG}")).status_code == 204
    assert await members(segment, audience) == ["ada"]
    await segment.advance("1h")
    assert (await segment.delete(f"/customers/ada/tags/{TAG}")).status_code == 204
    assert await members(segment, audience) == []
    assert await said(segment, audience) == [
        Said("ada", audience, True, NOW),
        Said("ada", audience, False, after(hours=1)),
    ]


async def test_the_same_tag_again_is_said_once(segment: Stage) -> None:
    audience = await create(segment, {"tag": TAG})
    for _ in range(2):
        assert (await segment.put(f"/customers/ada/tags/{TAG}")).status_code == 204
    assert len(await said(segment, audience)) == 1


async def test_on_off_and_on_at_one_moment_are_three_events(segment: Stage) -> None:
    await create(segment, {"tag": TAG})
    for call in (segment.put, segment.delete, segment.put):
        await call(f"/customers/ada/tags/{TAG}")
    events = await segment.emitted()
    assert len({event.id for event in events}) == len(events) == 3


async def test_a_tag_that_is_not_there_cannot_be_taken_off(segment: Stage) -> None:
    assert (await segment.delete("/customers/ada/tags/vip")).status_code == 404
    assert (await segment.get("/customers/ada")).status_code == 404


async def test_a_tag_put_on_many_counts_those_who_did_not_have_it(segment: Stage) -> None:
    audience = await create(segment, {"tag": TAG})
    await segment.put(f"/customers/ada/tags/{TAG}")
    answer = await segment.post(f"/tags/{TAG}/customers", json={"customers": ["ada", "bo", "cy", "bo"]})
    assert (answer.status_code, answer.json()) == (200, {"tagged": 2})
    assert await members(segment, audience) == ["ada", "bo", "cy"]


async def test_who_was_never_heard_of_exists_from_the_call_on(segment: Stage) -> None:
    audience = await create(segment, {"not": {"event": "trade.paid"}})
    await segment.put("/customers/ada/tags/vip")
    assert await members(segment, audience) == ["ada"]


async def test_an_event_from_before_a_tag_call_sees_the_tag(segment: Stage) -> None:
    audience = await create(segment, {"all": [{"tag": TAG}, {"event": "cart.added"}]})
    await segment.advance("1h")
    await segment.put(f"/customers/ada/tags/{TAG}")
    await segment.deliver(make.cart(time=NOW))
    assert await members(segment, audience) == ["ada"]
    assert await said(segment, audience) == [Said("ada", audience, True, after(hours=1))]


@pytest.mark.parametrize("turn", range(3))
async def test_tags_events_moments_and_builds_at_once_come_out_right(segment: Stage, turn: int) -> None:
    both = {"all": [{"tag": TAG}, {"event": "cart.added", "within": "1h"}]}
    await create(segment, both)
    names = [f"c{number}" for number in range(30)]

    async def stream(topic: int) -> None:
        for step in range(6):
            one = make.cart if topic else make.page
            await segment.deliver(*(one(customer=name, time=after(minutes=step + turn)) for name in names))

    async def tagging() -> None:
        for name in names:
            await segment.put(f"/customers/{name}/tags/{TAG}")
            if name.endswith("3"):
                await segment.delete(f"/customers/{name}/tags/{TAG}")

    async def operating() -> None:
        for rule in (CARTED, {"tag": TAG}, both):
            await segment.post("/audiences", json={"name": "more", "rule": rule})
            await segment.settle()

    async def passing() -> None:
        for _ in range(5):
            await segment.advance("20m")
            await segment.run_job("due")

    await asyncio.gather(stream(0), stream(1), tagging(), operating(), passing())
    await segment.settle()
    assert await verify.verify(segment.ctx, SHOP, None) == []
    inside: dict[tuple[str, str], bool] = {}
    for one in await said(segment):
        assert inside.get((one.audience, one.customer), False) is not one.entered
        inside[one.audience, one.customer] = one.entered
    found = await segment.db.pool.fetch("SELECT audience_id, customer_id FROM member")
    assert {tuple(row) for row in found} == {key for key, value in inside.items() if value}
