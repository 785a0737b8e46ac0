"""Customers who are erased: out of everything at once, and what comes later counts."""

from huitou_events import CustomerErased
from tests import make
from tests.make import NOW, ago
from tests.segment.audience import CARTED, after, create, members, said
from tests.stage import Stage


async def test_a_customer_who_is_erased_is_in_nothing_and_stays_so(segment: Stage) -> None:
    audience = await create(segment, CARTED)
    await segment.put("/customers/ada/tags/vip")
    cart, trade = make.cart(time=NOW), make.completed(time=ago(days=1))
    await segment.deliver(cart, trade)
    assert await members(segment, audience) == ["ada"]
    await segment.advance("1h")
    await said(segment)
    erasure = make.event(CustomerErased(customer_id="ada"), time=after(hours=1))
    await segment.deliver(erasure)
    assert {(one.audience, one.entered, one.at) for one in await said(segment)} == {
        (audience, False, after(hours=1)),
        ("new-customers", False, after(hours=1)),
    }
    await segment.deliver(make.cart(id="again", time=NOW))
    assert (await segment.get("/customers/ada")).status_code == 404
    for table in ("history", "tag", "member"):
        assert await segment.db.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    await segment.advance("1h")
    await segment.deliver(make.cart(id="new", time=after(hours=2)))
    assert await members(segment, audience) == ["ada"]


async def test_a_late_erasure_takes_only_what_was_before_it(segment: Stage) -> None:
    audience = await create(segment, {"event": "cart.added", "count": {"at_least": 2}})
    recent = await create(segment, CARTED)
    await segment.deliver(make.cart(time=ago(days=2)), make.cart(time=NOW))
    assert await members(segment, audience) == ["ada"]
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=ago(days=1)))
    assert (await members(segment, audience), await members(segment, recent)) == ([], ["ada"])


async def test_who_was_erased_and_is_known_from_later_facts_only_is_someone_from_the_first_tag_on(
    segment: Stage,
) -> None:
    audience = await create(segment, {"not": {"attribute": "fan", "is": True}})
    await segment.deliver(make.cart(time=NOW), make.cart(id="later", time=after(hours=5)))
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=NOW))
    assert await members(segment, audience) == []
    await segment.put("/customers/ada/tags/vip")
    assert await members(segment, audience) == ["ada"]
