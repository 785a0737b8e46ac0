"""act, visit, deed -> day_sheet; trait -> people_sheet: a year of a shop, packed so that it is read at once.

What is stale, or not over, is packed by who reads it; what is over is kept by a job (keeping.py). Who changes what a
sheet is made of marks it stale in the same transaction.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from huitou_chassis import Tx
from segment_svc.calendar import DAY, SLOT
from segment_svc.deals import DEALS, make_room
from segment_svc.people import Ints
from segment_svc.periods import Period

Place: TypeAlias = tuple[str | None, str | None, str | None]
MOST_SECONDS = 10
SLOTS = DAY // SLOT
HOUR = 4 * SLOT
BLOCK = 4096
"""So many numbers of customers share a sheet."""
UNBOUND = 2**31 - 1
MOST_MONEY = 2**62
LEVELS, DWELLED, VIEWED, ACTED = 3, 0, 1, 2
"""Acts by how much they tell: a page view with its time, without it, something else. Each is also the later ones."""
KINDS, PAID, COMPLETED, UNDONE = 3, 0, 1, 2
"""Deals: a payment that stands, a completion that stands, and one that is fully refunded."""
LOOK = np.dtype([("slot", ">i8"), *((name, ">i8") for name in ("views", "dwell_seconds", "visits", "bounces"))])


@dataclass(frozen=True)
class Acts:
    """Who did something in a quarter of an hour, in the order of `mark`: level * SLOTS + the slot from then on."""

    who: Ints
    mark: Ints


@dataclass(frozen=True)
class Deals:
    """Who paid or completed, in the order of `mark`: kind * SLOTS + the slot from then on."""

    who: Ints
    mark: Ints
    amount: Ints


@dataclass(frozen=True)
class Span:
    """What happened from `at` on for a day or an hour; `looks` are sums over quarters of an hour, in their order."""

    at: int
    acts: Acts
    deals: Deals
    looks: NDArray[Any]


@dataclass(frozen=True)
class People:
    """Customers in the order of `who`; a `place` is one of `places`.

    `joined` and `left` are quarters of an hour since 1970, `born` days, or UNBOUND.
    """

    places: Sequence[Place]
    who: Ints
    joined: Ints
    left: Ints
    born: Ints
    place: Ints
    kind: Ints


def columns(packed: bytes, *widths: int) -> list[Ints]:
    """Columns of whole numbers of so many bytes each, one column after the other."""
    rows, at = len(packed) // sum(widths), 0
    found: list[Any] = []
    for width in widths:
        column = np.frombuffer(packed, f">i{width}", rows, at)
        # Those of 8 bytes are most of it, and are not copied.
        found.append(column if width > 4 else column.astype(np.int32))
        at += rows * width
    return found


def mark(touched: str, today: str) -> str:
    """SQL that marks the days of these (shop_id, at), or the hours from today on, whose beginning is given."""
    return f"""
        INSERT INTO stale_day (shop_id, at_us, length_us)
        SELECT DISTINCT shop_id, at - mod(mod(at, length) + length, length), length
        FROM (SELECT shop_id, at, CASE WHEN at >= {today} THEN {HOUR} ELSE {DAY} END AS length FROM {touched}) AS one
    """


def of_people(who: str) -> str:
    """SQL of the sheet of a customer's number, by the first number in it."""
    return f"({who}) - mod({who}, {BLOCK})"


async def spans(tx: Tx, shop: str, period: Period) -> list[Span]:
    """The days on which the period lies, or their hours, without those of which nothing is known."""
    found = await standing(tx, shop, period, ("acts", "deals", "looks"), DAY_SHEET)
    return [
        Span(at, Acts(*columns(acts, 8, 2)), Deals(*columns(deals, 8, 2, 8)), np.frombuffer(looks, LOOK))
        for at, (acts, deals, looks) in found
    ]


async def standing(
    tx: Tx, shop: str, period: Period, names: Sequence[str], statement: str
) -> list[tuple[int, Sequence[Any]]]:
    """These columns of the days and hours on which the period lies, each with its beginning.

    What is stale is packed by the statement. TimeoutError if that is so much that it takes too long, as when years have
    just been told.
    """
    began = time.monotonic()
    await make_room(tx)
    rows = await tx.fetch(
        f"""
        SELECT at_us, length_us, coalesce(until_us <= $4, false) OR {names[0]} IS NULL AS stale, {", ".join(names)}
        FROM day_sheet WHERE shop_id = $1 AND at_us >= $2 AND at_us < $3
        UNION ALL
        SELECT at_us, length_us, true, {", ".join("NULL" for _ in names)}
        FROM stale_day WHERE shop_id = $1 AND at_us >= $2 AND at_us < $3 GROUP BY at_us, length_us
        """,
        shop,
        period.bounds[0] - period.bounds[0] % DAY,
        period.until,
        tx.us,
    )
    found = []
    for at, length, sheet in _standing(rows):
        if sheet is None:
            if time.monotonic() - began > MOST_SECONDS:
                raise TimeoutError("too much is stale")
            row = await tx.fetchrow(statement, shop, at, at + length, tx.us)
            assert row is not None
            sheet = [row[name] for name in names]
        found.append((at, sheet))
    return found


