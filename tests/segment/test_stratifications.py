"""Customers in layers by their completed trades, each layer as large as the audience that its rule makes."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from huitou_events import CustomerErased, Event
from tests import make
from tests.make import ago, line
from tests.segment.audience import create, members
from tests.stage import Stage

BEFORE_2010 = datetime(2009, 12, 31, tzinfo=UTC)


async def stratification(segment: Stage, **query: str | int) -> dict[str, Any]:
    answer = await segment.get("/stratification", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def some(layers: list[dict[str, Any]], *names: str) -> list[Any]:
    return [tuple(layer[name] for name in names) for layer in layers]


async def inside(segment: Stage, found: dict[str, Any]) -> list[list[str]]:
    """Who is in the audience that each layer's rule makes, those without a trade last."""
    strata = [*found["layers"], found["without_trade"]]
    there = [await members(segment, await create(segment, one["rule"])) for one in strata]
    assert [len(one) for one in there] == [one["customers"] for one in strata], found
    assert sum(len(one) for one in there) == found["customers"]
    return there


async def test_a_value_exactly_at_a_bound_is_in_the_layer_that_begins_there(segment: Stage) -> None:
    await segment.deliver(
        *(
            make.completed(customer=f"c{amount}", trade=f"t{amount}", amount=amount)
            for amount in (999, 1000, 4999, 5000)
        ),
        make.page(customer="zoe"),
    )
    found = await stratification(segment, by="amount", bounds="1000,5000")
    assert await inside(segment, found) == [["c999"], ["c1000", "c4999"], ["c5000"], ["zoe"]]
    assert some(found["layers"], "lower", "upper", "customers", "share", "amount", "share_of_amount") == [
        (None, 1000, 1, 0.2, 999, 0.0833),
        (1000, 5000, 2, 0.4, 5999, 0.5),
        (5000, None, 1, 0.2, 5000, 0.4167),
    ]
    assert some([found["without_trade"]], "customers", "share", "amount", "trades") == [(1, 0.2, 0, 0)]
    assert (found["customers"], found["amount"], found["trades"]) == (5, 11_998, 4)
    assert (
        found["layers"][1]["sentence"]["en"] == "Customers who have a total of completed orders of CNY 10 to CNY 49.99."
    )


async def test_refunds_are_taken_off_and_who_got_everything_back_has_no_trade(segment: Stage) -> None:
    await segment.deliver(
        make.completed(amount=1000),
        make.refunded(amount=1),
        make.completed(customer="bo", trade="t2", amount=1000),
        make.refunded(customer="bo", trade="t2", amount=600),
        make.refunded(customer="bo", trade="t2", refund="r2", amount=400),
        make.completed(customer="cy", trade="t3", amount=700),
        make.completed(customer="cy", trade="t4", amount=900),
        make.refunded(customer="cy", trade="t4", amount=900),
    )
    found = await stratification(segment, by="amount", bounds="1000")
    assert await inside(segment, found) == [["ada", "cy"], [], ["bo"]]
    assert some(found["layers"], "amount", "trades", "average_order_value") == [(1699, 2, 849), (0, 0, None)]
    found = await stratification(segment, by="trades", bounds="1,2")
    assert await inside(segment, found) == [[], ["ada", "cy"], [], ["bo"]]


async def test_an_average_between_two_whole_numbers_is_in_one_layer(segment: Stage) -> None:
    await segment.deliver(
        make.completed(amount=999),
        make.completed(trade="t2", amount=1000),
        make.completed(customer="bo", trade="t3", amount=1000),
    )
    found = await stratification(segment, by="average_order_value", bounds="999,1000")
    assert await inside(segment, found) == [[], ["ada"], ["bo"], []]


async def test_pieces_and_items_are_those_of_trades_that_did_not_wholly_go_back(segment: Stage) -> None:
    await segment.deliver(
        make.completed(amount=30, items=[line("i1", 10, quantity=2), line("i2", 20)]),
        make.refunded(amount=20, items=[line("i2", 20)]),
        make.completed(customer="bo", trade="t2", amount=10, items=[line("i1", 10, quantity=5)]),
        make.completed(customer="bo", trade="t3", amount=10, items=[line("i1", 10), line("i2", 0), line("i3", 0)]),
        make.refunded(customer="bo", trade="t3", amount=10),
        make.completed(customer="cy", trade="t4", amount=10, items=()),
        make.completed(customer="di", trade="t5", time=BEFORE_2010),
    )
    found = await stratification(segment, by="quantity", bounds="1,3,5")
    assert await inside(segment, found) == [["cy"], [], ["ada"], ["bo"], ["di"]]
    found = await stratification(segment, by="items", bounds="1,2")
    assert await inside(segment, found) == [["cy"], ["bo"], ["ada"], ["di"]]


async def test_layers_by_time_go_by_the_age_of_the_last_and_of_the_first_trade(segment: Stage) -> None:
    await segment.deliver(
        make.completed(trade="t1", time=ago(days=400)),
        make.completed(trade="t2", time=ago(days=6, hours=23)),
        make.completed(customer="bo", trade="t3", time=ago(days=7)),
        make.completed(customer="cy", trade="t4", time=ago(days=30)),
        make.completed(customer="cy", trade="t5"),
        make.refunded(customer="cy", trade="t5", amount=100),
        make.completed(customer="di", trade="t6", time=BEFORE_2010),
        make.completed(customer="ed", trade="t7", time=ago(hours=-1)),
    )
    found = await stratification(segment, by="last_trade_at", bounds="7d,30d,365d")
    assert await inside(segment, found) == [["ada"], ["bo"], ["cy"], [], ["di"]]
    assert some(found["layers"], "lower", "upper") == [(None, "7d"), ("7d", "30d"), ("30d", "365d"), ("365d", None)]
    found = await stratification(segment, by="first_trade_at", bounds="168h,30d,365d")
    assert await inside(segment, found) == [[], ["bo"], ["cy"], ["ada"], ["di"]]
    assert found["layers"][0]["upper"] == "7d"
    found = await stratification(segment, by="first_trade_at", quantiles=3)
    assert await inside(segment, found) == [["bo"], ["cy"], ["ada"], ["di"]]
    assert some(found["layers"], "lower", "upper") == [(None, "30d"), ("30d", "400d"), ("400d", None)]


