"""What is known of many customers at their moment, as columns; where nothing is known it is UNKNOWN, or None."""

from __future__ import annotations

import numpy as np

from huitou_events import moment
from segment_svc.calendar import EPOCH_DAY, local_days
from segment_svc.conditions import FLAGS, MOMENTS, NUMBERS, TEXTS
from segment_svc.figures import COMPLETED, FIGURES
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
    days = local_days(view.at[known], view.people.zone)
    year, of_year = _split(days)
    year_born, of_year_born = _split(born[known])
    age = year - year_born - (of_year < of_year_born)
    found[known] = np.where(age >= 0, age, UNKNOWN)
    return found


def _split(days: Ints) -> tuple[Ints, Ints]:
    """The years of days (ordinals), and their places in the year as month and day in one number."""
    dates = (days - EPOCH_DAY).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    month = (months - years.astype("datetime64[M]")).astype(np.int64)
    day = (dates - months.astype("datetime64[D]")).astype(np.int64)
    return years.astype(np.int64) + 1970, month * 32 + day


def portrait(view: View) -> dict[str, list[object]]:
    """Every attribute by name: text, number, true or false, or RFC 3339."""
    found: dict[str, list[object]] = {}
    trades = _trades(view)
    for name in ATTRIBUTES:
        if name in FIGURES:
            found[name] = trades[name]
        elif name == "age":
            found[name] = _known(ages(view))
        elif name in FLAGS:
            found[name] = (current(view, name) == 1).tolist()
        elif name in MOMENTS:
            found[name] = [None if us is None else written(us) for us in _known(current(view, name))]
        elif name in NUMBERS:
            found[name] = _known(current(view, name))
        else:
            nothing = "unknown" if name == "gender" else None
            found[name] = [CODES.texts.get(code, nothing) for code in current(view, name).tolist()]
    return found


def _known(values: Ints) -> list[object]:
    return [None if value == UNKNOWN else value for value in values.tolist()]


def written(us: object) -> str | None:
    """A moment in RFC 3339; None for nothing, and for moments that no calendar has."""
    try:
        return None if us is None else moment(int(str(us))).isoformat().replace("+00:00", "Z")
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
