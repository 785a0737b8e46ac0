"""What a change of an event's schema would break: for records that are stored already, and for readers of new ones.

Allowed is to add: optional fields, alternatives, values, room. Not allowed is to take away a field, to ask for one that
could be left out, to let one be left out that readers count on, to narrow what a value may be, or to change what a
missing one means. What cannot be judged, such as a changed pattern, is a change that is not allowed.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
CHOICES = ("anyOf", "oneOf")
TELLS_NOTHING = ("title", "description", "examples", "$schema", "$defs", "x-publisher", "discriminator")
JUDGED = ("type", "const", "enum", "properties", "required", "items", "additionalProperties", *CHOICES)
MEANING = ("default", "x-topic")


def broken(old: Schema, new: Schema) -> list[str]:
    """What breaks when the whole schema `old` becomes `new`: one sentence each, with the path."""
    return [f"{path or 'the record'}: {what}" for path, what in _compared(old, new, (old, new), "")]


def _compared(old: Schema, new: Schema, roots: tuple[Schema, Schema], path: str) -> Iterator[tuple[str, str]]:
    before = [_resolved(choice, roots[0]) for choice in _choices(old, roots[0])]
    after = [_resolved(choice, roots[1]) for choice in _choices(new, roots[1])]
    for keyword in MEANING:
        if old.get(keyword) != new.get(keyword):
            yield path, f"{keyword} was {old.get(keyword)!r} and is {new.get(keyword)!r}"
    for choice in before:
        found = [list(_one(choice, other, roots, path)) for other in after]
        if all(found):
            alike = [problems for problems, other in zip(found, after, strict=True) if _alike(choice, other)]
            yield from min(alike, key=len) if alike else [(path, f"may no longer be {_kind(choice)}")]


def _one(old: Schema, new: Schema, roots: tuple[Schema, Schema], path: str) -> Iterator[tuple[str, str]]:
    yield from ((path, what) for what in _narrowed(old, new))
    yield from _fields(old, new, roots, path)
    for keyword in ("items", "additionalProperties"):
        before, after = old.get(keyword, True), new.get(keyword, True)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _compared(before, after, roots, f"{path}[]")
        elif after is not True and before != after:
            yield path, f"{keyword} is narrower"


def _fields(old: Schema, new: Schema, roots: tuple[Schema, Schema], path: str) -> Iterator[tuple[str, str]]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        inner = f"{path}.{name}".lstrip(".")
        if name not in after:
            yield inner, "is gone"
        else:
            yield from _compared(before[name], after[name], roots, inner)
    for name in sorted(needs - needed):
        yield f"{path}.{name}".lstrip("."), "is required now"
    for name in sorted((needed - needs) & set(after)):
        yield f"{path}.{name}".lstrip("."), "may be absent now, and readers count on it"


def _narrowed(old: Schema, new: Schema) -> Iterator[str]:
    values, allowed = _values(old), _values(new)
    if allowed is not None and (values is None or not all(value in allowed for value in values)):
        yield f"may be {allowed} only"
    if "type" in new and not _types(old) <= _types(new) | ({"integer"} if "number" in _types(new) else set()):
        yield f"is {new['type']} now, and was {old.get('type', 'anything')}"
    for keyword in LOWER:
        if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
            yield f"{keyword} is {new[keyword]} now, and was {old.get(keyword)}"
    for keyword in UPPER:
        if keyword in new and new[keyword] < old.get(keyword, float("inf")):
            yield f"{keyword} is {new[keyword]} now, and was {old.get(keyword)}"
    for keyword in sorted(new.keys() - {*LOWER, *UPPER, *TELLS_NOTHING, *JUDGED, *MEANING}):
        if new[keyword] != old.get(keyword):
            yield f"{keyword} is another"


def _choices(schema: Schema, root: Schema) -> list[Schema]:
    """The alternatives of a schema; itself where there are none."""
    resolved = _resolved(schema, root)
    found = next((resolved[keyword] for keyword in CHOICES if keyword in resolved), None)
    return [resolved] if found is None else [inner for choice in found for inner in _choices(choice, root)]


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    place: Any = root
    for step in schema["$ref"].removeprefix("#/").split("/"):
        place = place[step]
    return _resolved({**place, **{name: value for name, value in schema.items() if name != "$ref"}}, root)


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _types(schema: Schema) -> set[str]:
    named = schema.get("type", "anything")
    return {named} if isinstance(named, str) else set(named)


def _alike(old: Schema, new: Schema) -> bool:
    return bool(_types(old) & _types(new))


def _kind(schema: Schema) -> str:
    return str(schema.get("title") or schema.get("type", "anything"))
