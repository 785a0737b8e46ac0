"""customers that changed -> their rows in the customer table, within a second or so

The table follows the facts instead of being written with them: its many indexes stay out of the way of events, and
who changes many times a second is worked out once, by the worker that has them in mind.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from huitou_chassis import Context, Tx
from segment_svc import histories
from segment_svc.customer_figures import NOTHING, Figures, figures
from segment_svc.customers import KEYS, Key, columns
from segment_svc.people import UNKNOWN

LOCK = 0x63757374
MOST_CHANGES = 20
LEFT_SECONDS = 2
"""What a worker has noted and not worked out for so long is left to any: it may be gone, or busy."""
CHUNK = 2000
COLUMNS = (*Figures._fields, "first_seen_us")
UNKNOWNS = {"last_paid_amount": NOTHING, "last_paid_us": UNKNOWN}
"""Columns that may be unknown, and their value then: the least there is, so that these come first, or last."""
IN_AUDIENCE = """EXISTS (
    SELECT FROM member AS m
    WHERE m.shop_id = r.shop_id AND m.audience_id = {} AND m.customer_id = r.customer_id
)"""
WITH_TAG = """EXISTS (
    SELECT FROM tag AS t WHERE t.shop_id = r.shop_id AND t.tag = {} AND t.customer_id = r.customer_id
)"""


@dataclass(frozen=True)
class Row:
    """A customer as the table has them; `first_seen` in microseconds."""

    customer: str
    figures: Figures
    first_seen: int


@dataclass(frozen=True)
class Filter:
    """Which customers are asked for; `bounds` are the least and the most of a column, both inclusive.

    Of a tag that a rule keeps its audience is asked for.
    """

    country: str | None = None
    fan: bool | None = None
    audiences: Sequence[str] = ()
    tag: str | None = None
    bounds: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)


async def changed(tx: Tx, keys: Collection[Key], by: str = "") -> None:
    """Has the rows of these customers worked out anew, by this worker if it can, or by any."""
    if keys:
        await tx.execute(
            f"""
            INSERT INTO customer_change (shop_id, customers, noted_by)
            SELECT shop_id, array_agg(customer_id), $3
            FROM unnest({KEYS}) AS k (shop_id, customer_id)
            GROUP BY shop_id
            """,
            *columns(list(keys)),
            by,
        )


async def advance(ctx: Context) -> bool:
    """The next customers that changed; True if there may be more."""
    async with ctx.db.transaction() as tx:
        # What one run writes must not be older than what another wrote.
        if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
            return False
        rows = await tx.fetch(
            """
            DELETE FROM customer_change WHERE number IN (
                SELECT number FROM customer_change
                WHERE noted_by IN ('', $2) OR noted_at < clock_timestamp() - make_interval(secs => $3)
                ORDER BY number LIMIT $1
            )
            RETURNING shop_id, customers
            """,
            MOST_CHANGES,
            ctx.settings.instance,
            LEFT_SECONDS,
        )
        keys = sorted({(shop, id) for shop, ids in rows for id in ids})
        for start in range(0, len(keys), CHUNK):
            await _work_out(tx, keys[start : start + CHUNK])
    return len(rows) == MOST_CHANGES


async def _work_out(tx: Tx, keys: Sequence[Key]) -> None:
    people = await histories.view(tx, keys)
    now = tx.clock.us()
    at = np.array([max(now, customer.evaluated or now) for customer in people], np.int64)
    found = figures([customer.person for customer in people], at)
    rows = [
        (*customer.key, *row, customer.born)
        for customer, row, moment in zip(people, found, at.tolist(), strict=True)
        if customer.exists(moment)
    ]
    there = {row[:2] for row in rows}
    await erase(tx, [key for key in keys if key not in there])
    if rows:
        await _write(tx, rows)


async def _write(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows that are as they were are not touched: each touch would go through every index."""
    names = ", ".join(COLUMNS)
    new = ", ".join(f"EXCLUDED.{name}" for name in COLUMNS)
    old = ", ".join(f"r.{name}" for name in COLUMNS)
    await tx.execute(
        f"""
        INSERT INTO customer_row AS r (shop_id, customer_id, {names})
        SELECT * FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[]
        )
        ON CONFLICT (shop_id, customer_id) DO UPDATE SET ({names}) = ROW({new})
        WHERE ({old}) IS DISTINCT FROM ({new})
        """,
        *map(list, zip(*rows, strict=True)),
    )


async def erase(tx: Tx, keys: Sequence[Key]) -> None:
    """No rows of these customers any more."""
    if keys:
        await tx.execute(
            f"""
            DELETE FROM customer_row AS r USING unnest({KEYS}) AS k (shop_id, customer_id)
            WHERE r.shop_id = k.shop_id AND r.customer_id = k.customer_id
            """,
            *columns(keys),
        )


async def listed(
    tx: Tx, shop: str, asked: Filter, *, by: str, falling: bool, after: tuple[Any, str] | None, limit: int
) -> list[Row]:
    """Customers in the order of a column and then of their ids, from the one after (value, id)."""
    values: list[Any] = [shop]

    def place(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    conditions = ["r.shop_id = $1", *_conditions(asked, place)]
    order, way = (">", "ASC") if not falling else ("<", "DESC")
    if after is not None:
        conditions.append(f"(r.{by}, r.customer_id) {order} ({place(after[0])}, {place(after[1])})")
    rows = await tx.fetch(
        f"""
        SELECT r.customer_id, {", ".join(f"r.{name}" for name in COLUMNS)} FROM customer_row AS r
        WHERE {" AND ".join(conditions)} ORDER BY r.{by} {way}, r.customer_id {way} LIMIT {limit}
        """,
        *values,
    )
    return [_row(row) for row in rows]


def _conditions(asked: Filter, place: Callable[[Any], str]) -> list[str]:
    found = [IN_AUDIENCE.format(place(audience)) for audience in asked.audiences]
    if asked.tag is not None:
        found.append(WITH_TAG.format(place(asked.tag)))
    if asked.country is not None:
        found.append(f"r.country = {place(asked.country)}")
    if asked.fan is not None:
        found.append(f"r.fan = {place(asked.fan)}")
    for name, (least, most) in asked.bounds.items():
        if least is not None:
            found.append(f"r.{name} >= {place(least)}")
        if most is not None:
            found.append(f"r.{name} <= {place(most)}")
            if name in UNKNOWNS:
                found.append(f"r.{name} > {place(UNKNOWNS[name])}")
    return found


def _row(row: Any) -> Row:
    return Row(row[0], Figures._make(row[1:-1]), row[-1])
