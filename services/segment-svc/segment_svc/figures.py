"""Attributes made of completed trades: number, amount, average, first and last, as a tier counts them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segment_svc.nodes import Bounds, Known, Occurred, Since, Test
from segment_svc.occurrences import measured, turnover
from segment_svc.people import Bools, Ints
from segment_svc.spells import Truth, lasting, simplest
from segment_svc.steps import Spans, Verdict, chosen, summed, within
from segment_svc.view import View

COMPLETED = Occurred(frozenset({"trade.completed"}), window=Since(1_262_304_000_000_000))
"""Tiers and these attributes count from 2010 on."""


def figure(view: View, name: str, test: Test) -> Truth:
    """When the figure passes the test; an average, a first and a last trade are unknown without a trade."""
    if isinstance(test, Known):
        return _known(view, name, test)
    return FIGURES[name](view, test)


def _known(view: View, name: str, test: Known) -> Truth:
    if name in ("trades", "amount"):
        return lasting(np.full(view.people.size, test.value))
    return _truth(view, lambda trades: (trades > 0) == test.value, measured(view, COMPLETED))


def _truth(view: View, verdict: Verdict, *measures: Spans) -> Truth:
    return simplest(summed(view.at, verdict, *measures))


def _trades(view: View, test: Test) -> Truth:
    return _truth(view, lambda trades: within(test, trades), measured(view, COMPLETED))


def _amount(view: View, test: Test) -> Truth:
    return _truth(view, lambda amount: within(test, amount), turnover(view, COMPLETED))


def _average(view: View, test: Test) -> Truth:
    def passes(amount: Ints, trades: Ints) -> Bools:
        """Compared without dividing exactly: at least n means that the average rounded down is."""
        number = np.maximum(trades, 1)
        down, up = amount // number, -(-amount // number)
        match test:
            case Bounds(low, high):
                passed = within(Bounds(at_least=low), down) & within(Bounds(at_most=high), up)
            case _:
                passed = within(test, down) & (down == up)
        return passed & (trades > 0)

    return _truth(view, passes, turnover(view, COMPLETED), measured(view, COMPLETED))


def _first(view: View, test: Test) -> Truth:
    low, high = _bounds(test)
    spans = measured(view, COMPLETED)
    early, soon = chosen(spans, spans.start < low), chosen(spans, spans.start <= high)
    return _truth(view, lambda early, soon: (early == 0) & (soon > 0), early, soon)


def _last(view: View, test: Test) -> Truth:
    low, high = _bounds(test)
    spans = measured(view, COMPLETED)
    late, recent = chosen(spans, spans.start > high), chosen(spans, spans.start >= low)
    return _truth(view, lambda late, recent: (late == 0) & (recent > 0), late, recent)


def _bounds(test: Test) -> tuple[int, int]:
    """The bounds of moments; a trade counts from its own moment, which is where its span starts."""
    low, high = (test.at_least, test.at_most) if isinstance(test, Bounds) else (None, None)
    return -(2**62) if low is None else low, 2**62 if high is None else high


FIGURES: dict[str, Callable[[View, Test], Truth]] = {
    "trades": _trades,
    "amount": _amount,
    "average_order_value": _average,
    "first_trade_at": _first,
    "last_trade_at": _last,
}
