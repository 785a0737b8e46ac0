"""What the stream does to audiences: each table moves the clock, delivers, and says who is in."""

from datetime import timedelta
from typing import Any

import pytest

from huitou_events import (
    CouponClaimed,
    CouponRedeemed,
    Event,
    FavouriteAdded,
    MemberJoined,
    MembershipEnded,
    MessageClicked,
    PointsChanged,
    ShopFollowed,
    ShopUpdated,
    TierChanged,
)
from segment_svc import handlers
from tests import make
from tests.make import NOW, ago
from tests.segment.audience import CARTED, Said, after, create, listed, members, moment, said
from tests.stage import Stage

Row = tuple[str, list[Event[Any]], list[str]]


def favourite(**values: Any) -> Event[Any]:
    return make.event(FavouriteAdded(customer_id="ada", item_id="i1"), **values)


def claim(fact: type[CouponClaimed] | type[CouponRedeemed], **values: Any) -> Event[Any]:
    return make.event(fact(customer_id="ada", coupon_id="c1", claim_id="k1"), **values)


SCENARIOS: dict[str, tuple[dict[str, Any] | str, list[Row]]] = {
    "interested begins after three days and ends after ten": (
        "interested",
        [
            ("0d", [make.cart(customer="ada")], []),
            ("71h", [], []),
            ("1h", [], ["ada"]),
            ("6d", [], ["ada"]),
            ("23h", [], ["ada"]),
            ("1h", [], []),
        ],
    ),
    "who buys the item is interested no more": (
        "interested",
        [
            ("0d", [make.cart(customer="ada"), favourite()], []),
            ("4d", [make.paid(customer="ada", time=after(days=4))], []),
        ],
    ),
    "a purchase of another item leaves the interest": (
        "interested",
        [
            ("0d", [make.cart(customer="ada")], []),
            ("4d", [make.paid(items=[make.line("i2")], time=after(days=4))], ["ada"]),
        ],
    ),
    "a payment whose order is closed does not end the interest": (
        "interested",
        [
            ("0d", [make.cart(customer="ada")], []),
            ("4d", [make.paid(time=after(days=4))], []),
            ("1d", [make.closed(time=after(days=5))], ["ada"]),
        ],
    ),
    "the second trade makes no new customer": (
        "new-customers",
        [
            ("0d", [make.completed(trade="t1")], ["ada"]),
            ("1d", [make.completed(trade="t2", time=after(days=1))], []),
        ],
    ),
    "a new customer is one for 180 days": (
        "new-customers",
        [("0d", [make.completed(trade="t1")], ["ada"]), ("179d", [], ["ada"]), ("1d", [], [])],
    ),
    "a full refund leaves no trade, whichever comes first": (
        "new-customers",
        [
            ("0d", [make.refunded(trade="t1", amount=60)], []),
            ("1h", [make.completed(trade="t1", amount=100, time=ago(hours=1))], ["ada"]),
            ("1h", [make.refunded(trade="t1", refund="r2", amount=40, time=after(hours=2))], []),
        ],
    ),
    "an event ahead of the clock counts when its moment comes": (
        {"event": "cart.added", "within": "1d"},
        [
            ("0d", [make.cart(time=after(hours=2))], []),
            ("1h", [], []),
            ("1h", [], ["ada"]),
            ("24h", [], []),
        ],
    ),
    "what is unknown of a customer is found in who was never there": (
        {"not": {"event": "trade.paid"}},
        [("0d", [make.page(customer="bo", time=after(hours=1))], []), ("1h", [], ["bo"])],
    ),
    "attributes follow the latest word, whatever comes last": (
        {"attribute": "city", "in": ["Hangzhou"]},
        [
            ("1d", [make.customer(city="Hangzhou", time=after(hours=2))], ["ada"]),
            ("0d", [make.customer(city="London", time=after(hours=1))], ["ada"]),
            ("0d", [make.customer(city=None, time=after(hours=3))], []),
        ],
    ),
    "coupons and messages are events like any other": (
        {
            "all": [
                {"event": "coupon.claimed", "quantity": {"at_least": 1}},
                {"not": {"event": "coupon.redeemed"}},
                {"event": "message.clicked", "within": "1d"},
            ]
        },
        [
            ("0d", [claim(CouponClaimed, time=ago(hours=3))], []),
            ("0d", [make.event(MessageClicked(customer_id="ada", job_id="j1"))], ["ada"]),
            ("1h", [claim(CouponRedeemed, time=after(hours=1))], []),
        ],
    ),
    "tier, membership, points and fans are known from events": (
        {
            "all": [
                {"tier": ["vip"]},
                {"attribute": "member", "is": True},
                {"attribute": "points", "at_least": 10},
                {"attribute": "fan", "is": True},
            ]
        },
        [
            ("0d", [make.event(MemberJoined(customer_id="ada", tier="ordinary"), time=ago(days=3))], []),
            ("0d", [make.event(ShopFollowed(customer_id="ada"), time=ago(days=2))], []),
            ("0d", [make.event(PointsChanged(customer_id="ada", delta=9, balance=10, reason="trade"))], []),
            (
                "0d",
                [make.event(TierChanged(customer_id="ada", before="ordinary", after="vip", reason="trade"))],
                ["ada"],
            ),
            ("1d", [make.event(MembershipEnded(customer_id="ada"), time=after(days=1))], []),
        ],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_scenario(segment: Stage, name: str) -> None:
    rule, rows = SCENARIOS[name]
    audience = rule if isinstance(rule, str) else await create(segment, rule)
    for move, events, expected in rows:
        await segment.advance(move)
        await segment.deliver(*events)
        await segment.settle()
        assert await members(segment, audience) == expected, (move, events)


async def test_who_enters_and_leaves_is_said_with_the_moment_that_changed_it(segment: Stage) -> None:
    await segment.advance("1m")
    await segment.deliver(make.cart(customer="ada", time=NOW))
    assert await said(segment) == []
    await segment.advance("20d")
    await segment.settle()
    assert await said(segment) == [
        Said("ada", "interested", True, after(days=3)),
        Said("ada", "interested", False, after(days=10)),
    ]


async def test_an_event_in_its_time_is_the_moment_and_the_cause(segment: Stage) -> None:
    await segment.advance("5m")
    trade = make.completed(time=after(minutes=4))
    await segment.deliver(trade)
    [entered] = await segment.emitted()
    assert (entered.data.at, entered.data.audience_id) == (trade.time, "new-customers")
    assert (await listed(segment, "new-customers"))[0]["since"] == "2026-11-02T04:04:00Z"


async def test_a_late_event_is_found_at_the_clock(segment: Stage) -> None:
    await segment.deliver(make.completed(trade="t1", time=ago(days=1)))
    await said(segment)
    await segment.advance("1h")
    await segment.deliver(make.completed(trade="t0", time=ago(days=30)))
    assert await said(segment) == [Said("ada", "new-customers", False, after(hours=1))]


async def test_a_late_event_beside_one_of_the_last_moment_is_found_at_the_clock(segment: Stage) -> None:
    await create(segment, {"tier": ["vip"]})
    await segment.deliver(make.created(trade="t1", time=ago(hours=1)))
    await said(segment)
    late = make.event(MemberJoined(customer_id="ada", tier="vip"), time=ago(hours=2))
    await segment.deliver(late, make.paid(trade="t1", time=ago(hours=1)))
    assert [one.at for one in await said(segment)] == [NOW]


async def test_a_late_event_that_changes_nothing_says_nothing(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(make.cart(time=NOW))
    await said(segment)
    await segment.deliver(make.cart(time=ago(days=1)), make.cart(time=ago(days=40)))
    assert await said(segment) == []
    assert [moment(row["since"]) for row in await listed(segment, audience)] == [NOW]


async def test_an_event_twice_counts_once_in_one_batch_and_later(segment: Stage) -> None:
    audience = await create(segment, {"event": "cart.added", "count": {"at_least": 2}})
    event = make.cart()
    await segment.deliver(event, event)
    await segment.deliver(event)
    assert await members(segment, audience) == []
    await segment.deliver(make.cart())
    assert await members(segment, audience) == ["ada"]


async def test_events_of_one_moment_in_any_order_come_to_the_same(segment: Stage) -> None:
    rule = {"event": "trade.completed", "amount": {"at_least": 50}}
    first = make.completed(trade="t1", amount=100, id="a", time=NOW)
    second = make.completed(trade="t1", amount=10, id="b", time=NOW)
    refund = make.refunded(trade="t1", amount=20, id="0", time=NOW)
    audience = await create(segment, rule)
    for customer, order in {"ada": (first, second, refund), "bo": (refund, second, first)}.items():
        for event in order:
            data = event.data.model_copy(update={"customer_id": customer})
            await segment.deliver(make.event(data, id=f"{customer}{event.id}", time=event.time))
    assert await members(segment, audience) == ["ada", "bo"]


async def test_another_currency_is_a_dead_letter_and_the_rest_goes_on(segment: Stage) -> None:
    await segment.deliver(
        make.completed(customer="ada", trade="t1"),
        make.completed(customer="bo", trade="t2", currency="GBP"),
        make.completed(customer="cy", trade="t3"),
    )
    assert await members(segment, "new-customers") == ["ada", "cy"]
    [(topic, reason, detail, _)] = await segment.dead()
    assert (topic, reason) == ("shop.trades.dlq", "wrong-currency")
    assert "CNY" in detail


async def test_shops_do_not_see_each_other(segment: Stage) -> None:
    await segment.deliver(make.completed(shop="s1"), make.completed(shop="s2", customer="bo"))
    assert await members(segment, "new-customers") == ["ada"]
    segment.shop = "s2"
    assert await members(segment, "new-customers") == ["bo"]


async def test_in_another_time_zone_days_are_counted_anew(segment: Stage) -> None:
    audience = await create(segment, {"event": "cart.added", "days": {"at_least": 2}})
    # One day in Shanghai, two in London.
    await segment.deliver(make.cart(time=ago(hours=5)), make.cart(time=ago(hours=3)))
    assert await members(segment, audience) == []
    settings = ShopUpdated(timezone="Europe/London", currency="CNY", language="zh")
    await segment.deliver(make.event(settings))
    await segment.settle()
    assert await members(segment, audience) == ["ada"]


async def test_many_moments_of_one_customer_are_handled_in_order(segment: Stage) -> None:
    audience = await create(segment, {"event": "page.viewed", "within": "1h"})
    await segment.deliver(*(make.page(time=after(hours=2 * n)) for n in range(5)))
    await segment.advance("12h")
    await segment.settle()
    moments = [(one.entered, one.at - NOW) for one in await said(segment, audience)]
    assert moments == [(entered, timedelta(hours=2 * n + (not entered))) for n in range(5) for entered in (True, False)]


async def test_a_batch_that_fails_leaves_nothing_behind(segment: Stage) -> None:
    audience = await create(segment, CARTED)

    class Killed(Exception):
        pass

    async def deliver_and_die() -> None:
        async with segment.db.transaction() as tx:
            await handlers.record_facts([make.cart(id="e1"), make.completed(id="e2")], tx)
            raise Killed

    with pytest.raises(Killed):
        await deliver_and_die()
    assert await members(segment, audience) == []
    assert await said(segment) == []
    assert await segment.db.pool.fetchval("SELECT count(*) FROM history") == 0
    await segment.deliver(make.cart(id="e1"))
    assert await members(segment, audience) == ["ada"]
    assert [one.customer for one in await said(segment, audience)] == ["ada"]
