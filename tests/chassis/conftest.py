from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from huitou_chassis import Settings, topics
from tests.chassis.letters import Wire
from tests.chassis.tally.service import service
from tests.conftest import Stages
from tests.stage import Stage


@pytest.fixture
async def tally(stages: Stages) -> AsyncIterator[Stage]:
    async with stages(service) as opened:
        yield opened


@pytest.fixture
async def wire(kafka: str, tally: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    await topics.create(Settings(kafka=kafka))
    for ctx in (tally.ctx, tally.api):
        monkeypatch.setattr(ctx, "settings", ctx.settings.model_copy(update={"kafka": kafka}))
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None)
    await consumer.start()
    places = [TopicPartition(topic, n) for topic in ("shop.trades", "shop.customers") for n in range(topics.PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    for place in places:
        await consumer.position(place)
    opened = Wire(tally, kafka, consumer)
    yield opened
    await opened.close()
