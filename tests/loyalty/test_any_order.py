"""The same events in any order, some twice, in any batches: the same members in the end."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from huitou_events import CustomerErased, Event, TradeClosed, TradeCompleted, TradePaid, TradeRefunded
from loyalty_svc.verify import verify
from tests import make
from tests.loyalty import shop
from tests.naive.effort import effort
from tests.stage import Stage

CUSTOMERS = ["ada", "bo"]
_shops = (f"any-{number}" for number in itertools.count(1))


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[Any, timedelta]]:
    """Facts with how long ago they happened; some at one moment, some dated ahead."""
    customer = st.sampled_from(CUSTOMERS)
    named = {"customer_id": customer, "amount": st.sampled_from([0, 100, 400, 600]), "currency": st.just("CNY")}
    trade = st.sampled_from([TradePaid, TradeCompleted, TradeCompleted, TradeClosed]).flatmap(
        lambda kind: st.builds(kind, trade_id=st.sampled_from(["t1", "t2", "t3"]), items=st.just(()), **named)
    )
    refund = st.builds(
        TradeRefunded, trade_id=st.sampled_from(["t1", "t2"]), refund_id=st.sampled_from(["r1", "r2"]), **named
    )
    erasure = st.builds(CustomerErased, customer_id=customer)
    facts = st.one_of(trade, trade, trade, refund, erasure) if draw(st.booleans()) else st.one_of(trade, refund)
    past = st.integers(-1, 8).map(lambda days: timedelta(days=days))
    return draw(st.lists(st.tuples(facts, past), min_size=1, max_size=12))


def told(story: Sequence[tuple[Any, timedelta]], name: str) -> list[Event[Any]]:
    """The story as events of a shop of that name."""
    return [
        make.event(fact, shop=name, time=make.NOW - past, id=f"e{number}") for number, (fact, past) in enumerate(story)
    ]


@effort(40)
@given(data=st.data())
async def test_any_order_of_arrival_ends_in_the_same_members(data: st.DataObject, loyalty: Stage) -> None:
    story = data.draw(stories())
    once, often = next(_shops), next(_shops)
    for name in (once, often):
        loyalty.shop = name
        await shop.opens(loyalty)
    await loyalty.deliver(*sorted(told(story, once), key=lambda event: event.order))
    await arrive(loyalty, data, told(story, often))
    assert await members(loyalty, once) == await members(loyalty, often)
    for name in (once, often):
        assert await verify(loyalty.ctx, name, None) == []


async def arrive(loyalty: Stage, data: st.DataObject, events: list[Event[Any]]) -> None:
    """The events in some order, some of them twice, in batches."""
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    order = data.draw(st.permutations([*events, *again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    for start, end in itertools.pairwise([0, *cuts, len(order)]):
        if start < end:
            await loyalty.deliver(*order[start:end])


async def members(loyalty: Stage, name: str) -> list[Any]:
    """All that the API says about the members of a shop, with their histories."""
    loyalty.shop = name
    found = (await loyalty.get("/members")).json()["items"]
    return [(member, (await loyalty.get(f"/members/{member['customer_id']}/history")).json()) for member in found]
