"""From a shop's events to the message on a customer's phone, through everything."""

from datetime import datetime, timedelta

from tests import make
from tests.flow import shop as shops
from tests.flow.platform import Platform
from tests.waiting import until


async def test_a_lost_customer_is_found_and_written_to_once(platform: Platform) -> None:
    # The installation's time is ahead of the machine's, and everything that is said has the former.
    shop, now = "main-job", await platform.advance("1h")
    audience = await shops.opened(platform, shop)
    silent = shops.customer(shop, 3, now, consent=False)
    await platform.publish([*shops.customer(shop, 1, now), *shops.customer(shop, 2, now), *silent])

    async def found() -> bool:
        return len(await platform.items("segment", shop, f"/audiences/{audience}/members")) == 3

    await until(found)
    members = await platform.items("loyalty", shop, "/members")
    assert [(m["customer_id"], m["tier"]["key"]) for m in members] == [(f"c{n}", "ordinary") for n in (1, 2, 3)]
    plan = await shops.plan(platform, shop, audience, coupon_id=await shops.coupon(platform, shop))

    async def over() -> bool:
        seen = await shops.effects(platform, shop, plan)
        return bool(seen["reached"] == 2 and seen["suppressed"] == {"no-consent": 1})

    await until(over)
    assert (await shops.effects(platform, shop, plan))["claimed"] == 3
    phones = [message["to"] for message in await platform.messages() if message["to"].startswith("+861300000000")]
    assert sorted(phones) == ["+8613000000001", "+8613000000002"]
    claims = await platform.items("campaign", shop, "/customers/c1/coupons")
    (message,) = [m for m in await platform.messages() if m["to"] == "+8613000000001"]
    assert claims[0]["code"] in message["text"]
    assert abs(datetime.fromisoformat(message["received_at"]) - await platform.now()) < timedelta(minutes=5)


async def test_who_buys_leaves_the_audience_and_rises(platform: Platform) -> None:
    shop, now = "rises", await platform.now()
    audience = await shops.opened(platform, shop)
    await platform.publish(shops.customer(shop, 11, now))
    path = f"/audiences/{audience}/members/c11"

    async def member() -> bool:
        # 404 until the first event of the customer has arrived.
        return bool((await platform.call("GET", "segment", shop, path)).json().get("member"))

    async def gone() -> bool:
        return not await member()

    await until(member)
    bought = make.completed(customer="c11", shop=shop, trade="c11-2", amount=40_000, time=now)
    await platform.publish([bought])
    await until(gone)

    async def risen() -> bool:
        answer = await platform.call("GET", "loyalty", shop, "/members/c11")
        return bool(answer.json()["tier"]["key"] == "premium")

    await until(risen)


async def test_settings_are_used_by_every_service_when_the_call_answers(platform: Platform) -> None:
    body = {"timezone": "Europe/London", "currency": "GBP", "language": "en"}
    answer = await platform.call("PUT", "notify", "settled", "/settings", json=body)
    assert (answer.status_code, answer.json()) == (200, body)
    for service in ("segment", "loyalty", "campaign", "notify"):
        assert (await platform.call("GET", service, "settled", "/settings")).json() == body


async def test_who_only_time_takes_out_leaves_at_that_moment(platform: Platform) -> None:
    shop, now = "time-goes", await platform.now()
    audience = await shops.opened(platform, shop)
    await platform.publish(shops.customer(shop, 21, now))
    path = f"/audiences/{audience}/members"

    async def there() -> bool:
        return len(await platform.items("segment", shop, path)) == 1

    async def empty() -> bool:
        return not await platform.items("segment", shop, path)

    await until(there)
    (member,) = await platform.items("segment", shop, path)
    leaves = now - timedelta(days=5) + timedelta(days=30)
    assert member["until"] == leaves.isoformat().replace("+00:00", "Z")
    await platform.advance("26d")
    await until(empty)
    async with platform.reading("segment.audiences") as consumer:
        said: list[str] = []

        async def told() -> list[str]:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                said.extend(r.value.decode() for r in records if r.key == f"{shop}:c21".encode())
            return [text for text in said if '"audience.left"' in text and audience in text]

        (left,) = await until(told)
    assert leaves.isoformat().replace("+00:00", "Z") in left
