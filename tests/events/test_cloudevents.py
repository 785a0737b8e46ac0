"""huitou_events and the official SDK of CloudEvents understand each other, in both modes, whatever the characters."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from huitou_events import CATALOGUE, HEADERS, CustomerUpdated, Event, PageViewed, Undecodable, decode
from tests.events.samples import TYPES, example, read

MODES = {"structured": kafka.to_structured_event, "binary": kafka.to_binary_event}
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=OFFSETS)  # noqa: DTZ001


def taken(topic: str, message: KafkaMessage) -> Event[Any]:
    """What our decoder makes of the SDK's record."""
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return decode(topic, key, message.value, list(message.headers.items()))


def theirs(record: dict[str, Any], data: Any = None) -> CloudEvent:
    """The record as an event of the SDK, the data as JSON bytes if they are given."""
    attributes = {name: value for name, value in record.items() if name != "data"}
    attributes["time"] = datetime.fromisoformat(record["time"])
    return CloudEvent(attributes, record["data"] if data is None else data)


def told(event: Event[Any]) -> CloudEvent:
    """Our event as the SDK reads it."""
    read = kafka.from_kafka_event(KafkaMessage(dict(HEADERS), event.key, event.encode()))
    assert isinstance(read, CloudEvent)
    return read


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type", TYPES)
def test_what_the_sdk_writes_is_understood(type: str, mode: str) -> None:
    record = example(type)
    event = taken(CATALOGUE[type].topic, MODES[mode](theirs(record)))
    assert event == read(record)
    assert event.digest() == read(record).digest()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type", TYPES)
def test_data_that_the_sdk_was_given_as_bytes_are_understood(type: str, mode: str) -> None:
    record = example(type)
    message = MODES[mode](theirs(record, json.dumps(record["data"]).encode()))
    assert (b"data_base64" in message.value) == (mode == "structured")
    assert taken(CATALOGUE[type].topic, message) == read(record)


@pytest.mark.parametrize("type", TYPES)
def test_what_we_write_is_understood_by_the_sdk(type: str) -> None:
    record = example(type)
    event = told(read(record))
    assert event.get_data() == json.loads(read(record).encode())["data"]
    assert event.get_attributes() == {
        **{name: value for name, value in record.items() if name != "data"},
        "time": datetime.fromisoformat(record["time"]),
    }


@pytest.mark.parametrize("mode", MODES)
@given(id=IDS, source=IDS, customer=IDS, name=TEXTS, time=TIMES)
@settings(max_examples=200)
def test_odd_characters_arrive_as_they_were_sent(
    mode: str, id: str, source: str, customer: str, name: str, time: datetime
) -> None:
    key = f"s1:{customer}"
    attributes = {"id": id, "source": source, "type": "customer.updated", "shopid": "s1", "subject": customer}
    sent = CloudEvent(
        attributes | {"partitionkey": key, "time": time, "datacontenttype": "application/json"},
        {"customer_id": customer, "name": name},
    )
    event = taken("shop.customers", MODES[mode](sent))
    assert (event.id, event.source, event.subject, event.partitionkey) == (id, source, customer, key)
    assert event.time == time
    assert event.data == CustomerUpdated(customer_id=customer, name=name)


@given(id=IDS, source=IDS, customer=IDS, page=TEXTS.filter(bool), time=TIMES)
@settings(max_examples=200)
def test_odd_characters_of_ours_arrive_too(id: str, source: str, customer: str, page: str, time: datetime) -> None:
    event = Event.of(PageViewed(customer_id=customer, page=page), shop="s1", source=source, time=time, id=id)
    read = told(event)
    assert (read.get_id(), read.get_source(), read.get_subject()) == (id, source, customer)
    assert (read.get_extension("partitionkey"), read.get_extension("shopid")) == (f"s1:{customer}", "s1")
    assert read.get_time() == time.astimezone(UTC)
    data = read.get_data()
    assert isinstance(data, dict)
    assert (data["customer_id"], data["page"]) == (customer, page)


@pytest.mark.parametrize(
    "changes",
    [
        {"data_base64": "not base64"},
        {"data_base64": base64.b64encode(b'{"customer_id"').decode()},
        {"data_base64": base64.b64encode(b'{}, "type": "trade.closed"').decode()},
        {"data_base64": 5},
        {"data_base64": None},
    ],
)
def test_wrong_base64_is_a_dead_letter_like_any(changes: dict[str, Any]) -> None:
    record = {name: value for name, value in example("trade.paid").items() if name != "data"} | changes
    with pytest.raises(Undecodable, match="data: Field required"):
        read(record)


def test_data_stand_before_data_base64() -> None:
    record = example("trade.paid")
    other = base64.b64encode(json.dumps(record["data"] | {"amount": 1}).encode()).decode()
    assert read(record | {"data_base64": other}) == read(record)