def _standing(rows: Sequence[Any]) -> Iterator[tuple[int, int, Sequence[Any] | None]]:
    """Each day or hour with what its sheet says, or None where it is to be packed now.

    A day is one span if there is a sheet or mark of all of it.
    """
    for day, of_day in groupby(sorted(rows, key=itemgetter(0)), lambda row: row[0] // DAY * DAY):
        there = list(of_day)
        whole = [row for row in there if row[1] == DAY]
        if whole:
            stale = any(row[2] for row in there)
            yield day, DAY, None if stale else whole[0][3:]
            continue
        marked = {row[0] for row in there if row[2]}
        yield from ((at, HOUR, None) for at in sorted(marked))
        yield from ((row[0], HOUR, row[3:]) for row in there if row[0] not in marked)


async def people(tx: Tx, shop: str) -> list[People]:
    """Every customer of whom something is known that figures are split by."""
    rows = await tx.fetch(
        """
        SELECT first_who, marked IS NOT NULL, CASE WHEN marked IS NULL THEN people END, places
        FROM (SELECT * FROM people_sheet WHERE shop_id = $1) AS s
        FULL JOIN (
            SELECT first_who, true AS marked FROM stale_people WHERE shop_id = $1 GROUP BY first_who
        ) AS m USING (first_who)
        ORDER BY first_who
        """,
        shop,
    )
    found = []
    for first, stale, *packed in rows:
        if stale:
            row = await tx.fetchrow(PEOPLE_SHEET, shop, first, first + BLOCK)
            assert row is not None
            packed = list(row)
        places = [tuple(place) for place in orjson.loads(packed[1])]
        found.append(People(places, *columns(packed[0], 8, 4, 4, 4, 2, 2)))
    return found


def packed(rows: str, *columns: str) -> str:
    """SQL of the columns of these rows, one column after the other, each by the function that sends it."""
    together = " || ".join(f"coalesce(string_agg({column}, ''), '')" for column in columns)
    return f"(SELECT {together} FROM {rows} AS one)"


MARK = "int2send(mark::int2)"
MONEY = f"int8send(greatest(least(amount, {MOST_MONEY}), -{MOST_MONEY})::bigint)"
SOUL = (
    "int8send(who)",
    f"int4send(coalesce(joined_us / {SLOT}, {UNBOUND})::int4)",
    f"int4send(coalesce(left_us / {SLOT}, {UNBOUND})::int4)",
    f"int4send(coalesce(birthday - date '1970-01-01', {UNBOUND}))",
    "int2send(place::int2)",
    "int2send((CASE gender WHEN 'female' THEN 0 WHEN 'male' THEN 2 ELSE 4 END + fan::int)::int2)",
)
"""Columns of `People`; `kind` is twice the gender's place in GENDERS, and one more for a fan."""
DAY_SHEET = f"""
    {DEALS}, seen AS MATERIALIZED (
        SELECT (slot_us - $2) / {SLOT} AS slot, who, views, dwell_seconds,
            CASE WHEN dwells > 0 THEN {DWELLED} WHEN views > 0 THEN {VIEWED} ELSE {ACTED} END * {SLOTS}
                + (slot_us - $2) / {SLOT} AS mark
        FROM act WHERE shop_id = $1 AND slot_us >= $2 AND slot_us < $3
    ), step AS MATERIALIZED (
        SELECT who, {PAID * SLOTS} + (paid_at - $2) / {SLOT} AS mark, paid_amount - refunded AS amount
        FROM deal WHERE paid_at >= $2 AND paid_at < $3 AND NOT (refunds > 0 AND refunded >= paid_amount)
        UNION ALL
        SELECT who, CASE WHEN undone THEN {UNDONE * SLOTS} ELSE {COMPLETED * SLOTS} END + (completed_at - $2) / {SLOT},
            completed_amount - refunded
        FROM deal WHERE completed_at >= $2 AND completed_at < $3
    ), look AS MATERIALIZED (
        SELECT slot, sum(views)::bigint AS views,
            least(sum(dwell_seconds), {MOST_MONEY})::bigint AS dwell, sum(visits) AS visits, sum(bounces) AS bounces
        FROM (
            SELECT slot, views, dwell_seconds, 0 AS visits, 0 AS bounces FROM seen
            UNION ALL
            SELECT (begun_us - $2) / {SLOT}, 0, 0, 1, CASE WHEN pages = 1 THEN 1 ELSE 0 END
            FROM visit WHERE shop_id = $1 AND begun_us >= $2 AND begun_us < $3 AND begun_us <= $4
        ) AS one GROUP BY slot
    )
    SELECT {packed("(SELECT * FROM seen ORDER BY mark)", "int8send(who)", MARK)} AS acts,
        {packed("(SELECT * FROM step ORDER BY mark)", "int8send(who)", MARK, MONEY)} AS deals,
        (SELECT coalesce(string_agg(int8send(slot) || int8send(views) || int8send(dwell) || int8send(visits)
            || int8send(bounces), ''), '') FROM (SELECT * FROM look ORDER BY slot) AS look) AS looks,
        (SELECT min(at) FROM deed WHERE shop_id = $1 AND at > $4
            AND type IN ('trade.paid', 'trade.completed', 'trade.closed', 'trade.refunded')
            AND (who, trade_id) IN (SELECT who, trade_id FROM near)) AS until_us
"""
"""What happened in shop $1 from $2 until $3 with what is known at $4."""
PEOPLE_SHEET = f"""
    WITH soul AS MATERIALIZED (
        SELECT who, joined_us, left_us, birthday, gender, fan, country, province, city,
            dense_rank() OVER (ORDER BY country, province, city) - 1 AS place
        FROM trait WHERE shop_id = $1 AND who >= $2 AND who < $3
    )
    SELECT {packed("(SELECT * FROM soul ORDER BY who)", *SOUL)} AS people,
        (SELECT coalesce(json_agg(json_build_array(country, province, city) ORDER BY place), '[]')::text
            FROM (SELECT DISTINCT place, country, province, city FROM soul) AS one) AS places
"""
"""Customers of shop $1 from number $2 until $3."""
