"""Batches, calls and jobs that meet in the same customers at the same time."""

import asyncio

from loyalty_svc.verify import verify
from tests import make
from tests.loyalty import shop
from tests.stage import Stage

CUSTOMERS = [f"c{number}" for number in range(12)]


async def test_what_happens_at_once_leaves_members_as_the_facts_make_them(loyalty: Stage) -> None:
    batches = [
        [
            make.completed(customer=name, trade=f"{name}-{batch}", amount=300, time=make.ago(days=(batch * 5) % 7))
            for name in (CUSTOMERS if batch % 2 else reversed(CUSTOMERS))
        ]
        for batch in range(6)
    ]
    gift = {"tier": "vip", "reason": "a friend"}
    await asyncio.gather(
        shop.opens(loyalty),
        *(loyalty.deliver(*batch) for batch in batches),
        *(loyalty.put(f"/members/{name}/tier", json=gift) for name in CUSTOMERS[:3]),
    )
    await loyalty.settle()
    assert await verify(loyalty.ctx, "s1", None) == []
    assert {await shop.figures(loyalty, name) for name in CUSTOMERS} == {(1800, 6)}


async def test_of_many_who_make_one_customer_a_member_at_once_one_succeeds(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    calls = [loyalty.post("/members", json={"customer_id": "ada"}) for _ in range(6)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*calls)) == [201, 409, 409, 409, 409, 409]
    assert await shop.said(loyalty) == [("joined", "ordinary")]