async def test_layers_of_equal_size_keep_those_together_who_are_equal(segment: Stage) -> None:
    amounts = (100, 200, 200, 200, 300, 400, 500)
    await segment.deliver(
        *(make.completed(customer=f"c{n}", trade=f"t{n}", amount=amount) for n, amount in enumerate(amounts)),
        make.page(),
    )
    found = await stratification(segment, by="amount", quantiles=3)
    assert await inside(segment, found) == [["c0", "c1", "c2", "c3"], ["c4"], ["c5", "c6"], ["ada"]]
    assert some(found["layers"], "lower", "upper") == [(None, 300), (300, 400), (400, None)]
    found = await stratification(segment, by="trades", quantiles=5)
    assert some(found["layers"], "lower", "upper", "customers") == [(None, None, 7)]
    await inside(segment, found)


async def test_an_erased_customer_is_in_no_layer_and_a_shop_without_customers_has_empty_ones(segment: Stage) -> None:
    found = await stratification(segment, by="amount", bounds="1000")
    assert some(found["layers"], "customers", "share", "share_of_amount") == [(0, None, None)] * 2
    assert (await stratification(segment, by="amount", quantiles=2))["layers"] == []
    await segment.deliver(make.completed(), make.completed(customer="bo", trade="t2", time=ago(days=1)))
    await segment.run_job("tallies")
    await segment.deliver(make.event(CustomerErased(customer_id="ada")))
    await segment.deliver(make.event(CustomerErased(customer_id="bo"), time=ago(hours=1)))
    await segment.deliver(make.completed(customer="bo", trade="t3", amount=50))
    found = await stratification(segment, by="amount", bounds="60")
    assert await inside(segment, found) == [["bo"], [], []]
    assert (found["customers"], found["amount"]) == (1, 50)


@pytest.mark.parametrize(
    "by", ["amount", "trades", "average_order_value", "quantity", "items", "last_trade_at", "first_trade_at"]
)
async def test_layers_are_as_large_as_their_audiences_while_a_shop_s_trades_are_still_being_counted(
    segment: Stage, by: str
) -> None:
    events = history(Random(by))
    await segment.deliver(*events[::2])
    await segment.run_job("tallies")
    await segment.deliver(*events[1::2])
    bounds = "1h,3d,30d,90d,200d" if by.endswith("_at") else "1,2,3,100,150,250"
    for query in ({"bounds": bounds}, {"quantiles": 4}):
        found = await stratification(segment, by=by, **query)
        there = await inside(segment, found)
        assert sum(map(bool, there)) >= 3
        people = sorted(customer for one in there for customer in one)
        assert people == sorted({event.data.customer_id for event in events if event.time <= make.NOW})


def history(chance: Random) -> list[Event[Any]]:
    """Trades of many customers, told twice with different moments too, some of the future; refunds of a few."""
    events = []
    for n in range(80):
        who, amount = f"c{chance.randint(0, 29)}", chance.choice([0, 50, 100, 300])
        lines = [line(f"i{chance.randint(1, 4)}", quantity=chance.randint(0, 2)) for _ in range(chance.randint(0, 3))]
        for _ in range(chance.choice([1, 1, 2])):
            time = ago(days=chance.choice([-1, 0, 3, 7, 30, 90, 200, chance.randint(0, 300)]))
            events.append(make.completed(customer=who, trade=f"t{n}", amount=amount, items=lines, time=time))
        if chance.random() < 0.4:
            back = chance.choice([amount, 50])
            events.append(
                make.refunded(customer=who, trade=f"t{n}", amount=back, time=ago(days=chance.randint(-1, 100)))
            )
    chance.shuffle(events)
    return events


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "points", "bounds": "1"}, "by"),
        ({"bounds": "1"}, "by"),
        ({"by": "amount"}, "bounds"),
        ({"by": "amount", "bounds": "1000", "quantiles": 5}, "quantiles"),
        ({"by": "amount", "quantiles": 1}, "quantiles"),
        ({"by": "amount", "quantiles": 101}, "quantiles"),
        ({"by": "amount", "bounds": ""}, "bounds"),
        ({"by": "amount", "bounds": "1000,1000"}, "bounds"),
        ({"by": "amount", "bounds": "5000,1000"}, "bounds"),
        ({"by": "amount", "bounds": "0,1000"}, "bounds"),
        ({"by": "amount", "bounds": "-5"}, "bounds"),
        ({"by": "amount", "bounds": "٣"}, "bounds"),
        ({"by": "amount", "bounds": "7d"}, "bounds"),
        ({"by": "amount", "bounds": str(2**53)}, "bounds"),
        ({"by": "amount", "bounds": ",".join(map(str, range(1, 101)))}, "bounds"),
        ({"by": "last_trade_at", "bounds": "7"}, "bounds"),
        ({"by": "last_trade_at", "bounds": "0d"}, "bounds"),
        ({"by": "last_trade_at", "bounds": "24h,1d"}, "bounds"),
        ({"by": "last_trade_at", "bounds": "7d,9999d"}, "bounds"),
    ],
)
async def test_what_makes_no_layers_is_refused_with_its_field(
    segment: Stage, query: dict[str, str | int], field: str
) -> None:
    answer = await segment.get("/stratification", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
