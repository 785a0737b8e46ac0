"""How the conditions of a rule are read: attributes, events with measure and window, and their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from pydantic import TypeAdapter, ValidationError

from huitou_events import duration, micros
from huitou_events.moments import Moment
from huitou_events.values import LARGEST
from segment_svc.nodes import (
    EVENTS,
    LEVELS,
    MEASURES,
    OF_VIEWS,
    VIEW,
    Aged,
    Attribute,
    Birthday,
    Bounds,
    Is,
    Known,
    Occurred,
    OneOf,
    Since,
    Test,
    Window,
)

TEXTS = ("gender", "country", "province", "city", "language", "source")
NUMBERS = ("age", "points", "trades", "amount", "average_order_value", *LEVELS)
MOMENTS = ("registered_at", "first_trade_at", "last_trade_at")
FLAGS = ("has_phone", "sms_consent", "member", "fan")
GENDERS = frozenset({"female", "male", "unknown"})
OPERATORS = ("in", "at_least", "at_most", "between", "known", "is")
WINDOWS = ("within", "between", "since")
CALENDARS = ("solar", "lunar")
LONGEST_TEXT = 256
LONGEST_BEFORE_BIRTHDAY = duration("366d")
_MOMENT: TypeAdapter[Moment] = TypeAdapter(Moment)


class RuleError(ValueError):
    """A rule cannot be used; `path` is the place in it, `message` what was expected there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


def attribute(value: dict[str, object], path: str) -> Attribute:
    """A condition on what is known of the customer."""
    fields(value, path, "attribute", *OPERATORS)
    name, at = text(value["attribute"], f"{path}.attribute"), f"{path}.attribute"
    for names, operators, read in KINDS_OF_ATTRIBUTE:
        if name in names:
            given = [operator for operator in OPERATORS if operator in value]
            return Attribute(name, _test(name, value, given, operators, path, read))
    known = ", ".join((*TEXTS, *NUMBERS, *MOMENTS, *FLAGS))
    raise RuleError(at, f"no attribute {name[:100]!r}; there are {known}")


def event(value: dict[str, object], path: str) -> Occurred:
    """A condition on the customer's events."""
    fields(value, path, "event", *MEASURES, *WINDOWS, "item", "category", "unless_later")
    measure, bounds = _measure(value, path)
    events = _events(value["event"], f"{path}.event")
    if measure in OF_VIEWS and events != {VIEW}:
        fail(f"{path}.{measure}", f'{measure} is measured of views of pages alone: {{"event": "{VIEW}"}} is expected')
    return Occurred(
        events=events,
        measure=measure,
        bounds=bounds,
        window=_window(value, path),
        items=texts(value["item"], f"{path}.item") if "item" in value else None,
        categories=texts(value["category"], f"{path}.category") if "category" in value else None,
        unless_later=_unless_later(value, path),
    )


def birthday(value: dict[str, object], path: str) -> Birthday:
    """A condition on the customer's next birthday."""
    fields(value, path, "birthday")
    near, at = value["birthday"], f"{path}.birthday"
    if not isinstance(near, dict) or "within_next" not in near:
        fail(at, 'an object is expected, for example {"within_next": "7d", "calendar": "lunar"}')
    fields(near, at, "within_next", "calendar")
    within = _duration(near["within_next"], f"{at}.within_next")
    if within > LONGEST_BEFORE_BIRTHDAY:
        fail(f"{at}.within_next", "at most 366d: there is a birthday every year")
    calendar = text(near.get("calendar", "solar"), f"{at}.calendar")
    if calendar not in CALENDARS:
        fail(f"{at}.calendar", f"one of {', '.join(CALENDARS)} is expected")
    return Birthday(within, calendar)


def fail(path: str, message: str) -> NoReturn:
    raise RuleError(path, message)


def fields(value: dict[str, object], path: str, *allowed: str) -> None:
    """Refuse fields that this kind of node does not have."""
    for name in value:
        if name not in allowed:
            fail(f"{path}.{name[:100]}", f"unknown field; {', '.join(allowed)} may stand here")


def text(value: object, path: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        fail(path, f"a text of 1 to {LONGEST_TEXT} characters is expected")
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in value):
        fail(path, "a text without control characters is expected")
    return value


def texts(value: object, path: str) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        fail(path, "a list of at least one text is expected")
    return frozenset(text(one, f"{path}[{place}]") for place, one in enumerate(value))


def _test(
    name: str,
    value: dict[str, object],
    given: list[str],
    operators: tuple[str, ...],
    path: str,
    read: Callable[[object, str], int],
) -> Test:
    allowed = ", ".join(operators)
    if not given:
        fail(path, f"{name} needs one of {allowed}")
    for operator in given:
        if operator not in operators:
            fail(f"{path}.{operator}", f"{name} takes {allowed}")
    if len(given) > 1 and set(given) != {"at_least", "at_most"}:
        fail(f"{path}.{given[1]}", f"only one of {allowed} (at_least and at_most may stand together)")
    operator = given[0]
    if operator in ("is", "known"):
        flag = _flag(value[operator], f"{path}.{operator}")
        return Is(flag) if operator == "is" else Known(flag)
    if operator == "in":
        return OneOf(_choices(name, value["in"], f"{path}.in"))
    if operator == "between":
        return _between(value["between"], f"{path}.between", read)
    return _bounds(value, path, read)


