"""PUT /settings on any service -> shop.updated -> every service; the call answers when all of them use it."""

import asyncio
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from fastapi import Request
from pydantic import AfterValidator, StringConstraints

from huitou_chassis import shops
from huitou_chassis.errors import Unavailable
from huitou_chassis.model import Model
from huitou_chassis.routing import Ctx, Router, ShopId, note
from huitou_chassis.security import kafka_options
from huitou_chassis.service import Context
from huitou_chassis.shops import Shop
from huitou_events import ShopUpdated

WAIT_SECONDS = 15.0
LOOK_SECONDS = 0.05

router = Router(tags=["settings"])


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not an IANA time zone; an example is Asia/Shanghai")
    return ZoneInfo(name).key


class SettingsIn(Model):
    """What is left out stays as it is."""

    timezone: Annotated[str, AfterValidator(_known_zone)] | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None
    language: Annotated[str, StringConstraints(max_length=35, pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None


class SettingsOut(Model):
    timezone: str
    currency: str
    language: str


@router.get("/settings")
async def read(shop: ShopId, ctx: Ctx) -> SettingsOut:
    async with ctx.db.transaction(shop=shop) as tx:
        return _out((await tx.shops([shop]))[shop])


@router.put("/settings")
async def change(shop: ShopId, body: SettingsIn, ctx: Ctx, request: Request) -> SettingsOut:
    async with ctx.db.transaction(shop=shop) as tx:
        now = (await tx.shops([shop]))[shop]
        fact = ShopUpdated(
            timezone=body.timezone or now.timezone.key,
            currency=body.currency or now.currency,
            language=body.language or now.language,
        )
        tx.emit(fact, shop=shop, because=f"settings of {shop} at {tx.us}")
        await note(request, tx, 200)
    await _wait_for_all(ctx, shop, fact)
    async with ctx.db.transaction(shop=shop) as tx:
        return _out((await tx.shops([shop]))[shop])


def _out(shop: Shop) -> SettingsOut:
    return SettingsOut(timezone=shop.timezone.key, currency=shop.currency, language=shop.language)


async def _wait_for_all(ctx: Context, shop: str, fact: ShopUpdated) -> None:
    """Waits until every group has taken the settings. aiokafka's clients may take longer to give up, and to close."""
    behind = set(ctx.settings.groups)
    waiting = asyncio.create_task(_all_use(ctx, shop, fact, behind))
    try:
        await asyncio.wait((waiting,), timeout=WAIT_SECONDS)
        if not waiting.done():
            raise Unavailable(f"{', '.join(sorted(behind))} has not taken the settings yet; ask again")
        await waiting
    except (KafkaError, OSError) as error:
        raise Unavailable("Kafka does not answer; the settings are kept, ask again to see them used") from error
    finally:
        waiting.cancel()


async def _all_use(ctx: Context, shop: str, fact: ShopUpdated, behind: set[str]) -> None:
    """This service first, then every group as far as the topic goes by then; `behind` loses those that have."""
    wanted = SettingsOut(timezone=fact.timezone, currency=fact.currency, language=fact.language)
    while True:
        async with ctx.db.transaction(shop=shop) as tx:
            if _out((await shops.read(tx, [shop]))[shop]) == wanted:
                break
        await asyncio.sleep(LOOK_SECONDS)
    await _wait_for_groups(ctx, behind)


async def _wait_for_groups(ctx: Context, behind: set[str]) -> None:
    ends = await _ends(ctx, ShopUpdated.topic)
    admin = AIOKafkaAdminClient(**kafka_options(ctx.settings))
    await admin.start()
    try:
        while behind:
            for group in sorted(behind):
                offsets = await admin.list_consumer_group_offsets(group, partitions=list(ends))
                if all(offsets[place].offset >= end or end == 0 for place, end in ends.items()):
                    behind.discard(group)
            if behind:
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        await admin.close()


async def _ends(ctx: Context, topic: str) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(topic, **kafka_options(ctx.settings))
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return ends
    finally:
        await consumer.stop()
