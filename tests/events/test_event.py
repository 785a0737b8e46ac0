"""Making events: names, order, keys, moments."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from huitou_events import (
    CustomerUpdated,
    Event,
    Line,
    MessageRequested,
    PageViewed,
    ShopUpdated,
    Timing,
    TradePaid,
    TradeRefunded,
    duration,
    micros,
    moment,
)

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def paid(*, shop: str = "s1", source: str = "urn:a", time: datetime = NOON, id: str | None = "b") -> Event[TradePaid]:
    fact = TradePaid(customer_id="ada", trade_id="t1", amount=100, currency="CNY", items=(Line(item_id="i"),))
    return Event.of(fact, shop=shop, source=source, time=time, id=id)


def test_an_event_knows_its_envelope() -> None:
    event = paid()
    assert (event.type, event.topic, event.subject) == ("trade.paid", "shop.trades", "ada")
    assert (event.partitionkey, event.key) == ("s1:ada", b"s1:ada")
    assert event.us == 1_793_534_400_000_000
    assert event.time == NOON


def test_the_shop_is_the_subject_of_its_settings() -> None:
    fact = ShopUpdated(timezone="Asia/Shanghai", currency="CNY", language="zh")
    event = Event.of(fact, shop="s1", source="urn:a", time=NOON)
    assert (event.subject, event.key) == ("s1", b"s1")


def test_times_are_told_in_utc_whatever_the_offset() -> None:
    there = datetime(2026, 11, 1, 20, tzinfo=timezone(timedelta(hours=8)))
    event = Event.of(PageViewed(customer_id="ada"), shop="s1", source="urn:a", time=there)
    assert event.time.tzinfo is UTC
    assert b'"time":"2026-11-01T12:00:00Z"' in event.encode()


def test_ids_are_made_in_order_and_never_twice() -> None:
    ids = [Event.of(PageViewed(customer_id="ada"), shop="s1", source="urn:a", time=NOON).id for _ in range(1000)]
    assert len(set(ids)) == 1000
    stamps = [id[:13] for id in ids]
    assert stamps == sorted(stamps)
    assert {id[14] for id in ids} == {"7"}


@pytest.mark.parametrize(
    "changes", [{"shop": "S1"}, {"shop": ""}, {"source": ""}, {"id": ""}, {"id": "a\nb"}, {"time": "2026-11-01"}]
)
def test_an_event_that_nobody_would_understand_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"validation error"):
        paid(**changes)


def test_a_naive_time_cannot_be_told() -> None:
    with pytest.raises(ValidationError):
        Event.of(PageViewed(customer_id="ada"), shop="s1", source="urn:a", time=datetime(2026, 11, 1))  # noqa: DTZ001


def test_facts_are_as_strict_when_made_as_when_read() -> None:
    for wrong in (12.0, "12", True, -1, 2**53):
        with pytest.raises(ValidationError):
            TradePaid(customer_id="ada", trade_id="t1", amount=wrong, currency="CNY")
    with pytest.raises(ValidationError):
        CustomerUpdated(customer_id="ada", name="\ud800")


def test_the_order_is_time_then_trades_before_refunds_then_source_then_id() -> None:
    refund = TradeRefunded(customer_id="ada", trade_id="t1", refund_id="r1", amount=1)
    late = NOON + timedelta(microseconds=1)
    ordered = [
        paid(id="b", source="urn:a"),
        paid(id="c", source="urn:a"),
        paid(id="a", source="urn:b"),
        Event.of(refund, shop="s1", source="urn:a", time=NOON, id="a"),
        Event.of(PageViewed(customer_id="ada"), shop="s1", source="urn:a", time=late, id="a"),
    ]
    backwards = ordered[::-1]
    assert sorted(backwards, key=lambda event: event.order) == ordered


def test_a_window_is_written_with_from() -> None:
    timing = Timing(kind="smart", from_=NOON, until=NOON + timedelta(days=1))
    fact = MessageRequested(
        customer_id="ada",
        job_id="j1",
        plan_id="p1",
        channel="sms",
        purpose="care",
        template_id="t",
        timing=timing,
    )
    expected = b'"timing":{"kind":"smart","from":"2026-11-01T12:00:00Z","until":"2026-11-02T12:00:00Z"}'
    assert expected in Event.of(fact, shop="s1", source="urn:a", time=NOON).encode()


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_hold_every_moment(time: datetime) -> None:
    assert moment(micros(time)) == time


@pytest.mark.parametrize(
    ("text", "us"), [("1m", 60_000_000), ("24h", 86_400_000_000), ("1d", 86_400_000_000), ("0d", 0)]
)
def test_a_duration_is_a_whole_number_of_units(text: str, us: int) -> None:
    assert duration(text) == us


@pytest.mark.parametrize("text", ["", "d", "1", "1.5d", "-1d", "1w", "1d ", "1d\n", " 1d", "１d", "1D", "9" * 30 + "d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        duration(text)
