"""What is bought again in a shop and when, and the recommended audience that goes by it."""

from typing import Any

from huitou_events import Event
from segment_svc import publications
from segment_svc.calendar import DAY
from segment_svc.repurchase import Cycle, Demands, Gaps, Override, Sold, decide
from segment_svc.verify import verify
from tests import make
from tests.make import SHOP, ago
from tests.segment.audience import Said, after, create, members, moment, said
from tests.stage import Stage


def bought(customer: str, item: str, *days: int, category: str | None = None) -> list[Event[Any]]:
    """One trade of the item, each so many days ago."""
    return [
        make.completed(
            customer=customer,
            trade=f"{item}-{day}",
            items=[make.line(item, 100, category=category)],
            time=ago(days=day),
        )
        for day in days
    ]


def habit() -> list[Event[Any]]:
    """Five customers buy milk every 20 to 24 days, the last time 20 days ago and more; pans are bought once."""
    milk = [bought(f"c{n}", "milk", *range(19 + n, 100, 20 + n)) for n in range(1, 6)]
    pans = [bought(f"d{n}", "pan", 20) for n in range(30)]
    return [event for events in (*milk, *pans) for event in events]


async def snapshot(segment: Stage) -> None:
    assert (await segment.post("/snapshots")).status_code == 202
    await segment.run_job("snapshots")


async def test_the_recommended_audience_is_of_those_who_are_within_the_cycle_of_what_is_bought_again(
    segment: Stage,
) -> None:
    await segment.deliver(*habit())
    await snapshot(segment)
    items = {one["item_id"]: one for one in (await segment.get("/repurchase/items")).json()["items"]}
    milk, pan = items["milk"], items["pan"]
    assert (milk["buyers"], milk["again"], milk["basis"], milk["high"]) == (5, 5, "item", True)
    assert (milk["lower_days"], milk["upper_days"]) == (22, 24)
    assert (pan["buyers"], pan["again"], pan["high"]) == (30, 0, False)
    assert await said(segment, "repurchase") == [Said(f"c{n}", "repurchase", True, after(), False) for n in (3, 4, 5)]
    found = (await segment.get("/audiences/repurchase/members/c3")).json()
    assert (found["why"]["measured"], found["why"]["snapshot"]["version"]) == (["milk"], 1)
    assert moment(found["until"]) == after(days=3)
    assert await verify(segment.ctx, SHOP, None) == []


async def test_time_and_purchases_move_them_on(segment: Stage) -> None:
    await segment.deliver(*habit())
    await snapshot(segment)
    await said(segment)
    await segment.deliver(make.completed(customer="c3", trade="now", items=[make.line("milk")]))
    assert await said(segment, "repurchase") == [Said("c3", "repurchase", False, after())]
    await segment.advance("22d")
    await segment.run_job("due")
    moves = {(one.customer, one.entered, one.at) for one in await said(segment, "repurchase")}
    assert moves == {
        ("c2", True, after(days=1)),
        ("c5", False, after(days=1)),
        ("c1", True, after(days=2)),
        ("c4", False, after(days=2)),
        ("c2", False, after(days=4)),
        ("c1", False, after(days=5)),
        ("c3", True, after(days=22)),
    }
    assert await members(segment, "repurchase") == ["c3"]
    assert await verify(segment.ctx, SHOP, None) == []


async def test_a_new_version_moves_its_buyers_and_the_shop_s_own_word_counts(segment: Stage) -> None:
    await segment.deliver(*habit())
    await snapshot(segment)
    inner = await create(segment, {"all": [{"repurchase": True}, {"audience": "repurchase"}]})
    assert await members(segment, inner) == ["c3", "c4", "c5"]
    await said(segment)
    await segment.advance("1h")
    own = {"milk": {"high": False}, "pan": {"high": True, "lower_days": 20, "upper_days": 20}}
    answer = await segment.put("/repurchase", json={"high": 0.5, "min_buyers": 3, "items": own})
    assert (answer.status_code, answer.json()["high"], answer.json()["version"]) == (200, 0.5, 1)
    await segment.post("/snapshots")
    await publications.advance(segment.ctx)
    assert await verify(segment.ctx, SHOP, None) == []
    await segment.deliver(make.page(customer="d1", time=after(hours=1)))
    await segment.run_job("snapshots")
    told = {(one.customer, one.entered) for one in await said(segment, "repurchase") if one.at == after(hours=1)}
    assert told == {(f"c{n}", False) for n in (3, 4, 5)} | {(f"d{n}", True) for n in range(30)}
    assert len(await members(segment, inner)) == 30
    assert await verify(segment.ctx, SHOP, None) == []


async def test_a_refunded_purchase_is_none(segment: Stage) -> None:
    await segment.deliver(*habit())
    await segment.deliver(*bought("d0", "milk", 22))
    await segment.deliver(make.refunded(customer="d0", trade="milk-22", amount=100, time=ago(days=1)))
    await snapshot(segment)
    assert "d0" not in await members(segment, "repurchase")
    page = (await segment.get("/repurchase/items", params={"limit": 1})).json()
    assert (page["items"][0]["item_id"], page["items"][0]["buyers"], page["next_cursor"] is None) == ("milk", 5, False)


async def test_wrong_settings_are_refused_with_their_field(segment: Stage) -> None:
    for body, field in (
        ({"high": 2}, "high"),
        ({"min_buyers": 0}, "min_buyers"),
        ({"items": {"milk": {"lower_days": 3}}}, "items.milk.lower_days"),
        ({"items": {"milk": {"lower_days": 3, "upper_days": 2}}}, "items.milk.lower_days"),
    ):
        answer = await segment.put("/repurchase", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert (await segment.get("/repurchase")).json() == {
        "high": 0.2,
        "min_buyers": 5,
        "items": {},
        "version": None,
        "published_at": None,
    }


def test_few_buyers_go_by_their_category_and_a_rate_is_drawn_towards_it() -> None:
    sold = [
        Sold("tea", "drinks", 10, 8, Gaps(9, 30 * DAY + 5, 40 * DAY)),
        Sold("new tea", "drinks", 2, 0, None),
        Sold("pan", None, 88, 2, Gaps(2, DAY, DAY)),
    ]
    shop = 10 / 100
    drinks = (8 + 10 * shop) / (12 + 10)
    found = decide(sold, {"drinks": Gaps(9, 30 * DAY, 40 * DAY)}, Gaps(11, 20 * DAY, 40 * DAY), Demands())
    assert found == [
        Cycle("tea", "drinks", 10, 8, round((8 + 10 * drinks) / 20, 6), "item", 30, 40, True),
        Cycle("new tea", "drinks", 2, 0, round(drinks, 6), "category", 30, 40, True),
        Cycle("pan", None, 88, 2, round((2 + 10 * shop) / 98, 6), "shop", 20, 40, False),
    ]
    own = Demands(items={"tea": Override(high=False), "pan": Override(high=True, lower_days=1, upper_days=2)})
    tea, _, pan = decide(sold, {}, None, own)
    assert (tea.high, pan.high, pan.basis, pan.lower_days) == (False, True, "set", 1)
    assert decide([], {}, None, Demands()) == []
    assert not decide([Sold("tea", None, 9, 9, None)], {}, None, Demands())[0].high
