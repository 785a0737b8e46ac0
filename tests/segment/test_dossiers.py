"""All that is known of a customer is handed out in one answer."""

from datetime import timedelta

from huitou_events import CustomerErased
from tests import make
from tests.make import ago
from tests.segment.audience import CARTED, create
from tests.stage import Stage


async def test_all_that_is_known_of_a_customer_is_exported(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.deliver(
        make.customer(phone="+8613800000000", city="杭州", time=ago(days=3)),
        make.completed(amount=700, items=[make.line("i1", 700, category="k1")], time=ago(days=2)),
        make.refunded(amount=100, time=ago(days=1)),
        make.cart(),
        make.page(visit_id="v1", dwell_seconds=40, time=make.NOW + timedelta(seconds=1)),
        make.page(customer="bo"),
    )
    await segment.put("/customers/ada/tags/vip")
    await segment.settle()
    answer = await segment.get("/customers/ada/export")
    told = answer.json()
    assert answer.status_code == 200
    assert told["customer"] == (await segment.get("/customers/ada")).json()
    assert [one["type"] for one in told["events"]] == [
        "customer.updated",
        "trade.completed",
        "trade.refunded",
        "cart.added",
        "page.viewed",
    ]
    assert told["events"][0]["changes"] == {"city": "杭州", "has_phone": True}
    assert told["events"][1]["items"] == [{"item_id": "i1", "category_id": "k1", "quantity": 1, "amount": 700}]
    assert (told["events"][2]["refund_id"], told["events"][2]["amount"]) == ("r1", 100)
    viewed = told["events"][4]
    assert (viewed["visit_id"], viewed["dwell_seconds"], told["events"][3]["visit_id"]) == ("v1", 40, None)
    assert (audience, True) in [(move["audience_id"], move["entered"]) for move in told["moves"]]
    assert "+8613800000000" not in answer.text


async def test_of_an_erased_customer_there_is_nothing_to_export(segment: Stage) -> None:
    await segment.deliver(make.cart(time=ago(days=1)))
    await segment.deliver(make.event(CustomerErased(customer_id="ada")))
    assert (await segment.get("/customers/ada/export")).status_code == 404
