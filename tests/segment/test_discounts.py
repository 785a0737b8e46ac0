"""What was paid against the prices of the catalogue, and regions one by one."""

from datetime import datetime
from typing import Any

from huitou_events import Event, ItemUpdated
from tests import make
from tests.make import NOW, ago, line
from tests.stage import Stage


def priced(item: str, price: int | None, time: datetime = NOW) -> Event[Any]:
    return make.event(ItemUpdated(item_id=item, price=price), time=time)


async def discounts(segment: Stage) -> dict[str, Any]:
    await segment.run_job("tallies")
    answer = await segment.get("/figures/discounts", params={"from": "2026-11-01"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def numbers(found: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(found[name] for name in ("paid_trades", "priced_trades", "list_amount", "paid_amount", "discount"))


async def test_a_discount_is_what_was_paid_less_than_the_prices_of_the_day(segment: Stage) -> None:
    await segment.deliver(
        priced("i1", 100, ago(days=1, hours=1)),
        priced("i2", 50, ago(hours=1)),
        priced("i2", None),
        priced("i1", 200, ago(hours=1)),
        make.customer("ada", country="CN"),
        make.paid(trade="t1", amount=220, items=[line("i1", quantity=2), line("i2")], time=ago(days=1)),
        make.paid(customer="bo", trade="t2", amount=150, items=[line("i1")], time=ago(minutes=1)),
        make.completed(customer="bo", trade="t2", amount=100, items=[line("i1")]),
        make.paid(trade="t3", amount=70, items=[line("i1"), line("i9")]),
        make.paid(trade="t4", amount=70, items=()),
        make.paid(trade="t5", amount=70),
        make.refunded(trade="t5", amount=70),
    )
    found = await discounts(segment)
    assert numbers(found["total"]) == (4, 2, 450, 370, 0.1778)
    assert [numbers(day) for day in found["days"]] == [(1, 1, 250, 220, 0.12), (3, 1, 200, 150, 0.25)]
    country = found["regions"]["country"]
    assert [(one["name"], *numbers(one)) for one in country] == [
        ("CN", 3, 1, 250, 220, 0.12),
        (None, 1, 1, 200, 150, 0.25),
    ]


async def test_a_price_that_comes_late_changes_the_discounts_before(segment: Stage) -> None:
    await segment.deliver(make.paid(amount=80), priced("i1", 100, ago(days=2)))
    assert (await discounts(segment))["total"]["discount"] == 0.2
    await segment.deliver(priced("i1", 160, ago(days=1)))
    assert (await discounts(segment))["total"]["discount"] == 0.5


async def test_lines_of_any_size_are_valued_exactly(segment: Stage) -> None:
    most = line("i1", quantity=2**31 - 1)
    await segment.deliver(priced("i1", 2**53 - 1), make.paid(amount=7, items=[most, most, most]))
    assert (await discounts(segment))["total"]["list_amount"] == 3 * (2**53 - 1) * (2**31 - 1)


async def test_regions_are_listed_the_most_visited_first(segment: Stage) -> None:
    await segment.deliver(
        *(
            make.customer(name, province=province)
            for name, province in (("ada", "浙江"), ("bo", "浙江"), ("cy", "江苏"))
        ),
        *(make.page(customer=name) for name in ("ada", "bo", "cy", "di")),
        make.paid(customer="cy"),
    )
    await segment.run_job("tallies")
    first = (await segment.get("/figures/regions", params={"limit": 2})).json()
    assert [(one["name"], one["visitors"]) for one in first["items"]] == [("浙江", 2), ("江苏", 1)]
    more = (await segment.get("/figures/regions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [(one["name"], one["visitors"], one["buyers"]) for one in more["items"]] == [(None, 1, 0)]
    assert more["next_cursor"] is None
    assert (await segment.get("/figures/regions", params={"by": "street"})).json()["errors"][0]["field"] == "by"
