"""Customers and jobs are fetched side by side: a job never comes before what was said of its customer earlier."""

import asyncio

import pytest

from huitou_chassis import Settings, topics
from huitou_chassis.consumer import Consumer
from huitou_events import Consent, CustomerUpdated, MessageRequested, Timing
from tests import make
from tests.chassis.test_worker import publish
from tests.stage import Stage
from tests.waiting import until

CUSTOMERS, ASKED = 2000, 100


async def test_who_is_written_to_is_known_before_it_is_asked_for(
    kafka: str, notify: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topics.create(Settings(kafka=kafka))
    monkeypatch.setattr(notify.ctx, "settings", notify.ctx.settings.model_copy(update={"kafka": kafka, "batch": 50}))
    consent = Consent(sms=True, source="test")
    told = [
        CustomerUpdated(customer_id=f"c{n}", phone=f"+86138{n:08}", consent=consent, consent_at=make.NOW)
        for n in range(CUSTOMERS)
    ]
    asked = [
        MessageRequested(
            customer_id=f"c{n}",
            job_id=f"j{n}",
            plan_id="p1",
            channel="sms",
            purpose="marketing",
            template_id="official-win-back",
            timing=Timing(kind="now"),
        )
        for n in range(CUSTOMERS - ASKED, CUSTOMERS)
    ]
    await publish(kafka, [make.event(fact) for fact in told])
    await publish(kafka, [make.completed(customer=fact.customer_id, trade=f"t-{fact.customer_id}") for fact in told])
    await publish(kafka, [make.event(fact) for fact in asked])

    consumer, stop = Consumer(notify.ctx), asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))

    async def decided() -> bool:
        number: int = await notify.db.pool.fetchval("SELECT count(*) FROM delivery")
        return number == ASKED

    await until(decided, within=60)
    stop.set()
    await running
    rows = await notify.db.pool.fetch("SELECT state, reason, count(*) FROM delivery GROUP BY state, reason")
    assert [(row["state"], row["count"]) for row in rows] == [("scheduled", ASKED)], rows
