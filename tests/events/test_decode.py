"""What a record must be to be understood, and the reason that is given when it is not."""

import json
from typing import Any

import pytest

from huitou_events import CATALOGUE, CustomerUpdated, PageViewed, Undecodable, decode
from tests.events.samples import ABSENT, changed, example, read, read_bytes, refusal, refusal_of

HUGE = 10**30


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, b"{}", "missing-key"),
        (b"", b"{}", "missing-key"),
        (b"s1:c42", None, "null-value"),
        (b"s1:c42", b"", "not-json"),
        (b"s1:c42", b'{"type": "trade.paid"', "not-json"),
        (b"s1:c42", b"\xff\xfe{}", "not-json"),
        (b"s1:c42", b'{"type": "\xff"}', "not-json"),
        (b"s1:c42", b'{"type": "trade.paid", "id": "\\ud800"}', "not-json"),
        (b"s1:c42", b"[" * 100_000, "not-json"),
        (b"s1:c42", b'{"data":' * 5_000, "not-json"),
        (b"s1:c42", b"9" * 10_000, "not-json"),
        (b"s1:c42", b"null", "not-cloudevent"),
        (b"s1:c42", b"[]", "not-cloudevent"),
        (b"s1:c42", b"1e400", "not-cloudevent"),
        (b"s1:c42", b"{}", "not-cloudevent"),
        (b"s1:c42", b'{"type": "trade.paid"}', "not-cloudevent"),
        (b"s1:c42", b'{"type": "trade.stolen"}', "unknown-type"),
        (b"s1:c42", b'{"type": 5}', "unknown-type"),
        (b"s1:c42", b'{"type": "trade.paid\\u0000"}', "unknown-type"),
    ],
)
def test_what_is_no_event_has_its_reason(key: bytes | None, value: bytes | None, reason: str) -> None:
    assert refusal("trade.paid", value, key).reason == reason


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", ABSENT),
        ("id", ""),
        ("id", 7),
        ("id", "a\nb"),
        ("id", "a\n"),
        ("id", "a\u0000"),
        ("id", "a\u0085"),
        ("id", "x" * 129),
        ("source", ABSENT),
        ("source", ""),
        ("source", None),
        ("shopid", ABSENT),
        ("shopid", "S1"),
        ("shopid", "s1\n"),
        ("shopid", "s" * 65),
        ("specversion", "0.3"),
        ("specversion", 1.0),
        ("specversion", ABSENT),
        ("subject", 42),
        ("partitionkey", []),
        ("time", ABSENT),
        ("time", 1493979010),
        ("time", "1493979010"),
        ("time", "2026-11-01"),
        ("time", "2026-11-01T12:00:00"),
        ("time", "20261101T120000Z"),
        ("time", "2026-W44-7T12:00:00Z"),
        ("time", "2026-02-30T12:00:00Z"),
        ("time", "2026-11-01T12:00:00+25:00"),
        ("time", "0001-01-01T00:00:00+08:00"),
        ("time", "9999-12-31T23:59:59-08:00"),
        ("time", "10000-01-01T00:00:00Z"),
    ],
)
def test_a_wrong_envelope_is_named_by_its_attribute(path: str, value: Any) -> None:
    refused = refusal_of("trade.paid", path, value)
    assert refused.reason == "not-cloudevent"
    assert refused.detail.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("type", "path", "value"),
    [
        ("trade.paid", "data", ABSENT),
        ("trade.paid", "data", None),
        ("trade.paid", "data", "text"),
        ("trade.paid", "data.trade_id", ABSENT),
        ("trade.paid", "data.trade_id", "t\u0000"),
        ("trade.paid", "data.amount", True),
        ("trade.paid", "data.amount", 12.0),
        ("trade.paid", "data.amount", "12"),
        ("trade.paid", "data.amount", -1),
        ("trade.paid", "data.amount", 2**53),
        ("trade.paid", "data.amount", HUGE),
        ("trade.paid", "data.amount", float("inf")),
        ("trade.paid", "data.amount", float("nan")),
        ("trade.paid", "data.amount", None),
        ("trade.paid", "data.currency", "cny"),
        ("trade.paid", "data.items", {}),
        ("trade.paid", "data.items.0.amount", 1.5),
        ("trade.paid", "data.items.1.quantity", "2"),
        ("trade.paid", "data.items.1.item_id", ""),
        ("trade.paid", "data.channel", "post"),
        ("trade.paid", "data.card_no", "9" * 124),
        ("page.viewed", "data.page", "\u0000"),
        ("page.viewed", "data.dwell_seconds", False),
        ("item.updated", "data.title", "\u0000"),
        ("shop.updated", "data.timezone", "Asia/Nowhere"),
        ("shop.updated", "data.timezone", "../../etc/passwd"),
        ("shop.updated", "data.language", "中文"),
        ("coupon.defined", "data.kind", {"stars": 5}),
        ("coupon.defined", "data.kind", {"pay": 101}),
        ("audience.entered", "data.at", "2026-11-01T12:00:00"),
        ("audience.entered", "data.initial", 1),
        ("gift.granted", "data.coupon_ids", [""]),
        ("message.requested", "data.priority", 2**31),
        ("message.requested", "data.variables", {"shop": 5}),
        ("message.requested", "data.variables", {"shop": "\u0000"}),
        ("message.requested", "data.timing", {"kind": "at"}),
        ("message.requested", "data.timing", {"kind": "soon"}),
        (
            "message.requested",
            "data.timing",
            {"kind": "smart", "from": "2026-11-02T00:00:00Z", "until": "2026-11-02T08:00:00+08:00"},
        ),
        ("message.requested", "data", {**example("message.requested")["data"], "template_id": None}),
        ("message.requested", "data", {**example("message.requested")["data"], "channel": "poster"}),
    ],
)
def test_wrong_data_is_named_by_its_path(type: str, path: str, value: Any) -> None:
    refused = refusal_of(type, path, value)
    assert refused.reason == "invalid-data"
    steps = path.split(".")
    shown = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps)[1:]
    assert refused.detail.startswith(shown)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("phone", "13800138000"),
        ("phone", "+86 138 0013 8000"),
        ("phone", "+123456"),
        ("birthday", "1990-02-29"),
        ("birthday", "1879-12-31"),
        ("birthday", "--02-30"),
        ("birthday", "--13-01"),
        ("birthday", "1990-1-1"),
        ("birthday", "19900101"),
        ("gender", "femme"),
        ("email", "nobody"),
        ("name", "n" * 201),
        ("name", "李\u0000"),
        ("city", ["杭州"]),
        ("timezone", "Mars/Base"),
        ("consent", True),
        ("consent", {"sms": "yes", "source": "web"}),
        ("consent", {"sms": True}),
    ],
)
def test_wrong_personal_data_is_refused_without_repeating_it(path: str, value: Any) -> None:
    refused = refusal_of("customer.updated", f"data.{path}", value)
    assert refused.reason == "invalid-data"
    assert refused.detail.startswith(f"data.{path}")
    assert str(value) not in str(refused)
    assert refused.__cause__ is None
    assert refused.__suppress_context__


