"""The schemas and examples of the contract, against the classes and back."""

import json
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel

from huitou_events import CATALOGUE, HEADERS, TOPICS, CustomerFact, decode
from huitou_events.contracts import FOLDER, schema, text
from tests.events.samples import TYPES, example, path_of, read

CONTRACT = {
    "shop.trades": "trade.created trade.paid trade.completed trade.closed trade.refunded",
    "shop.behaviours": "cart.added cart.removed favourite.added favourite.removed page.viewed shop.followed "
    "shop.unfollowed customer.signed_in poster.shown poster.clicked",
    "shop.customers": "customer.updated customer.erased",
    "shop.catalogue": "item.updated",
    "shop.settings": "shop.updated",
    "loyalty.members": "member.joined tier.changed points.changed membership.ended gift.granted card.bound "
    "card.unbound",
    "segment.audiences": "audience.entered audience.left",
    "campaign.benefits": "coupon.defined plan.started plan.ended coupon.claimed coupon.locked coupon.redeemed "
    "coupon.released coupon.expired coupon.revoked",
    "notify.jobs": "message.requested message.cancelled",
    "notify.deliveries": "message.scheduled message.suppressed message.sent message.delivered message.failed "
    "message.clicked recipient.opted_out",
}


def test_every_topic_of_the_contract_carries_its_types_and_no_others() -> None:
    carried: dict[str, list[str]] = {name: [] for name in TOPICS}
    for fact in CATALOGUE.values():
        carried[fact.topic].append(fact.type)
    assert {name: " ".join(types) for name, types in carried.items()} == CONTRACT


def test_only_customers_and_their_dead_letters_are_forgotten_after_a_week() -> None:
    assert {name for name, topic in TOPICS.items() if topic.retention_days is not None} == {"shop.customers"}
    assert TOPICS["shop.customers"].retention_days == 7
    assert TOPICS["shop.customers"].dlq == "shop.customers.dlq"


@pytest.mark.parametrize("type", TYPES)
def test_the_stored_schema_is_the_one_that_the_class_gives(type: str) -> None:
    stored = (FOLDER / f"{type}.schema.json").read_text(encoding="utf-8")
    assert stored == text(type), "python -m huitou_events.contracts rewrites the schemas"


def test_nothing_is_stored_for_types_that_are_gone() -> None:
    stored = {path.name for path in FOLDER.iterdir()}
    assert stored == {f"{type}.{kind}.json" for type in TYPES for kind in ("schema", "example")}


@pytest.mark.parametrize("type", TYPES)
def test_an_example_fits_its_schema_and_none_of_the_others(type: str) -> None:
    for other in TYPES:
        validator = jsonschema.Draft202012Validator(schema(other))
        assert validator.is_valid(example(type)) == (other == type)


@pytest.mark.parametrize("type", TYPES)
def test_an_example_is_understood_and_written_again_with_the_same_content(type: str) -> None:
    record = example(type)
    event = read(record)
    written = json.loads(event.encode())
    again = decode(event.topic, event.key, event.encode(), HEADERS)
    assert again == event
    assert again.digest() == event.digest()
    jsonschema.validate(written, schema(type))
    assert {name: written[name] for name in record if name != "data"} == {
        name: record[name] for name in record if name != "data"
    }
    assert contains(written["data"], record["data"])


@pytest.mark.parametrize("type", TYPES)
def test_every_field_of_a_class_is_in_its_schema_and_every_field_of_an_example_in_its_class(type: str) -> None:
    fact = CATALOGUE[type]
    definition = schema(type)["$defs"][fact.__name__]
    assert set(definition["properties"]) == wire_names(fact)
    assert set(example(type)["data"]) <= wire_names(fact)
    for field in fact.model_fields.values():
        for part in (one for one in (field.annotation, *get_args(field.annotation)) if is_part(one)):
            assert set(schema(type)["$defs"][part.__name__]["properties"]) == wire_names(part)


@pytest.mark.parametrize("type", TYPES)
def test_key_and_subject_name_the_customer_or_else_the_object(type: str) -> None:
    event = read(example(type))
    if issubclass(CATALOGUE[type], CustomerFact):
        assert (event.key, event.subject) == (b"s1:c42", "c42")
    else:
        expected = {
            "item.updated": (b"s1:i9", "i9"),
            "shop.updated": (b"s1", "s1"),
            "coupon.defined": (b"s1", "cpn-autumn"),
            "plan.started": (b"s1", "plan-8"),
            "plan.ended": (b"s1", "plan-8"),
        }
        assert (event.key, event.subject) == expected[type]


@pytest.mark.parametrize("type", [type for type in TYPES if type != "customer.updated"])
def test_no_other_event_has_a_place_for_personal_data(type: str) -> None:
    personal = {"name", "phone", "email", "birthday", "gender", "consent"}
    allowed = {"name"} if type == "coupon.defined" else set()
    assert not personal & set(CATALOGUE[type].model_fields) - allowed


def test_examples_are_written_as_the_contract_shows_them() -> None:
    for type in TYPES:
        record = json.dumps(example(type), indent=2, ensure_ascii=False) + "\n"
        assert path_of(type).read_text(encoding="utf-8") == record


def contains(whole: Any, part: Any) -> bool:
    """Whether all that `part` says is in `whole`, which may spell out defaults beside it."""
    if isinstance(part, dict):
        return all(name in whole and contains(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


def is_part(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def wire_names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}
