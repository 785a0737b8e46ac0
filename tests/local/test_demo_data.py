"""The demo's data: all of the real shop, moved by whole weeks, and what is simulated says so."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from huitou_events import TradeCompleted, TradeRefunded
from huitou_local import simulated
from huitou_local.retail import Retail

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def retail() -> Retail:
    return Retail()


@pytest.mark.parametrize("hours", [0, 1, 100, 24 * 7 - 1, 24 * 7, 12345])
def test_the_last_trade_is_within_a_week_before_now(retail: Retail, hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    shift = retail.shift(now)
    assert shift % timedelta(weeks=1) == timedelta(0)
    assert timedelta(0) <= now - (retail.rows[-1].at + shift) < timedelta(weeks=1)


def test_every_trade_and_refund_is_published_once_in_the_order_of_time(retail: Retail) -> None:
    kinds: Counter[str] = Counter()
    names, trades, customers = set(), {}, set()
    before = None
    for event in retail.events(retail.shift(NOW)):
        assert before is None or before <= event.time <= NOW
        before = event.time
        kinds[event.type] += 1
        names.add(event.id)
        if isinstance(event.data, TradeCompleted):
            trades[event.data.trade_id] = event.data
            assert event.data.amount == sum(line.amount for line in event.data.items)
        if isinstance(event.data, TradeRefunded):
            assert trades[event.data.trade_id].customer_id == event.data.customer_id
            customers.add(event.data.customer_id)
    customers |= {trade.customer_id for trade in trades.values()}
    assert (kinds["trade.completed"], kinds["trade.refunded"], len(customers)) == (36_975, 8_728, 5_881)
    assert len(names) == kinds.total() == retail.count


def test_simulated_events_are_the_same_each_time_and_say_what_they_are(retail: Retail) -> None:
    shift = retail.shift(NOW)
    events = simulated.events(retail.rows, shift)
    assert [event.encode() for event in events] == [event.encode() for event in simulated.events(retail.rows, shift)]
    assert {event.source for event in events} == {"urn:shop:demo:simulated"}
    assert len({event.id for event in events}) == len(events)
    assert max(event.time for event in events) <= retail.rows[-1].at + shift


def test_simulated_phones_are_those_kept_free_for_films(retail: Retail) -> None:
    people = [
        event.data for event in simulated.events(retail.rows, retail.shift(NOW)) if event.type == "customer.updated"
    ]
    assert sorted(person.phone for person in people) == [f"+447700900{number:03}" for number in range(1000)]