def test_the_name_of_a_variable_is_not_repeated_either() -> None:
    refused = refusal_of("message.requested", "data.variables", {"13800138000": 5})
    assert refused.detail.startswith("data.variables: ")
    assert "13800138000" not in str(refused)


@pytest.mark.parametrize("birthday", ["1880-01-01", "2000-02-29", "--02-29", "--12-31"])
def test_a_birthday_may_leave_out_the_year(birthday: str) -> None:
    assert read(changed("customer.updated", "data.birthday", birthday)).data.birthday == birthday


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("subject", "c43"),
        ("subject", ""),
        ("partitionkey", "s1:c43"),
        ("partitionkey", "s2:c42"),
        ("shopid", "s2"),
        ("data.customer_id", "c43"),
    ],
)
def test_ids_that_disagree_are_refused(path: str, value: str) -> None:
    assert refusal_of("trade.paid", path, value).reason == "ids-disagree"


@pytest.mark.parametrize("key", [b"s1:c43", b"s1", b"s1:c42 ", b"\xff", b"S1:C42"])
def test_a_key_that_disagrees_is_refused(key: bytes) -> None:
    assert refusal("trade.paid", json.dumps(example("trade.paid")).encode(), key).reason == "ids-disagree"


@pytest.mark.parametrize("type", ["item.updated", "shop.updated", "coupon.defined", "plan.started"])
def test_objects_that_disagree_are_refused(type: str) -> None:
    key = example(type)["partitionkey"].encode()
    for wrong in (changed(type, "subject", "other"), changed(type, "partitionkey", "s1:other")):
        assert refusal(type, json.dumps(wrong).encode(), key).reason == "ids-disagree"


@pytest.mark.parametrize("path", ["subject", "partitionkey", "datacontenttype"])
@pytest.mark.parametrize("value", [ABSENT, None])
def test_optional_attributes_may_be_absent(path: str, value: Any) -> None:
    record = changed("trade.paid", path, value)
    assert read_bytes("trade.paid", json.dumps(record).encode()) == read(example("trade.paid"))


def test_a_type_on_another_topic_is_refused() -> None:
    value = json.dumps(example("trade.paid")).encode()
    for topic in ("shop.behaviours", "shop.trades.dlq", ""):
        with pytest.raises(Undecodable, match="wrong-topic"):
            decode(topic, b"s1:c42", value, [])


def test_unknown_fields_are_ignored_wherever_they_are() -> None:
    record = example("trade.paid")
    record["traceparent"] = "00-1"
    record["data"]["colour"] = {"\u0000": "\u0000"}
    record["data"]["items"][0]["size"] = 12.5
    assert read(record) == read(example("trade.paid"))


def test_missing_quantity_is_one_and_missing_amount_nothing() -> None:
    event = read(changed("trade.paid", "data.items", [{"item_id": "i9"}]))
    assert (event.data.items[0].quantity, event.data.items[0].amount) == (1, 0)
    seen = PageViewed(customer_id="c42")
    assert (seen.quantity, seen.amount) == (1, 0)


def test_absent_and_cleared_are_told_apart_in_a_customer_update() -> None:
    record = changed("customer.updated", "data", {"customer_id": "c42", "phone": None, "city": "杭州"})
    data = read(record).data
    assert isinstance(data, CustomerUpdated)
    assert data.model_fields_set == {"customer_id", "phone", "city"}
    assert data.cleared == ["phone"]
    assert json.loads(data.to_json()) == record["data"]


def test_a_card_may_stand_for_a_customer() -> None:
    record = changed("trade.completed", "data.customer_id", "card:80012345")
    record |= {"subject": "card:80012345", "partitionkey": "s1:card:80012345"}
    assert read(record).subject == "card:80012345"


def test_a_customer_is_not_shown_by_name_or_phone() -> None:
    shown = repr(read(example("customer.updated")))
    for personal in ("name", "phone", "birthday"):
        assert example("customer.updated")["data"][personal] not in shown


def test_every_fact_is_frozen() -> None:
    for type in CATALOGUE:
        with pytest.raises(ValueError, match="frozen"):
            read(example(type)).data.customer_id = "bob"
