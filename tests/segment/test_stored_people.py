"""Customers who are read from the tables since nothing is remembered of them, as after a restart."""

from typing import Any

from huitou_events import Event
from tests import make
from tests.segment.audience import create, members
from tests.stage import Stage

LARGE = {"event": "trade.paid", "amount": {"at_least": 500}}


async def forget(segment: Stage) -> None:
    """Makes what the process remembers of customers that of an older version."""
    await segment.db.execute("UPDATE customer SET version = nextval('stamp')")


async def one_by_one(segment: Stage, *events: Event[Any]) -> None:
    for event in events:
        await segment.deliver(event)
        await forget(segment)


async def test_of_one_moment_the_earlier_name_stands_whichever_came_first(segment: Stage) -> None:
    audience = await create(segment, LARGE)
    await one_by_one(segment, make.paid(amount=100, id="b"))
    await segment.deliver(make.page(time=make.ago(days=1)))
    assert await members(segment, audience) == []
    await segment.deliver(make.paid(amount=900, id="a"))
    assert await members(segment, audience) == ["ada"]


async def test_of_one_moment_a_refund_follows_its_trade_whatever_their_names(segment: Stage) -> None:
    audience = await create(segment, LARGE)
    await one_by_one(segment, make.refunded(amount=900, id="a"), make.paid(amount=900, id="z"))
    assert await members(segment, audience) == []
    await one_by_one(segment, make.paid(trade="t2", amount=900, id="x"))
    assert await members(segment, audience) == ["ada"]
    await one_by_one(segment, make.refunded(trade="t2", refund="r2", amount=900, id="b"))
    assert await members(segment, audience) == []


async def test_what_is_told_in_many_lines_and_by_many_customers_stays_theirs(segment: Stage) -> None:
    rule = {"event": "trade.paid", "item": ["i2"], "amount": {"at_least": 500}}
    audience = await create(segment, rule)
    for number in range(3):
        lines = [make.line("i1", 100), make.line("i2", 300 * number)]
        name = f"c{number}"
        await one_by_one(
            segment,
            make.customer(name, country="CN"),
            make.page(customer=name),
            make.paid(customer=name, trade=f"t{number}", amount=100 + 300 * number, items=lines),
        )
    await segment.deliver(*(make.page(customer=f"c{number}", item_id="i1") for number in range(4)))
    assert await members(segment, audience) == ["c2"]
