"""Conditions as SQL over a shop's tables: which customers pass one at a moment, and how long that is sure to last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from segment_svc.nodes import Aged, Bounds, OneOf, Since, Test, Window
from segment_svc.tallies import DEEDS

SINCE_EVER = -(2**62)
EMPTY = "SELECT NULL::bigint AS who, NULL::boolean AS value, NULL::bigint AS next WHERE $1::text IS NULL"


@dataclass
class Question:
    """What a statement is about: a shop at a moment (microseconds) by a zone's calendar.

    `values` are sent with the statement; $1 is the shop. Entries have the columns of `history`, and `who`.
    """

    shop: str
    at: int
    zone: ZoneInfo
    values: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = [self.shop]

    def put(self, value: object) -> str:
        """The place of one more value."""
        self.values.append(value)
        return f"${len(self.values)}"

    def again(self) -> Question:
        """The same for another statement, with values of its own."""
        return Question(self.shop, self.at, self.zone)

    def elsewhere(self, zone: ZoneInfo) -> Question:
        """The same by the calendar of another zone."""
        return Question(self.shop, self.at, zone)

    def of(self, table: str, columns: str) -> str:
        """Rows `h` of a table about the shop's customers by their ids."""
        return (
            f"SELECT {columns} FROM {table} AS h JOIN customer AS c USING (shop_id, customer_id)"
            " WHERE h.shop_id = $1 AND c.shop_id = $1"
        )

    def told(self, types: Collection[str], columns: str, *, after: int = SINCE_EVER) -> str:
        """Entries of these types from after a moment until now."""
        return f"{self.of('history', columns)} AND {self._happened(types, after)}"

    def once(self, types: Collection[str], columns: str, same: Sequence[str], *, after: int = SINCE_EVER) -> str:
        """Entries that stand: of those of these types in which the columns `same` are the same, the earliest.

        Of what `deed` holds each stands among those of its type.
        """
        deeds = DEEDS.issuperset(types)
        rows = self._deeds(types, columns, after) if deeds else self.told(types, columns, after=after)
        if deeds and (len(types) == 1 or "type" in same):
            return rows
        table, whose = ("deed", "who") if deeds else ("history", "customer_id")
        alike = "".join(f" AND p.{column} = h.{column}" for column in (whose, *same))
        return f"""
            {rows} AND NOT EXISTS (
                SELECT FROM {table} AS p WHERE p.shop_id = $1{alike} AND p.type = ANY({self.put(sorted(types))}::text[])
                    AND p.at <= h.at AND (p.at, p.source, p.event_id) < (h.at, h.source, h.event_id)
            )
        """

    def _deeds(self, types: Collection[str], columns: str, after: int) -> str:
        lines = columns.replace("h.lines", "nullif(h.lines, '[]') AS lines")
        return f"SELECT {lines} FROM deed AS h WHERE h.shop_id = $1 AND {self._happened(types, after)}"

    def _happened(self, types: Collection[str], after: int) -> str:
        since = "" if after == SINCE_EVER else f" AND h.at > {after}"
        return f"h.type = ANY({self.put(sorted(types))}::text[]) AND h.at <= {self.at}{since}"


@dataclass(frozen=True)
class Query:
    """`sql` gives (who, value, next): whether the condition holds, and a moment before which that does not
    change if nothing is told, null for never. Of customers it does not give, `otherwise` holds, for good."""

    sql: str
    values: Sequence[Any]
    otherwise: bool


@dataclass(frozen=True)
class Span:
    """The part of a window that lies before the moment: events after `after`; `inside` says in SQL which of them are in
    it already, `turn` when each comes in or goes out."""

    after: int
    inside: str = "true"
    turn: str = "NULL::bigint"


def span(window: Window, at: int) -> Span | None:
    """None if nothing can be in the window."""
    match window:
        case Aged(oldest, newest) if oldest <= newest:
            return None
        case Aged(oldest, 0):
            return Span(at - oldest, turn=f"at + {oldest}")
        case Aged(oldest, newest):
            come = f"at <= {at - newest}"
            return Span(at - oldest, come, f"CASE WHEN {come} THEN at + {oldest} ELSE at + {newest} END")
        case Since(moment):
            return Span(moment - 1)
    return Span(SINCE_EVER)


def passes(test: Test, number: str) -> str:
    """The SQL of a test of numbers."""
    match test:
        case Bounds(low, high):
            parts = [f"{number} >= {low}"] if low is not None else []
            parts += [f"{number} <= {high}"] if high is not None else []
            return f"({' AND '.join(parts)})" if parts else "true"
        case OneOf(values):
            return f"{number} IN ({', '.join(map(str, sorted(values)))})"
    raise TypeError(f"no test of numbers: {test}")
