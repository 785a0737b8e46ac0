"""The tables of `scenarios`, taken row by row: the clock moves, things happen, and the audiences are looked at."""

from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from huitou_events import ShopUpdated, micros, moment
from segment_svc.verify import verify
from tests import make
from tests.segment import audience as audiences
from tests.segment.tables import Step, Table, event, tables
from tests.segment.told import written
from tests.stage import Stage

TABLES = dict(tables())


@pytest.mark.parametrize("title", TABLES)
async def test_scenario(segment: Stage, title: str) -> None:
    table = TABLES[title]
    segment.clock.at = table.moment(table.steps[0].clock)
    await settled_in(segment, table.zone)
    ids = {name: name for name in ("interested", "new-customers")}
    for name, rule in table.rules.items():
        ids[name] = await audiences.create(segment, written(rule, ids), name)
    for number, step in enumerate(table.steps, 1):
        await take(segment, table, step)
        assert await cells(segment, table, step, ids) == step.cells, f"row {number}"
    assert await verify(segment.ctx, segment.shop, None) == []


async def settled_in(segment: Stage, zone: ZoneInfo) -> None:
    """The shop has its zone from the first."""
    fact = ShopUpdated(timezone=zone.key, currency="CNY", language="zh")
    await segment.deliver(make.event(fact, time=moment(segment.clock.at)))
    await segment.settle()


async def take(segment: Stage, table: Table, step: Step) -> None:
    """Moves the clock, then all that happens in one batch; tags are calls."""
    if step.clock:
        segment.clock.set_forward(table.moment(step.clock))
        await segment.settle()
    facts = []
    for words in step.happens:
        who, what, *rest = words.split(maxsplit=2)
        if what in ("tagged", "untagged"):
            call = segment.put if what == "tagged" else segment.delete
            assert (await call(f"/customers/{who}/tags/{quote(rest[0], safe='')}")).is_success
        else:
            facts.append(event(table, segment.shop, segment.clock.at, words))
    if facts:
        await segment.deliver(*facts)
    await segment.settle()


async def cells(segment: Stage, table: Table, step: Step, ids: dict[str, str]) -> dict[str, str]:
    """What the row's cells should have said, written as they are where they say the same."""
    found = {}
    names = {id: name for name, id in ids.items()}
    for column, cell in step.cells.items():
        if column == "said":
            said = [
                f"{one.customer} {'enters' if one.entered else 'leaves'} {names[one.audience]}"
                f" {local(table, micros(one.at))}"
                for one in await audiences.said(segment)
                if names[one.audience] in step.cells
            ]
            found[column] = "<br>".join(sorted(said, key=_by_moment))
        else:
            told = await audiences.listed(segment, ids[column])
            found[column] = ", ".join(
                sorted(_member(table, one, timed=f"{one['customer_id']} until" in cell) for one in told)
            )
    return found


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
    who, what, name, at = said.split(" ", 3)
    return at, f"{who} {what} {name}"
