"""The demo's data through everything: tiers and audiences are those of the plain rules, also as time passes."""

import random

from huitou_local.api import Api
from tests.agreement import agrees, assert_telling, opened
from tests.flow.platform import Platform
from tests.naive import demo
from tests.naive.effort import times


async def test_tiers_and_audiences_are_exact_now_and_later(platform: Platform) -> None:
    events = demo.slice_of_demo(await platform.now(), demo.TRADES * times())
    arriving, draw = events[:], random.Random(4)
    # A little out of order, some of them twice.
    arriving.sort(key=lambda event: event.time.timestamp() + draw.uniform(0, 3 * 86400))
    arriving += draw.sample(arriving, 500)
    known = demo.customers(events)

    async with Api.opened(platform.endpoints) as api:
        audiences = await opened(api)
        await platform.publish(arriving)
        await agrees(api, audiences, known, platform.us)
        assert_telling(known, await platform.us())
        for days in (draw.randint(1, 20), draw.randint(30, 60), draw.randint(150, 300)):
            await platform.advance(f"{days * 24 - draw.randint(1, 23)}h")
            await agrees(api, audiences, known, platform.us)
