"""Verifying finds what is wrong, and only that."""

from segment_svc import verify
from tests import make
from tests.make import SHOP, ago
from tests.segment.audience import CARTED, create
from tests.stage import Stage


async def test_memberships_that_are_right_are_not_reported(segment: Stage) -> None:
    await create(segment, CARTED)
    await segment.deliver(make.cart(time=ago(days=5)), make.completed(customer="bo"))
    await segment.advance("3d")
    await segment.settle()
    assert await verify.verify(segment.ctx, SHOP, None) == []


async def test_a_moment_that_was_not_handled_yet_is_no_difference(segment: Stage) -> None:
    await create(segment, CARTED)
    await segment.deliver(make.cart())
    await segment.advance("30d")
    assert await verify.verify(segment.ctx, SHOP, None) == []


async def test_a_member_too_few_and_one_too_many_are_reported(segment: Stage) -> None:
    await segment.deliver(make.completed(customer="ada"), make.page(customer="bo"))
    await segment.db.pool.execute("UPDATE member SET customer_id = 'bo' WHERE customer_id = 'ada'")
    found = await verify.verify(segment.ctx, SHOP, None)
    assert [line.split(", which")[0] for line in found] == [
        "s1: ada is not in new-customers",
        "s1: bo is in new-customers",
    ]
    assert len(await verify.verify(segment.ctx, SHOP, "bo")) == 1
