"""Every type as a JSON schema, made from its class; `python -m huitou_events.contracts` rewrites them."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from huitou_events.topics import CATALOGUE, TOPICS
from huitou_events.wire import envelope_of

FOLDER = Path(__file__).parents[1] / "contracts"


def schema(type: str) -> dict[str, Any]:
    """The JSON schema of a whole record of this type."""
    fact = CATALOGUE[type]
    body = envelope_of(fact).model_json_schema(schema_generator=_Plain)
    topic = TOPICS[fact.topic]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **body,
        "title": type,
        "x-topic": topic.name,
        "x-publisher": topic.publisher,
    }


def definitions(place: str) -> dict[str, dict[str, Any]]:
    """Every type's record and all that they are made of, by name; references go to `place`, as in `#/schemas/{model}`.

    For documents in which many schemas share their parts.
    """
    found: dict[str, dict[str, Any]] = {}
    for type, fact in CATALOGUE.items():
        body = envelope_of(fact).model_json_schema(ref_template=place, schema_generator=_Plain)
        for name, part in body.pop("$defs").items():
            # One name for two things would make one of them the other's.
            assert found.setdefault(name, part) == part, name
        found[type] = {**body, "title": type}
    return found


def text(type: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(type), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _Plain(GenerateJsonSchema):
    """Without what says nothing: a title that repeats a field's name, and null for what may be absent."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        body = super().default_schema(schema)
        if body.get("default", self) is None:
            # To customer.updated null means cleared, which is not the same as absent.
            del body["default"]
        return body


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for type in CATALOGUE:
        (FOLDER / f"{type}.schema.json").write_text(text(type), encoding="utf-8")
    sys.stdout.write(f"{len(CATALOGUE)} schemas written\n")


if __name__ == "__main__":
    main()
