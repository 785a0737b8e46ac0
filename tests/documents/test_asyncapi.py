"""docs/asyncapi.json is what the code says, and the official parser finds nothing wrong with it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from huitou_chassis.asyncapi import document, text
from huitou_events import CATALOGUE, TOPICS

ROOT = Path(__file__).parents[2]
STORED = ROOT / "docs" / "asyncapi.json"
PARSER = "@asyncapi/parser@3.6.6"
SERVICES = sorted((plugin.load() for plugin in entry_points(group="huitou.services")), key=lambda one: one.name)
Parse = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Parse:
    """The official parser; installed beside the environment, once."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not there: the AsyncAPI document is not held against the official parser")
    folder = Path(sys.prefix) / PARSER.replace("/", "-")
    if not (folder / "node_modules").is_dir():
        command: list[str | Path] = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--prefix",
            folder,
            PARSER,
        ]
        done = subprocess.run(
            [*command, "--prefix", folder, PARSER], capture_output=True, text=True, timeout=220, check=False
        )
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"npm cannot install {PARSER}: {done.stderr[-200:]}")

    def parsed(whole: dict[str, Any]) -> dict[str, Any]:
        file = tmp_path_factory.mktemp("asyncapi") / "asyncapi.json"
        file.write_text(json.dumps(whole), encoding="utf-8")
        command: list[str | Path] = ["node", Path(__file__).with_name("parse.mjs"), folder, file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return parsed


def test_the_stored_document_is_the_one_that_the_code_gives() -> None:
    assert STORED.read_text(encoding="utf-8") == text(SERVICES), "`huitou asyncapi > docs/asyncapi.json` rewrites it"


def test_the_official_parser_finds_nothing_wrong(parse: Parse) -> None:
    found = parse(json.loads(STORED.read_text(encoding="utf-8")))
    assert found["problems"] == []
    assert found["held"]["channels"] == 2 * len(TOPICS)


@pytest.mark.parametrize("broken", ["reference", "schema", "action"])
def test_the_official_parser_would_find_what_is_wrong(parse: Parse, broken: str) -> None:
    whole = document(SERVICES)
    if broken == "reference":
        del whole["components"]["schemas"]["Line"]
    elif broken == "schema":
        whole["components"]["schemas"]["Line"]["type"] = "line"
    else:
        whole["operations"]["loyalty.receive.shop.trades"]["action"] = "listen"
    assert parse(whole)["problems"]


def test_it_names_every_type_with_its_key_and_an_example() -> None:
    whole = document(SERVICES)
    for topic in TOPICS:
        types = [type for type, fact in CATALOGUE.items() if fact.topic == topic]
        assert list(whole["channels"][topic]["messages"]) == types
    messages = whole["components"]["messages"]
    keys = {type: messages[type]["bindings"]["kafka"]["key"]["description"] for type in CATALOGUE}
    assert (keys["trade.paid"], keys["item.updated"], keys["coupon.defined"]) == (
        "{shop}:{customer_id}",
        "{shop}:{item_id}",
        "{shop}",
    )
    assert all(len(messages[type]["examples"]) == 1 for type in CATALOGUE)


@pytest.mark.parametrize("type", CATALOGUE)
def test_an_example_fits_the_schema_that_stands_beside_it(type: str) -> None:
    components = document(SERVICES)["components"]
    message = components["messages"][type]
    schema = jsonschema.Draft7Validator({**message["payload"], "components": components})
    (example,) = message["examples"]
    schema.validate(example["payload"])
    del example["payload"]["data"]
    assert not schema.is_valid(example["payload"])


def test_it_names_what_each_service_says_and_takes() -> None:
    operations = document(SERVICES)["operations"]
    for service in SERVICES:
        for action, facts in (("send", service.facts), ("receive", service.handlers)):
            named = {
                message["$ref"].rpartition("/")[2]
                for name, one in operations.items()
                for message in one["messages"]
                if name.startswith(f"{service.name}.{action}.") and not name.endswith(".dlq")
            }
            assert named == {fact.type for fact in facts}
    assert operations["loyalty.receive.shop.trades"]["bindings"]["kafka"]["groupId"]["enum"] == ["loyalty-worker"]
    assert "shop.send.shop.trades" in operations
