"""`verify` recomputes members from the facts and finds every row that was tampered with."""

import pytest

from huitou_events import CustomerErased
from loyalty_svc.verify import verify
from tests import make
from tests.loyalty import shop
from tests.stage import Stage


@pytest.fixture
async def kept(loyalty: Stage) -> Stage:
    """Three customers with everything that can be kept of one."""
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(customer="ada", trade="a1", amount=600, time=make.ago(days=9)),
        make.refunded(customer="ada", trade="a1", amount=50, time=make.ago(days=8)),
        make.completed(customer="ada", trade="a2", amount=600, time=make.NOW.replace(month=12)),
        make.paid(customer="bo", trade="b1", amount=300),
        make.completed(customer="cleo", trade="c1", amount=900, time=make.ago(days=9)),
    )
    await loyalty.deliver(make.event(CustomerErased(customer_id="cleo"), time=make.ago(days=1)))
    await loyalty.put("/members/bo/tier", json={"tier": "vip", "reason": "a friend"})
    return loyalty


async def test_nothing_is_found_where_nothing_is_wrong(kept: Stage) -> None:
    assert await verify(kept.ctx, "s1", None) == []
    await kept.advance("45d")
    assert await verify(kept.ctx, "s1", None) == []
    await kept.settle()
    assert await verify(kept.ctx, "s1", None) == []


@pytest.mark.parametrize(
    ("tampering", "customer", "finding"),
    [
        ("UPDATE customer SET tier = 'vip' WHERE customer_id = 'ada'", "ada", "tier is 'vip'"),
        ("UPDATE customer SET amount = 551 WHERE customer_id = 'ada'", "ada", "amount is 551, the facts say 550"),
        ("UPDATE customer SET joined_us = NULL, tier = NULL WHERE customer_id = 'bo'", "bo", "joined_us is None"),
        ("UPDATE customer SET history = '[]' WHERE customer_id = 'ada'", "ada", "history"),
        ("UPDATE customer SET due_us = NULL WHERE customer_id = 'ada'", "ada", "due_us is None"),
        ("UPDATE fact SET amount = 1 WHERE customer_id = 'bo' AND trade_id = 'b1'", "bo", "paid_amount is 300"),
        ("DELETE FROM customer WHERE customer_id = 'bo'", "bo", "2 facts and no row"),
        ("UPDATE programme SET content = jsonb_set(content, '{tiers,0,amount}', '900')", "ada", "tier is 'ordinary'"),
    ],
)
async def test_what_was_tampered_with_is_found(kept: Stage, tampering: str, customer: str, finding: str) -> None:
    await kept.db.pool.execute(tampering)
    for found in (await verify(kept.ctx, "s1", None), await verify(kept.ctx, "s1", customer)):
        assert any(line.startswith(f"{customer}: ") and finding in line for line in found), found


async def test_customers_that_a_first_programme_has_still_to_judge_are_told(loyalty: Stage) -> None:
    await loyalty.deliver(make.completed(amount=900))
    await shop.opens(loyalty)
    (found,) = await verify(loyalty.ctx, "s1", None)
    assert found.startswith("ada: ")
    await loyalty.settle()
    assert await verify(loyalty.ctx, "s1", None) == []
