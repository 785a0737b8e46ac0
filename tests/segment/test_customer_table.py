"""The customer table: figures of each customer, filtered, sorted and page by page."""

import base64
from typing import Any

from huitou_events import CustomerErased, ShopFollowed
from tests import make
from tests.make import ago
from tests.segment.audience import CARTED, create
from tests.stage import Stage


async def rows(segment: Stage, **asked: Any) -> list[dict[str, Any]]:
    await segment.settle()
    answer = await segment.get("/customers", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def names(segment: Stage, **asked: Any) -> list[str]:
    return [row["customer_id"] for row in await rows(segment, **asked)]


async def three(segment: Stage) -> None:
    """Ada bought and follows the shop, Bo looked and filled the cart, Cy only told a country."""
    await segment.deliver(
        make.customer("ada", country="CN", time=ago(days=9)),
        make.event(ShopFollowed(customer_id="ada"), time=ago(days=9)),
        make.page(customer="ada", item_id="i1", dwell_seconds=30, time=ago(days=9)),
        make.paid(customer="ada", amount=700, time=ago(days=8)),
        make.completed(customer="ada", amount=700, time=ago(days=5)),
        make.page(customer="bo", dwell_seconds=50, time=ago(days=4)),
        make.page(customer="bo", item_id="i1", time=ago(days=4), visit_id="v"),
        make.cart(customer="bo", time=ago(days=3)),
        make.created(customer="bo", trade="t2", amount=50, time=ago(days=2)),
        make.customer("cy", country="DE", time=ago(days=1)),
    )


async def test_each_customer_has_a_row_of_figures(segment: Stage) -> None:
    await three(segment)
    cy, bo, ada = await rows(segment)
    assert ada == {
        "customer_id": "ada",
        "country": "CN",
        "fan": True,
        "dwell_seconds": 30,
        "product_views": 1,
        "carts": 0,
        "orders": 1,
        "trades": 1,
        "amount": 700,
        "last_paid_amount": 700,
        "last_paid_at": ago(days=8).isoformat().replace("+00:00", "Z"),
        "first_seen": ago(days=9).isoformat().replace("+00:00", "Z"),
    }
    assert (bo["dwell_seconds"], bo["product_views"], bo["carts"], bo["orders"], bo["trades"]) == (50, 1, 1, 1, 0)
    assert (bo["last_paid_amount"], bo["last_paid_at"]) == (None, None)
    assert (cy["customer_id"], cy["country"], cy["fan"]) == ("cy", "DE", False)


async def test_what_changes_a_customer_changes_the_row(segment: Stage) -> None:
    await three(segment)
    await rows(segment)
    await segment.deliver(
        make.paid(customer="bo", trade="t2", amount=50, time=ago(days=1)),
        make.closed(customer="bo", trade="t2", amount=50, time=ago(hours=1)),
        make.refunded(customer="ada", amount=700),
    )
    found = {row["customer_id"]: row for row in await rows(segment)}
    assert (found["bo"]["last_paid_amount"], found["bo"]["orders"]) == (None, 1)
    assert (found["ada"]["trades"], found["ada"]["amount"], found["ada"]["last_paid_amount"]) == (0, 0, 700)
    await segment.deliver(make.event(CustomerErased(customer_id="ada")))
    assert await names(segment, order="asc") == ["bo", "cy"]


async def test_a_fact_of_the_future_counts_when_it_happens(segment: Stage) -> None:
    await segment.deliver(make.cart(), make.cart(time=make.NOW + (make.NOW - ago(days=2)), item="i2"))
    assert [row["carts"] for row in await rows(segment)] == [1]
    await segment.advance("3d")
    assert [row["carts"] for row in await rows(segment)] == [2]


async def test_rows_are_filtered(segment: Stage) -> None:
    await three(segment)
    carted = await create(segment, CARTED)
    await segment.put("/customers/cy/tags/vip")
    await segment.put("/tags/kept", json={"rule": {"event": "trade.completed"}})
    assert await names(segment, country="DE") == ["cy"]
    assert await names(segment, fan=True) == ["ada"]
    assert await names(segment, audience=carted) == ["bo"]
    assert await names(segment, tag="vip") == ["cy"]
    assert await names(segment, tag="kept") == ["ada"]
    assert await names(segment, min_orders=1) == ["bo", "ada"]
    assert await names(segment, min_orders=1, max_amount=100) == ["bo"]
    assert await names(segment, max_last_paid_amount=1000) == ["ada"]
    assert (await segment.get("/customers", params={"tag": "nothing"})).status_code == 404
    answer = await segment.get("/customers", params={"min_carts": -1})
    assert (answer.status_code, "min_carts" in answer.text) == (422, True)


async def test_rows_are_sorted_by_any_column_and_paged(segment: Stage) -> None:
    await three(segment)
    assert await names(segment, sort="dwell_seconds") == ["bo", "ada", "cy"]
    assert await names(segment, sort="last_paid_at", order="asc") == ["bo", "cy", "ada"]
    for sort in ("country", "fan", "product_views", "amount", "last_paid_amount", "first_seen", "last_paid_at"):
        for order in ("asc", "desc"):
            whole = await names(segment, sort=sort, order=order)
            found: list[str] = []
            asked: dict[str, Any] = {"sort": sort, "order": order, "limit": 1}
            while asked.get("cursor", "") is not None:
                answer = (await segment.get("/customers", params=asked)).json()
                found += [row["customer_id"] for row in answer["items"]]
                asked["cursor"] = answer["next_cursor"]
            assert found == whole, (sort, order)


async def test_a_cursor_with_a_number_that_no_column_holds_is_none_of_the_list(segment: Stage) -> None:
    cursor = base64.urlsafe_b64encode(f'[{2**63},"ada"]'.encode()).rstrip(b"=").decode()
    answer = await segment.get("/customers", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_who_was_noted_by_another_worker_is_left_to_it_for_a_while(segment: Stage) -> None:
    await segment.deliver(make.cart())
    await segment.db.execute("UPDATE customer_change SET noted_by = 'another'")
    assert await names(segment) == []
    await segment.db.execute("UPDATE customer_change SET noted_at = noted_at - interval '3 seconds'")
    assert await names(segment) == ["ada"]
