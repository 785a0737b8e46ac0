"""A trace leads from a shop's event to the last message, over every service."""

from dataclasses import replace
from typing import Any

from huitou_events import Event, Trace
from tests.collector import Seen
from tests.flow import leaks
from tests.flow import shop as shops
from tests.flow.platform import Platform
from tests.waiting import until

TRADE = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def traced(event: Event[Any], at: tuple[str, str]) -> Event[Any]:
    return replace(event, trace=Trace(f"00-{at[0]}-{at[1]}-01"))


async def test_a_trade_is_found_again_in_every_service_that_it_reaches(platform: Platform) -> None:
    shop, now = "traced", await platform.now()
    await shops.opened(platform, shop)
    known, bought, carted = shops.customer(shop, 51, now)
    await platform.publish([known, traced(bought, TRADE), carted])

    async def reached() -> dict[str, list[Seen]]:
        names = {
            name: platform.collector.named(f"{name} batch") for name in ("loyalty", "segment", "campaign", "notify")
        }
        found = {name: [span for span in spans if TRADE in span.links] for name, spans in names.items()}
        return found if all(found.values()) else {}

    spans = await until(reached)
    loyal = {span.at for span in spans["loyalty"]}

    async def told() -> list[Seen]:
        """segment-svc takes the loyalty-svc's member.joined, and both lead back to the trade."""
        batches = platform.collector.named("segment batch")
        return [span for span in batches if span.links & loyal and TRADE in platform.collector.origins(span)]

    assert await until(told)


async def test_a_message_leads_back_to_the_call_that_started_its_plan(platform: Platform) -> None:
    shop, now = "traced-plan", await platform.now()
    audience = await shops.opened(platform, shop)
    await platform.publish(shops.customer(shop, 52, now))

    async def member() -> bool:
        return len(await platform.items("segment", shop, f"/audiences/{audience}/members")) == 1

    await until(member)
    plan = await shops.plan(platform, shop, audience)

    async def sent() -> bool:
        return bool((await shops.effects(platform, shop, plan))["reached"] == 1)

    await until(sent)

    async def led() -> list[Seen]:
        spans = platform.collector.spans
        asked = {span.at for span in spans if span.name.startswith("POST /plans/") and span.name.endswith("/start")}
        calls = platform.collector.named("POST operator")
        return [call for call in calls if platform.collector.origins(call) & asked]

    assert await until(led)


def test_what_is_secret_would_be_found() -> None:
    texts = {"log": f"fine\nto {shops.phone(1)}!", "metrics": "x 1.3e+10\nat 1764144000000000", "trace": "the key"}
    assert leaks.found(texts, ["key"]).keys() == {"log", "trace"}
