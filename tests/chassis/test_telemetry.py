"""What the metrics say while something waits, is late or fails."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from aiokafka.errors import KafkaError
from prometheus_client import REGISTRY

from huitou_chassis import Message, Settings, outgoing, topics
from huitou_chassis.relay import Relay
from huitou_local import ports
from tests import make
from tests.loyalty import shop
from tests.stage import Stage

TOPIC = "notify.deliveries"
"""One that no other test here reads."""


def value(name: str, /, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_age_of_the_outbox_rises_until_it_is_sent_and_shows_where_the_leader_is(
    tally: Stage, kafka: str
) -> None:
    leads = asyncio.Event()
    leads.set()
    relay = Relay(leads)
    async with tally.db.transaction() as tx:
        tx.send(Message(TOPIC, b"s1", b"{}"))
    tally.ctx.settings = tally.ctx.settings.model_copy(update={"kafka": f"127.0.0.1:{ports.free()}"})
    with pytest.raises(KafkaError):
        await relay.run(tally.ctx)
    first = value("huitou_outbox_age_seconds")
    assert (first > 0, value("huitou_outbox_rows")) == (True, 1)
    assert value("huitou_outbox_age_seconds") > first
    leads.clear()
    assert value("huitou_outbox_age_seconds") == value("huitou_outbox_rows") == 0
    leads.set()
    tally.ctx.settings = tally.ctx.settings.model_copy(update={"kafka": kafka})
    await topics.create(Settings(kafka=kafka))
    before = value("huitou_relayed_total", topic=TOPIC)
    await relay.run(tally.ctx)
    await relay.close()
    assert value("huitou_outbox_age_seconds") == value("huitou_outbox_rows") == 0
    assert value("huitou_relayed_total", topic=TOPIC) == before + 1


async def test_a_worker_that_takes_over_knows_how_long_the_oldest_row_has_waited(tally: Stage) -> None:
    async with tally.db.transaction() as tx:
        tx.send(Message(TOPIC, b"s1", b"{}"))
    await tally.db.execute("UPDATE outbox SET said_at = said_at - interval '1 hour'")
    leads = asyncio.Event()
    leads.set()
    relay = Relay(leads)
    tally.ctx.settings = tally.ctx.settings.model_copy(update={"kafka": f"127.0.0.1:{ports.free()}"})
    with pytest.raises(KafkaError):
        await relay.run(tally.ctx)
    assert 3600 < value("huitou_outbox_age_seconds") < 3660


async def test_what_is_due_is_measured_by_how_late_it_was_handled(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(amount=1200, time=make.NOW + timedelta(hours=1)))
    await loyalty.advance("3h")
    before = value("huitou_due_late_seconds_sum", name="due")
    await loyalty.settle()
    assert value("huitou_due_late_seconds_sum", name="due") == pytest.approx(before + 2 * 3600)


async def test_a_call_to_another_is_measured_by_how_it_ended() -> None:
    nobody = f"http://127.0.0.1:{ports.free()}"
    async with outgoing.Client(timeout=1) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(nobody, extensions=outgoing.to("nobody"))
    assert value("huitou_call_seconds_count", to="nobody", status="ConnectError") == 1


async def test_a_process_shows_its_connections_and_its_clock_against_the_databases(tally: Stage) -> None:
    async with tally.api.db.transaction(shop=tally.shop):
        assert value("huitou_pool_connections_used", pool="service") == 1
    assert value("huitou_pool_connections_used", pool="service") == 0
    assert value("huitou_pool_connections_most", pool="service") == tally.ctx.settings.pool
    assert (await tally.client.get("/readyz")).status_code == 200
    assert 0 < abs(value("huitou_clock_skew_seconds")) < 1
