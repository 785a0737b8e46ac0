"""A change of the events breaks neither what is stored nor who reads: the rules, and the commit before by them."""

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huitou_events.contracts import schema
from tests.events.compatibility import Schema, broken
from tests.events.samples import TYPES
from tests.history import archive, git

CONTRACTS = "libs/events/contracts"
Change = Callable[[Schema], Any]


def trade(whole: Schema) -> Schema:
    """The part of trade.paid's schema that the data is described by."""
    data: Schema = whole["$defs"]["TradePaid"]
    return data


def line(whole: Schema) -> Schema:
    fields: Schema = whole["$defs"]["Line"]["properties"]
    return fields


def changed(change: Change) -> list[str]:
    old = schema("trade.paid")
    new = copy.deepcopy(old)
    change(new)
    assert new != old
    return broken(old, new)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda s: trade(s)["properties"].pop("coupon_code"), "data.coupon_code: is gone"),
        (lambda s: line(s).pop("category_id"), "data.items[].category_id: is gone"),
        (lambda s: s["properties"].pop("subject"), "subject: is gone"),
        (lambda s: trade(s)["required"].append("amount"), "data.amount: is required now"),
        (lambda s: s["required"].append("subject"), "subject: is required now"),
        (
            lambda s: (
                trade(s)["properties"].update(weight={"type": "integer"}),
                trade(s)["required"].append("weight"),
            ),
            "data.weight: is required now",
        ),
        (
            lambda s: trade(s)["required"].remove("currency"),
            "data.currency: may be absent now, and readers count on it",
        ),
        (
            lambda s: trade(s)["properties"]["amount"].update(type="string"),
            "data.amount: may no longer be integer",
        ),
        (
            lambda s: trade(s)["properties"]["amount"].update(minimum=1),
            "data.amount: minimum is 1 now, and was 0",
        ),
        (
            lambda s: trade(s)["properties"]["amount"].update(maximum=1000),
            "data.amount: maximum is 1000 now, and was 9007199254740991",
        ),
        (
            lambda s: trade(s)["properties"]["trade_id"].update(maxLength=64),
            "data.trade_id: maxLength is 64 now, and was 128",
        ),
        (lambda s: trade(s)["properties"]["trade_id"].update(pattern="^t"), "data.trade_id: pattern is another"),
        (lambda s: trade(s)["properties"]["trade_id"].update(format="uuid"), "data.trade_id: format is another"),
        (lambda s: trade(s)["properties"]["channel"]["anyOf"].pop(), "data.channel: may no longer be null"),
        (
            lambda s: trade(s)["properties"]["channel"]["anyOf"][0]["enum"].remove("offline"),
            "data.channel: may be ['online'] only",
        ),
        (
            lambda s: trade(s)["properties"]["currency"].update(enum=["CNY", "GBP"]),
            "data.currency: may be ['CNY', 'GBP'] only",
        ),
        (lambda s: line(s)["quantity"].update(default=2), "data.items[].quantity: default was 1 and is 2"),
        (lambda s: trade(s).update(additionalProperties=False), "data: additionalProperties is narrower"),
        (lambda s: trade(s)["properties"]["items"].update(maxItems=9), "data.items: maxItems is 9 now, and was None"),
        (lambda s: trade(s)["properties"]["items"].update(items={"type": "string"}), "data.items[]: may no longer be"),
        (lambda s: s["properties"]["type"].update(const="trade.settled"), "type: may be ['trade.settled'] only"),
        (lambda s: s.update({"x-topic": "shop.orders"}), "the record: x-topic was 'shop.trades' and is 'shop.orders'"),
    ],
)
def test_what_breaks_is_found_with_its_place(change: Change, found: str) -> None:
    problems = changed(change)
    assert len(problems) == 1, problems
    assert problems[0].startswith(found), problems


@pytest.mark.parametrize(
    "change",
    [
        lambda s: trade(s)["properties"].update(weight={"type": "integer"}),
        lambda s: line(s).update(colour={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda s: trade(s)["properties"]["channel"]["anyOf"][0]["enum"].append("live"),
        lambda s: trade(s)["properties"]["coupon_code"]["anyOf"].append({"type": "integer"}),
        lambda s: trade(s)["properties"]["amount"].update(type=["integer", "string"]),
        lambda s: trade(s)["properties"]["amount"].pop("maximum"),
        lambda s: trade(s)["properties"]["trade_id"].update(maxLength=256),
        lambda s: trade(s)["properties"]["trade_id"].pop("pattern"),
        lambda s: trade(s).update(description="An order was paid, or so it is said."),
        # The same, said in another way.
        lambda s: trade(s)["properties"].update(items={**trade(s)["properties"]["items"], "items": s["$defs"]["Line"]}),
    ],
)
def test_what_is_only_added_breaks_nothing(change: Change) -> None:
    assert changed(change) == []


def commit_before() -> str:
    """Where this branch left main; on main itself, the commit before."""
    head = git("rev-parse", "HEAD").decode().strip()
    known = git("for-each-ref", "--format=%(refname)", "refs/remotes/origin/main", "refs/heads/main").decode().split()
    left = git("merge-base", "HEAD", known[-1]).decode().strip() if known else head
    return git("rev-parse", "HEAD~1").decode().strip() if left == head else left


def schemas_before() -> dict[str, Schema]:
    with archive(commit_before(), CONTRACTS) as files:
        return {
            Path(member.name).name.removesuffix(".schema.json"): json.load(files.extractfile(member) or io.BytesIO())
            for member in files.getmembers()
            if member.name.endswith(".schema.json")
        }


def test_the_events_break_nothing_that_those_of_the_commit_before_allowed() -> None:
    before = schemas_before()
    assert before.keys() - set(TYPES) == set(), "types are never taken away"
    found = {type: problems for type, old in before.items() if (problems := broken(old, schema(type)))}
    assert found == {}
