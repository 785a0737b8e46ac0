"""Conditions on events as SQL: which events stand, what refunds leave of them, which of their lines count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from segment_svc.calendar import DAY, EPOCH_DAY, offsets
from segment_svc.line_queries import LINES, LOST, REFUNDS, replacing
from segment_svc.nodes import REFUND, TRADES, Occurred
from segment_svc.queries import EMPTY, SINCE_EVER, Query, Question, passes, span
from segment_svc.steps import within

EVENT = "who, h.trade_id, h.at, h.source, h.event_id, h.amount, h.lines"
OF_A_VIEW = {"dwell_seconds": ", dwell_seconds", "visits": ", visit_id"}
"""Columns that these measures need besides, of views of pages."""
BACK = """
    SELECT who, trade_id, sum(amount) AS back, array_agg(amount) FILTER (WHERE lines IS NULL) AS spreads
    FROM d GROUP BY who, trade_id
"""
"""For each trade what went back of it until now; `spreads` are the refunds that do not name items."""
FIRST_YEAR = 1900
"""Days of earlier events are told by the offset of this year's beginning."""


def occurred(question: Question, condition: Occurred) -> Query:
    """Whether what the condition measures lies within its bounds."""
    otherwise = bool(within(condition.bounds, np.zeros(1, np.int64))[0])
    found = span(condition.window, question.at)
    if found is None:
        return Query(EMPTY, question.values, otherwise)
    filtered = condition.items is not None or condition.categories is not None
    if filtered or condition.unless_later is not None:
        parts, rows = _by_lines(question, condition, found.after, filtered=filtered)
    else:
        parts, rows = _whole(question, condition, found.after)
    measure = _measure(question, condition.measure)
    value = passes(condition.bounds, f"coalesce({measure} FILTER (WHERE {found.inside}), 0)")
    sql = f"""
        WITH {named(parts)}
        SELECT who, {value} AS value, min({found.turn}) AS next FROM ({rows}) AS part GROUP BY who
    """
    return Query(sql, question.values, otherwise)


def events(
    question: Question, types: frozenset[str], after: int = SINCE_EVER, *, kept: bool = True, more: str = ""
) -> dict[str, str]:
    """The parts of a statement, of which `e` gives the events of these types, of several of one trade the earliest.

    `back` is what went back of a trade, null if nothing did; those of which all did are only there if not `kept`.
    Trades and refunds do not have the columns in `more`.
    """
    parts, rows = {}, []
    plain, trades = types - set(TRADES) - {REFUND}, types & set(TRADES)
    if plain:
        rows.append(question.told(plain, f"{EVENT}{more}, NULL::numeric AS back", after=after))
    if REFUND in types:
        rows.append(question.once({REFUND}, f"{EVENT}, NULL::numeric AS back", REFUNDS, after=after))
    if trades:
        parts["d"] = question.once({REFUND}, EVENT, REFUNDS)
        parts["b"] = BACK
        left = " WHERE b.back IS NULL OR b.back < t.amount" if kept else ""
        rows.append(f"""
            SELECT t.*, b.back FROM ({question.once(trades, EVENT, ["trade_id"], after=after)}) AS t
            LEFT JOIN b USING (who, trade_id){left}
        """)
    return parts | {"e": " UNION ALL ".join(rows)}


def named(parts: Mapping[str, str]) -> str:
    """The parts of a statement by their names."""
    return ", ".join(f"{name} AS ({body})" for name, body in parts.items())


def _whole(question: Question, condition: Occurred, after: int) -> tuple[dict[str, str], str]:
    """Parts and rows where all lines of an event count, and it also counts without any."""
    more = OF_A_VIEW.get(condition.measure, "")
    parts = events(question, condition.events, after, more=more)
    match condition.measure:
        case "items" | "quantity":
            return parts, f"SELECT who, at, {LINES} FROM e {_lines('LEFT')}"
        case "amount":
            return parts, "SELECT who, at, amount - coalesce(back, 0) AS worth FROM e"
    return parts, f"SELECT who, at{more} FROM e"


def _by_lines(question: Question, condition: Occurred, after: int, *, filtered: bool) -> tuple[dict[str, str], str]:
    """Parts and rows where only some lines count; an event without lines does where none is asked for by name."""
    more = OF_A_VIEW.get(condition.measure, "")
    parts = events(question, condition.events, after, more=more)
    wanted = ["true"]
    for names, column in ((condition.items, 0), (condition.categories, 1)):
        if names is not None:
            wanted.append(f"line ->> {column} = ANY({question.put(sorted(names))}::text[])")
    if condition.unless_later is not None:
        parts |= replacing(question, condition.unless_later, after)
        wanted.append("""NOT EXISTS (
            SELECT FROM r WHERE r.who = e.who AND r.item = line ->> 0 AND r.at >= e.at
                AND (r.at, r.source, r.event_id) <> (e.at, e.source, e.event_id)
        )""")
    parts["l"] = f"SELECT e.*, place, {LINES} FROM e {_lines('INNER')} WHERE {' AND '.join(wanted)}"
    if condition.measure in ("items", "quantity"):
        return parts, "SELECT * FROM l"
    if condition.measure != "amount":
        rows = f"SELECT DISTINCT who, at, source, event_id{more} FROM l"
        bare = f"SELECT who, at, source, event_id{more} FROM e WHERE lines IS NULL"
        return parts, rows if filtered else f"{rows} UNION ALL {bare}"
    loss, worth = "", "line_amount"
    if condition.events & set(TRADES):
        parts |= LOST
        loss = """LEFT JOIN o ON l.back IS NOT NULL
            AND (o.who, o.trade_id, o.place) = (l.who, l.trade_id, l.place)"""
        worth = "line_amount - coalesce(o.loss, 0)"
    if filtered:
        return parts, f"SELECT l.who, l.at, {worth} AS worth FROM l {loss}"
    # While no line is left out the event's own amount stands instead of the sum of its lines.
    return (
        parts,
        f"""
        SELECT l.who, l.at, CASE WHEN count(*) = json_array_length(min(l.lines)::json)
            THEN min(l.amount) - coalesce(min(l.back), 0) ELSE sum({worth}) END AS worth
        FROM l {loss} GROUP BY l.who, l.at, l.source, l.event_id
        UNION ALL SELECT who, at, amount - coalesce(back, 0) FROM e WHERE lines IS NULL
    """,
    )


def _lines(join: str) -> str:
    return f"{join} JOIN LATERAL json_array_elements(e.lines::json) WITH ORDINALITY AS x (line, place) ON true"


def _measure(question: Question, measure: str) -> str:
    match measure:
        case "count":
            return "count(*)"
        case "days":
            return f"count(DISTINCT {_day(question)})"
        case "items":
            return "count(DISTINCT item)"
        case "quantity":
            return "sum(quantity)"
        case "dwell_seconds":
            return "sum(dwell_seconds)"
        case "visits":
            return "count(DISTINCT visit_id)"
    return "sum(worth)"


def _day(question: Question) -> str:
    """When the day of `at` began on the clock of the zone, told by the service's own calendar as elsewhere."""
    last = date.fromordinal(question.at // DAY + EPOCH_DAY).year + 2
    table = offsets(question.zone, FIRST_YEAR, last)
    since = question.put([moment for moment, _ in table])
    offset = question.put([offset for _, offset in table])
    local = f"(at + ({offset}::bigint[])[greatest(width_bucket(at, {since}::bigint[]), 1)])"
    return f"({local} - mod(mod({local}, {DAY}) + {DAY}, {DAY}))"
