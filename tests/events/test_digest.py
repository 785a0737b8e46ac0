"""The digest: the same for the same meaning, another for another."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitou_events import CATALOGUE, Event
from tests.events.samples import TYPES, changed, example, read, read_bytes


def places(value: Any, path: str = "") -> list[str]:
    """The path of every leaf."""
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in places(inner, f"{path}.{name}")]
    if isinstance(value, list):
        return [leaf for n, inner in enumerate(value) for leaf in places(inner, f"{path}.{n}")]
    return [path[1:]]


def shuffled(value: Any, draw: Any) -> Any:
    """The same JSON with the members of every object in another order, and unknown ones between them."""
    if isinstance(value, list):
        return [shuffled(inner, draw) for inner in value]
    if not isinstance(value, dict):
        return value
    names = draw(st.permutations(list(value)))
    return {name: shuffled(value[name], draw) for name in names}


def one_more(event: Event[Any], value: Any) -> Any:
    """Another value that is as valid in the same place."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    texts = {
        "female": "male",
        "online": "offline",
        "offline": "online",
        "Asia/Shanghai": "Europe/London",
        "CNY": "EUR",
        "zh": "en",
        "marketing": "care",
        "--02-29": "1990-02-28",
    }
    if value in texts:
        return texts[value]
    return value.replace("00Z", "01Z") if value.endswith(":00Z") else f"{value}1"


@pytest.mark.parametrize("type", TYPES)
@given(data=st.data())
@settings(max_examples=20)
def test_neither_order_nor_space_nor_unknown_fields_matter(type: str, data: st.DataObject) -> None:
    record = example(type)
    other = shuffled(record, data.draw)
    other["unknown"] = {"x": [1, None]}
    other["data"]["unknown_field"] = "x"
    text = json.dumps(other, indent=data.draw(st.sampled_from([None, 2])), ensure_ascii=data.draw(st.booleans()))
    assert read_bytes(type, text.encode(), record["partitionkey"].encode()).digest() == read(record).digest()


@pytest.mark.parametrize("type", TYPES)
def test_every_understood_value_counts(type: str) -> None:
    record = example(type)
    event = read(record)
    # Another customer would be another record's; another kind or channel would need other fields beside it.
    fixed = {"data.customer_id"}
    if type == "message.requested":
        fixed |= {"data.timing.kind", "data.channel"}
    for path in places(record["data"], ".data"):
        value: Any = record
        for step in path.split("."):
            value = value[int(step)] if step.isdigit() else value[step]
        if path in fixed or value is None:
            continue
        other = changed(type, path, one_more(event, value))
        if f"data.{next(iter(CATALOGUE[type].model_fields))}" == path:
            other = rekeyed(other)
        assert read(other).digest() != event.digest(), path


def rekeyed(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose envelope leaves the object's id to the data."""
    fact = CATALOGUE[record["type"]].model_validate(record["data"])
    return record | {"subject": None, "partitionkey": fact.partitionkey("s1")}


@pytest.mark.parametrize("type", TYPES)
def test_shop_subject_and_time_count_but_id_and_source_do_not(type: str) -> None:
    event = read(example(type))
    fact = event.data
    digest = event.digest()
    assert Event("other", "urn:other", event.shop, event.time, fact).digest() == digest
    assert Event(event.id, event.source, "s2", event.time, fact).digest() != digest
    later = event.time.replace(microsecond=1)
    assert Event(event.id, event.source, event.shop, later, fact).digest() != digest
    zoned = changed(type, "time", "2026-11-01T20:00:00.000000000+08:00")
    assert read(zoned).digest() == digest


@pytest.mark.parametrize("type", [type for type in TYPES if type != "customer.updated"])
def test_a_default_that_is_spelt_out_is_as_good_as_none(type: str) -> None:
    fact = CATALOGUE[type]
    record = example(type)
    least = {name: value for name, value in record["data"].items() if fact.model_fields[name].is_required()}
    if type == "message.requested":
        least["template_id"] = "win-back"
    spelt = json.loads(fact.model_validate(least).model_dump_json(by_alias=True))
    assert len(spelt) == len(fact.model_fields)
    assert read(record | {"data": spelt}).digest() == read(record | {"data": least}).digest()


def test_a_line_without_quantity_and_amount_is_one_piece_for_nothing() -> None:
    short = changed("trade.paid", "data.items", [{"item_id": "i9"}])
    long = changed("trade.paid", "data.items", [{"item_id": "i9", "quantity": 1, "amount": 0, "category_id": None}])
    assert read(short).digest() == read(long).digest()


def test_the_order_of_lines_counts() -> None:
    lines = example("trade.paid")["data"]["items"]
    assert read(changed("trade.paid", "data.items", lines[::-1])).digest() != read(example("trade.paid")).digest()


@pytest.mark.parametrize("name", sorted(set(CATALOGUE["customer.updated"].model_fields) - {"customer_id"}))
def test_a_cleared_field_is_not_an_absent_one(name: str) -> None:
    absent = changed("customer.updated", "data", {"customer_id": "c42"})
    cleared = changed("customer.updated", "data", {"customer_id": "c42", name: None})
    told = changed("customer.updated", "data", {"customer_id": "c42", name: example("customer.updated")["data"][name]})
    digests = {read(record).digest() for record in (absent, cleared, told)}
    assert len(digests) == (2 if name == "email" else 3)


def test_wording_is_the_only_thing_in_a_consent_that_may_be_left_out() -> None:
    consent = {"sms": True, "source": "web"}
    absent = changed("customer.updated", "data.consent", consent)
    empty = changed("customer.updated", "data.consent", {**consent, "wording": None})
    assert read(absent).digest() == read(empty).digest()


def test_the_digest_stays_the_same_for_good() -> None:
    digests = {type: read(example(type)).digest().hex() for type in ("trade.paid", "customer.updated")}
    assert digests == {
        "trade.paid": "bd1bd233f8b817cf34f5c7c8cdca09eb",
        "customer.updated": "624623c83474e37315b4c86e4190d5a9",
    }
