"""Posters: what a customer sees now, and what they did with it."""

from datetime import datetime, timedelta
from typing import Any

from huitou_events import PlanEnded, Poster, PosterClicked, PosterShown, Timing
from tests import make
from tests.notify.world import World, poster


async def visible(world: World, customer: str = "ada") -> list[str]:
    answer = await world.stage.get("/posters", params={"customer_id": customer})
    return [item["job_id"].removeprefix(world.job("")) for item in answer.json()["items"]]


async def ask(world: World, name: str, **values: Any) -> None:
    await world.stage.deliver(world.requested(name, **poster(**values)))


async def test_a_customer_sees_their_posters_while_they_last(world: World) -> None:
    timing = Timing(kind="now", from_=make.NOW + timedelta(hours=1), until=make.NOW + timedelta(hours=3))
    await ask(world, "j1", timing=timing)
    assert await visible(world) == []
    await world.stage.advance("1h")
    assert await visible(world) == ["j1"]
    assert await visible(world, "bob") == []
    await world.stage.advance("2h")
    assert await visible(world) == []


async def test_the_most_important_poster_comes_first(world: World) -> None:
    await ask(world, "j1")
    await ask(world, "j2", priority=3)
    assert await visible(world) == ["j2", "j1"]


async def test_a_poster_that_is_shown_and_clicked_is_delivered_and_clicked_once(world: World) -> None:
    await ask(world, "j1")
    other = Poster(slot="cart", image="https://shop.example/b.png", link="https://shop.example/b")
    await ask(world, "j2", poster=other)
    await world.stage.emitted()
    later = make.NOW + timedelta(minutes=1)
    await world.stage.deliver(
        make.event(PosterShown(customer_id="ada", page="home")),
        make.event(PosterShown(customer_id="ada", page="home")),
        make.event(PosterClicked(customer_id="ada", page=world.job("j1")), time=later),
    )
    found = await world.delivery("j1")
    assert found["state"] == "delivered"
    assert datetime.fromisoformat(found["clicked_at"]) == later
    assert (await world.state("j2"))[0] == "scheduled"
    said = await world.stage.emitted()
    assert [(event.type, event.data.job_id) for event in said] == [
        ("message.delivered", world.job("j1")),
        ("message.clicked", world.job("j1")),
    ]
    assert await visible(world) == ["j2", "j1"] or await visible(world) == ["j1", "j2"]


async def test_posters_of_an_ended_plan_are_gone(world: World) -> None:
    await ask(world, "j1")
    await world.stage.deliver(make.event(PlanEnded(plan_id="p1", audience_id="a1")))
    assert await visible(world) == []
