"""What is known of many customers at their moment, as columns; where nothing is known it is UNKNOWN, or None."""

from __future__ import annotations

import numpy as np

from huitou_events import moment
from segment_svc.birthdays import turning
from segment_svc.calendar import EPOCH_DAY, local_days
from segment_svc.conditions import FLAGS, MOMENTS, NUMBERS, TEXTS
from segment_svc.figures import COMPLETED, FIGURES
from segment_svc.nodes import SCORES
from segment_svc.occurrences import measured, turnover
from segment_svc.people import CODES, UNKNOWN, Ints
from segment_svc.steps import present
from segment_svc.view import View

ATTRIBUTES = (*TEXTS, *NUMBERS, *MOMENTS, *FLAGS)


def current(view: View, name: str) -> Ints:
    """The value of an attribute as in `people`."""
    who, start, end, value = view.valid(name)
    at = view.at[who]
    there = np.flatnonzero((start <= at) & (at < end))
    found = np.full(view.people.size, UNKNOWN)
    found[who[there]] = value[there]
    return found


def ages(view: View) -> Ints:
    """Full years by the calendar of the shop's zone; who is born on 29 February has none before 1 March."""
    born = current(view, "birthday")
    known = np.flatnonzero(born > 0)
    found = np.full(view.people.size, UNKNOWN)
    days = local_days(view.at[known], view.zone)
    years = _years(days) - _years(born[known])
    age = years - (turning(born[known], years) > days)
    found[known] = np.where(age >= 0, age, UNKNOWN)
    return found


def _years(days: Ints) -> Ints:
    years: Ints = (days - EPOCH_DAY).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    return years


def portrait(view: View) -> dict[str, list[object]]:
    """Every attribute by name: text, number, true or false, or RFC 3339."""
    trades = _trades(view)
    return {name: trades[name] if name in FIGURES else values(view, name) for name in ATTRIBUTES}


def values(view: View, name: str) -> list[object]:
    """One attribute, the tier, or a score, in the same way."""
    if name in FIGURES:
        return _trades(view)[name]
    if name == "age":
        return [*_known(ages(view))]
    if name in FLAGS:
        return [*(current(view, name) == 1).tolist()]
    if name in MOMENTS:
        return [written(us) for us in numbers(view, name)]
    if name in NUMBERS or name in SCORES:
        return [*numbers(view, name)]
    nothing = "unknown" if name == "gender" else None
    return [CODES.texts.get(code, nothing) for code in current(view, name).tolist()]


def numbers(view: View, name: str) -> list[int | None]:
    """The value of an attribute that is kept as a number."""
    return _known(current(view, name))


def _known(found: Ints) -> list[int | None]:
    return [None if value == UNKNOWN else value for value in found.tolist()]


def written(us: int | None) -> str | None:
    """A moment in RFC 3339; None for nothing, for never, and for moments that no calendar has."""
    try:
        return None if us is None else moment(us).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


def _trades(view: View) -> dict[str, list[object]]:
    spans = measured(view, COMPLETED)
    trades, amounts = present(spans, view.at).tolist(), present(turnover(view, COMPLETED), view.at).tolist()
    at = view.at[spans.who]
    there = np.flatnonzero((spans.start <= at) & (at < spans.end))
    first, last = np.full(view.people.size, 2**62), np.full(view.people.size, UNKNOWN)
    np.minimum.at(first, spans.who[there], spans.start[there])
    np.maximum.at(last, spans.who[there], spans.start[there])
    any_ = [number > 0 for number in trades]
    average = [
        None if not number else amount // number if amount % number == 0 else round(amount / number, 2)
        for number, amount in zip(trades, amounts, strict=True)
    ]
    return {
        "trades": trades,
        "amount": amounts,
        "average_order_value": average,
        "first_trade_at": [written(us) if some else None for us, some in zip(first.tolist(), any_, strict=True)],
        "last_trade_at": [written(us) if some else None for us, some in zip(last.tolist(), any_, strict=True)],
    }
