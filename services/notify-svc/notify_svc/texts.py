"""What a message says: a template filled in, the shop's signature before it and the way to opt out after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from liquid import Environment, StrictUndefined
from liquid.exceptions import LiquidError, UndefinedError
from liquid.template import BoundTemplate

from notify_svc.parts import Length, measure

LONGEST_TEXT = 500
GIVEN = {"name": None, "coupon_code": None}
"""Variables that every message has; empty where they are not known."""


class Limited(Environment):
    """Liquid for texts that shops write: no files, no long loops, no large output."""

    loop_iteration_limit = 200
    local_namespace_limit = 10_000
    output_stream_limit = 4 * LONGEST_TEXT
    context_depth_limit = 8
    block_nesting_limit = 8


LIQUID = Limited(undefined=StrictUndefined)


class BadText(Exception):
    """The text cannot be filled in; `reason` is a stable word, the message says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Written:
    """A message as the recipient sees it."""

    text: str
    length: Length


def write(
    text: str,
    values: Mapping[str, str | None],
    *,
    signature: str,
    language: str,
    china: bool,
    opt_out: bool,
) -> Written:
    """Fills in the template; BadText if a variable is missing or the result is empty or too long."""
    body = " ".join(filled(text, values).split())
    if not body:
        raise BadText("empty-text", "the template gives an empty text")
    if language.startswith("zh"):
        whole = f"【{signature}】{body}" + ("回T退订" if opt_out else "")
    else:
        whole = f"[{signature}] {body}" + (" Reply T to opt out" if opt_out else "")
    if len(whole) > LONGEST_TEXT:
        raise BadText("text-too-long", f"{len(whole)} characters; at most {LONGEST_TEXT}")
    return Written(whole, measure(whole, china=china))


def filled(text: str, values: Mapping[str, str | None]) -> str:
    try:
        return parse(text).render({**GIVEN, **values})
    except UndefinedError as error:
        raise BadText("missing-variable", str(error)) from error
    except LiquidError as error:
        raise BadText("template-error", str(error)) from error


@lru_cache(maxsize=1000)
def parse(text: str) -> BoundTemplate:
    """The template; BadText if it is not Liquid or uses other files."""
    try:
        return LIQUID.from_string(text)
    except LiquidError as error:
        raise BadText("template-error", str(error)) from error


def variables(text: str) -> list[str]:
    """The names that a message must bring along."""
    return sorted(str(name) for name in parse(text).analyze().globals if name not in GIVEN)
