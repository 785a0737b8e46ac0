"""Records to try things on: the examples of the contract, whole or changed in one place."""

import copy
import json
from pathlib import Path
from typing import Any

from huitou_events import CATALOGUE, HEADERS, Event, Undecodable, decode
from huitou_events.contracts import FOLDER

ABSENT = object()
TYPES = sorted(CATALOGUE)


def example(type: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path_of(type).read_text(encoding="utf-8"))
    return loaded


def path_of(type: str) -> Path:
    return FOLDER / f"{type}.example.json"


def changed(type: str, path: str, value: Any) -> dict[str, Any]:
    """An example with another value at a place such as `data.items.0.amount`; ABSENT removes it."""
    record = copy.deepcopy(example(type))
    *way, last = path.split(".")
    place: Any = record
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    name = int(last) if last.isdigit() else last
    if value is ABSENT:
        del place[name]
    else:
        place[name] = value
    return record


def read(record: dict[str, Any]) -> Event[Any]:
    """Decodes what an honest publisher would have put on the topic."""
    return read_bytes(record["type"], json.dumps(record).encode(), record["partitionkey"].encode())


def read_bytes(type: str, value: bytes | None, key: bytes | None = b"s1:c42") -> Event[Any]:
    return decode(CATALOGUE[type].topic, key, value, HEADERS)


def refusal(type: str, value: bytes | None, key: bytes | None = b"s1:c42") -> Undecodable:
    """The refusal of a record that must not be understood."""
    try:
        event = read_bytes(type, value, key)
    except Undecodable as refused:
        return refused
    raise AssertionError(f"understood as {event}")


def refusal_of(type: str, path: str, value: Any) -> Undecodable:
    return refusal(type, json.dumps(changed(type, path, value)).encode())