def _choices(name: str, value: object, path: str) -> frozenset[str] | frozenset[int]:
    if name in NUMBERS:
        if not isinstance(value, list) or not value:
            fail(path, "a list of at least one whole number is expected")
        return frozenset(_whole(one, f"{path}[{place}]") for place, one in enumerate(value))
    chosen = texts(value, path)
    if name == "gender" and not chosen <= GENDERS:
        fail(path, f"a gender is one of {', '.join(sorted(GENDERS))}")
    return chosen


def _between(value: object, path: str, read: Callable[[object, str], int]) -> Bounds:
    if not isinstance(value, list) or len(value) != 2:
        fail(path, "a list of two values, lowest and highest, is expected")
    low, high = read(value[0], f"{path}[0]"), read(value[1], f"{path}[1]")
    if low > high:
        fail(path, "the lowest value comes first")
    return Bounds(low, high)


def _bounds(value: dict[str, object], path: str, read: Callable[[object, str], int]) -> Bounds:
    low = read(value["at_least"], f"{path}.at_least") if "at_least" in value else None
    high = read(value["at_most"], f"{path}.at_most") if "at_most" in value else None
    if low is not None and high is not None and low > high:
        fail(path, "at_least is above at_most")
    return Bounds(low, high)


def _measure(value: dict[str, object], path: str) -> tuple[str, Bounds]:
    given = [measure for measure in MEASURES if measure in value]
    if not given:
        return "count", Bounds(at_least=1)
    if len(given) > 1:
        fail(f"{path}.{given[1]}", f"only one of {', '.join(MEASURES)} may stand here")
    measure, at = given[0], f"{path}.{given[0]}"
    bounds = value[measure]
    if not isinstance(bounds, dict):
        fail(at, 'an object with at_least or at_most is expected, for example {"at_least": 1}')
    fields(bounds, at, "at_least", "at_most")
    if not bounds:
        fail(at, "at_least or at_most is expected")
    return measure, _bounds(bounds, at, _amount)


def _window(value: dict[str, object], path: str) -> Window:
    given = [window for window in WINDOWS if window in value]
    if not given:
        return None
    if len(given) > 1:
        fail(f"{path}.{given[1]}", f"only one of {', '.join(WINDOWS)} may stand here")
    kind, at = given[0], f"{path}.{given[0]}"
    if kind == "since":
        return Since(_moment(value["since"], at))
    if kind == "within":
        return Aged(_duration(value["within"], at))
    ends = value["between"]
    if not isinstance(ends, list) or len(ends) != 2:
        fail(at, 'a list of two durations, the longer first, is expected, for example ["10d", "3d"]')
    oldest, newest = _duration(ends[0], f"{at}[0]"), _duration(ends[1], f"{at}[1]")
    if oldest < newest:
        fail(at, "the longer duration comes first")
    return Aged(oldest, newest)


def _unless_later(value: dict[str, object], path: str) -> frozenset[str] | None:
    if "unless_later" not in value:
        return None
    later, at = value["unless_later"], f"{path}.unless_later"
    if not isinstance(later, dict) or "event" not in later:
        fail(at, 'an object is expected, for example {"event": ["trade.paid"], "same": "item"}')
    fields(later, at, "event", "same")
    if later.get("same") != "item":
        fail(f"{at}.same", 'only "item" may stand here')
    return _events(later["event"], f"{at}.event")


def _events(value: object, path: str) -> frozenset[str]:
    names = frozenset({text(value, path)}) if isinstance(value, str) else texts(value, path)
    for name in sorted(names):
        if name not in EVENTS:
            fail(path, f"no event {name[:100]!r} in rules; there are {', '.join(EVENTS)}")
    return names


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        fail(path, "true or false is expected")
    return value


def _whole(value: object, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -LARGEST <= value <= LARGEST:
        fail(path, f"a whole number of at most {LARGEST} is expected")
    return value


def _amount(value: object, path: str) -> int:
    number = _whole(value, path)
    if number < 0:
        fail(path, "a number of at least 0 is expected")
    return number


def _moment(value: object, path: str) -> int:
    try:
        if isinstance(value, str):
            return micros(_MOMENT.validate_python(value))
    except ValidationError:
        fail(path, "no such moment: RFC 3339 with an offset is expected, for example 2026-01-01T00:00:00Z")
    fail(path, "a moment is expected, for example 2026-01-01T00:00:00Z")


def _duration(value: object, path: str) -> int:
    if not isinstance(value, str):
        fail(path, "a duration is expected, for example 30d")
    try:
        return duration(value)
    except ValueError as error:
        fail(path, str(error))


KINDS_OF_ATTRIBUTE: tuple[tuple[tuple[str, ...], tuple[str, ...], Callable[[object, str], int]], ...] = (
    (TEXTS, ("in", "known"), _whole),
    (NUMBERS, ("at_least", "at_most", "between", "in", "known"), _whole),
    (MOMENTS, ("at_least", "at_most", "between", "known"), _moment),
    (FLAGS, ("is", "known"), _whole),
)
