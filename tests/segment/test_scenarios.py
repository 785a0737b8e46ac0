"""The tables of `scenarios`, taken row by row: the clock moves, things happen, and the audiences are looked at."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from huitou_events import Event, ShopUpdated, micros, moment
from segment_svc.verify import verify
from tests import make
from tests.segment import audience as audiences
from tests.segment import calls
from tests.segment.tables import Step, Table, event, tables
from tests.segment.told import written
from tests.stage import Stage

TABLES = dict(tables())
BUILDS = {"builds wait": False, "builds go on": True}


@dataclass
class Scene:
    """A table on its stage: `ids` by the names of the audiences; builds may be told to wait."""

    segment: Stage
    table: Table
    ids: dict[str, str]
    building: bool = True

    async def settle(self) -> None:
        for job in self.segment.ctx.service.jobs:
            if self.building or job.name != "builds":
                await self.segment.run_job(job.name)


@pytest.mark.parametrize("title", TABLES)
async def test_scenario(segment: Stage, title: str) -> None:
    table = TABLES[title]
    segment.clock.at = table.moment(table.steps[0].clock)
    await settled_in(segment, table.zone)
    ids = {name: name for name in ("interested", "new-customers", "repurchase")}
    for name, rule in table.rules.items():
        ids[name] = await audiences.create(segment, written(rule, ids), name)
    scene = Scene(segment, table, ids)
    for number, step in enumerate(table.steps, 1):
        await take(scene, step)
        assert await cells(scene, step) == step.cells, f"row {number}"
    assert await verify(segment.ctx, segment.shop, None) == []


async def settled_in(segment: Stage, zone: ZoneInfo) -> None:
    """The shop has its zone from the first."""
    fact = ShopUpdated(timezone=zone.key, currency="CNY", language="zh")
    await segment.deliver(make.event(fact, time=moment(segment.clock.at)))
    await segment.settle()


async def take(scene: Scene, step: Step) -> None:
    """Moves the clock, then what happens in its order; events that follow one another are one batch."""
    if step.clock:
        scene.segment.clock.set_forward(scene.table.moment(step.clock))
        await scene.settle()
    facts: list[Event[Any]] = []
    for words in step.happens:
        call = calls.read(words, scene.ids)
        if words in BUILDS:
            scene.building = BUILDS[words]
        elif call is None:
            facts.append(event(scene.table, scene.segment.shop, scene.segment.clock.at, words))
        else:
            await deliver(scene, facts)
            await call.make(scene.segment)
    await deliver(scene, facts)
    await scene.settle()


async def deliver(scene: Scene, facts: list[Event[Any]]) -> None:
    if facts:
        await scene.segment.deliver(*facts)
        facts.clear()


async def cells(scene: Scene, step: Step) -> dict[str, str]:
    """What the row's cells should have said, written as they are where they say the same."""
    found = {}
    for column, cell in step.cells.items():
        if column == "said":
            found[column] = await said(scene, step)
        else:
            told = await listed(scene, column)
            found[column] = ", ".join(
                sorted(_member(scene.table, one, timed=f"{one['customer_id']} until" in cell) for one in told)
            )
    return found


async def listed(scene: Scene, column: str) -> list[dict[str, Any]]:
    """Who is in the audience, or has the tag, of the column; nobody where it is no more."""
    tag = column.removeprefix("#")
    path = f"/audiences/{scene.ids[column]}/members" if tag == column else f"/tags/{quote(tag, safe='')}/customers"
    answer = await scene.segment.get(path, params={"limit": 1000})
    items: list[dict[str, Any]] = [] if answer.status_code == 404 else answer.json()["items"]
    return items


async def said(scene: Scene, step: Step) -> str:
    """What was said of the audiences that the row shows."""
    names = {id: name for name, id in scene.ids.items()}
    told = [
        f"{one.customer} {'enters' if one.entered else 'leaves'} {names[one.audience]}"
        f" {local(scene.table, micros(one.at))}{' (initial)' if one.initial else ''}"
        for one in await audiences.said(scene.segment)
        if names[one.audience] in step.cells
    ]
    return "<br>".join(sorted(told, key=_by_moment))


def local(table: Table, us: int) -> str:
    """A moment on the shop's clock, as short as it can be written."""
    at = moment(us).astimezone(table.zone)
    fraction = "microseconds" if at.microsecond else "seconds" if at.second else "minutes"
    return at.replace(tzinfo=None).isoformat(" ", fraction)


def _member(table: Table, member: dict[str, Any], *, timed: bool) -> str:
    if not timed:
        return str(member["customer_id"])
    until = audiences.moment(member["until"])
    return f"{member['customer_id']} until {'further notice' if until is None else local(table, micros(until))}"


def _by_moment(said: str) -> tuple[str, str]:
    who, what, name, day, time, *_ = said.split()
    return f"{day} {time}", f"{who} {what} {name}"
