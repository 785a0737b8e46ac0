"""The W3C trace context that an event travels with: who looks for its way finds it, the event is the same without."""

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

STATE_CHARACTERS = 512
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[ -~]*")


class Trace(NamedTuple):
    """`traceparent` and `tracestate`, as CloudEvents' extension for distributed tracing has them."""

    parent: str
    state: str | None = None


def _parent(given: Any) -> str | None:
    """A context that cannot be read is none; no event is refused for it."""
    return given if isinstance(given, str) and _PARENT.fullmatch(given) else None


def _state(given: Any) -> str | None:
    fits = isinstance(given, str) and len(given) <= STATE_CHARACTERS and _STATE.fullmatch(given)
    return given if fits else None


Parent = Annotated[str | None, BeforeValidator(_parent)]
State = Annotated[str | None, BeforeValidator(_state)]


def trace_of(parent: str | None, state: str | None) -> Trace | None:
    """The context of these two, as they came."""
    read = _parent(parent)
    return None if read is None else Trace(read, _state(state))
