"""Conditions on figures of completed trades as SQL: number, amount, average, first and last, and buying again."""

from __future__ import annotations

from segment_svc.calendar import DAY
from segment_svc.event_queries import events, named
from segment_svc.figures import COMPLETED
from segment_svc.nodes import Bounds, Cycles, Known, OneOf, Since, Test
from segment_svc.queries import EMPTY, Query, Question, passes


def figure(question: Question, name: str, test: Test) -> Query:
    """Whether a figure of the completed trades passes a test; some are unknown without one that stands."""
    assert isinstance(COMPLETED.window, Since)
    parts = events(question, COMPLETED.events, COMPLETED.window.moment - 1, kept=False)
    stands = "FILTER (WHERE back IS NULL OR back < amount)"
    sql = f"""
        WITH {named(parts)}
        SELECT who, {_figure(name, test)} AS value, NULL::bigint AS next FROM (
            SELECT who, count(*) {stands} AS trades, sum(amount - coalesce(back, 0)) AS amount,
                min(at) {stands} AS first_trade_at, max(at) {stands} AS last_trade_at
            FROM e GROUP BY who
        ) AS f
    """
    if isinstance(test, Known):
        return Query(sql, question.values, test.value is (name in ("trades", "amount")))
    zero = name in ("trades", "amount") and (
        0 in test.values if isinstance(test, OneOf) else isinstance(test, Bounds) and _holds_zero(test)
    )
    return Query(sql, question.values, zero)


def _holds_zero(bounds: Bounds) -> bool:
    return (bounds.at_least is None or bounds.at_least <= 0) and (bounds.at_most is None or bounds.at_most >= 0)


def _figure(name: str, test: Test) -> str:
    match name, test:
        case "trades" | "amount", Known(wanted):
            return str(wanted).lower()
        case _, Known(wanted):
            return f"(trades > 0) = {str(wanted).lower()}"
        case "average_order_value", Bounds(low, high):
            # Compared without dividing, so that nothing is rounded.
            parts = [f"amount >= {low} * trades"] if low is not None else []
            parts += [f"amount <= {high} * trades"] if high is not None else []
            return " AND ".join(["trades > 0", *parts])
        case "average_order_value", OneOf(values):
            return f"trades > 0 AND ({' OR '.join(f'amount = {one} * trades' for one in sorted(values, key=int))})"
    return f"coalesce({passes(test, name)}, false)"


def due_again(question: Question, cycles: Cycles | None) -> Query:
    """Whether the latest purchase of an item that is often bought again is as long ago as its cycle."""
    if cycles is None or not cycles.days:
        return Query(EMPTY, question.values, otherwise=False)
    parts = events(question, COMPLETED.events)
    rows = sorted((item, lower * DAY, (upper + 1) * DAY) for item, (lower, upper) in cycles.days.items())
    listed = ", ".join(
        f"{question.put(list(column))}::{type}[]"
        for column, type in zip(zip(*rows, strict=True), ("text", "bigint", "bigint"), strict=True)
    )
    sql = f"""
        WITH {named(parts)}
        SELECT who, bool_or(begins <= {question.at} AND {question.at} < ends) AS value,
            min(CASE WHEN begins > {question.at} THEN begins WHEN ends > {question.at} THEN ends END) AS next
        FROM (
            SELECT who, max(at) + begin AS begins, max(at) + beyond AS ends
            FROM e CROSS JOIN LATERAL json_array_elements(e.lines::json) AS line
            JOIN unnest({listed}) AS c (item, begin, beyond) ON c.item = line ->> 0
            GROUP BY who, c.item, begin, beyond
        ) AS p GROUP BY who
    """
    return Query(sql, question.values, otherwise=False)
