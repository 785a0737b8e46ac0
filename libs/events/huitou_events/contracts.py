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
