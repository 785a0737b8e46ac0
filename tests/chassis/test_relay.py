"""The relay: how much it sends at once."""

import asyncio

import pytest

from huitou_chassis import Message, Settings, topics
from huitou_chassis.relay import Relay
from tests.stage import Stage

TOPIC = "notify.deliveries"
"""One that no other test here reads."""


async def test_what_is_sent_at_once_is_bounded_in_bytes(
    tally: Stage, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huitou_chassis.relay.BYTES", 5)
    tally.ctx.settings = tally.ctx.settings.model_copy(update={"kafka": kafka})
    await topics.create(Settings(kafka=kafka))
    contents = (b"{}", b"{}", b"{}", None, b"too long for one")
    async with tally.db.transaction() as tx:
        for content in contents:
            tx.send(Message(TOPIC, b"s1", content))
    relay, rounds = Relay(asyncio.Event()), []
    while await relay.run(tally.ctx):
        (left,) = await tally.db.fetch("SELECT count(*) FROM outbox")
        rounds.append(len(contents) - left[0])
    await relay.close()
    assert rounds == [3, 5]
