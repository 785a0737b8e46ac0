"""Layers of customers by a figure of their completed trades: where one ends and the next begins, and who is in it."""

from itertools import pairwise
from typing import Any, Literal, NoReturn, TypeAlias

from huitou_chassis import Invalid
from huitou_events import duration
from huitou_events.values import LARGEST
from segment_svc.calendar import DAY
from segment_svc.scores import SINCE_2010
from segment_svc.terms import length

By: TypeAlias = Literal[
    "amount", "trades", "average_order_value", "quantity", "items", "last_trade_at", "first_trade_at"
]
"""Attributes, and measures of events, as rules name them."""
Json: TypeAlias = dict[str, Any]
AGES = ("last_trade_at", "first_trade_at")
"""The figures that are told by how long ago they were."""
MOST = 100
OLDEST = 36_500 * DAY
COMPLETED = "trade.completed"
TRADED: Json = {"attribute": "trades", "at_least": 1}
NOT_TRADED: Json = {"attribute": "trades", "at_most": 0}


def bounds(by: By, text: str, now: int) -> list[int]:
    """Where layers begin, from a list with commas: numbers, or durations in microseconds; Invalid if it is none."""
    found = [_bound(by, part.strip()) for part in text.split(",")]
    if len(found) >= MOST:
        _refuse(f"at most {MOST - 1} bounds, which make {MOST} layers, are expected")
    if any(low >= high for low, high in pairwise(found)):
        _refuse("each bound is larger than the one before it")
    if by in AGES and now - found[-1] < SINCE_2010:
        _refuse("no bound reaches back to before 2010, since when trades are counted")
    return found


def written(by: By, bound: int | None) -> int | str | None:
    """A bound as it is given."""
    return bound if bound is None or by not in AGES else _duration(bound)


def rule(by: By, lower: int | None, upper: int | None) -> Json:
    """Finds those with a trade whose figure is at least `lower` and below `upper`, None where the layer is open."""
    parts = _parts(by, lower, upper)
    return parts[0] if len(parts) == 1 else {"all": parts}


def _bound(by: By, text: str) -> int:
    if by in AGES:
        try:
            bound = duration(text)
        except ValueError as error:
            _refuse(str(error))
    else:
        if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST))):
            _refuse(f"whole numbers divided by commas are expected, for example 1000,5000 and not {text[:100]!r}")
        bound = int(text)
    if not 0 < bound <= LARGEST:
        _refuse(f"a bound is above 0, and a number at most {LARGEST}")
    return bound


def _refuse(detail: str) -> NoReturn:
    raise Invalid(field="bounds", detail=detail)


def _parts(by: By, lower: int | None, upper: int | None) -> list[Json]:
    match by:
        case "last_trade_at":
            recent = [TRADED] if upper is None else [{"event": COMPLETED, "within": _duration(upper)}]
            return recent + ([] if lower is None else [{"not": {"event": COMPLETED, "within": _duration(lower)}}])
        case "first_trade_at":
            late = [] if upper is None else [{"not": _older(upper)}]
            return [TRADED, *([] if lower is None else [_older(lower)]), *late]
        case "average_order_value":
            # It can lie between two whole numbers, so that "at most one less" is not "below".
            parts = [] if lower is None else [{"attribute": by, "at_least": lower}]
            parts += [] if upper is None else [{"not": {"attribute": by, "at_least": upper}}]
        case _:
            parts = _between(by, lower, upper)
    return [TRADED, *parts] if lower is None else parts


def _between(by: By, lower: int | None, upper: int | None) -> list[Json]:
    bounds = {} if lower is None else {"at_least": lower}
    bounds |= {} if upper is None else {"at_most": upper - 1}
    if not bounds:
        return []
    if by in ("quantity", "items"):
        return [{"event": COMPLETED, by: bounds, "since": "2010-01-01T00:00:00Z"}]
    return [{"attribute": by, **bounds}]


def _older(bound: int) -> Json:
    return {"event": COMPLETED, "between": [_duration(OLDEST), _duration(bound)]}


def _duration(span: int) -> str:
    number, unit = length(span)
    return f"{number}{unit}"
