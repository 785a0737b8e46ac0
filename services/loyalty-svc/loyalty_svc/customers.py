"""The customers' rows: locked in one order by whoever judges them, and written back in one statement."""

from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any

from huitou_chassis import Tx, telemetry
from loyalty_svc.models import Customer, Who
from loyalty_svc.standing import Standing

COLUMNS = (
    "erased_us, walked_us, due_us, said_us, joined_us, tier, amount, trades, paid_amount, paid_trades, history::text"
)


async def lock(tx: Tx, customers: Iterable[Who]) -> dict[Who, Customer]:
    """Locks the rows of these customers until the transaction ends, making those that are missing."""
    # Sorted, so that two transactions that meet in several customers wait for each other in one direction only.
    sought = sorted(customers)
    keys = [shop for shop, _ in sought], [customer for _, customer in sought]
    await tx.execute(
        """
        INSERT INTO customer (shop_id, customer_id)
        SELECT shop_id, customer_id
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (shop_id, customer_id, place)
        ORDER BY place ON CONFLICT DO NOTHING
        """,
        *keys,
    )
    rows = await tx.fetch(
        f"""
        SELECT wanted.shop_id, wanted.customer_id, found.*
        FROM unnest($1::text[], $2::text[]) AS wanted (shop_id, customer_id)
        CROSS JOIN LATERAL (
            SELECT {COLUMNS} FROM customer
            WHERE customer.shop_id = wanted.shop_id AND customer.customer_id = wanted.customer_id
            FOR UPDATE
        ) AS found
        """,
        *keys,
    )
    return {customer.who: customer for customer in starmap(_customer, rows)}


async def save(tx: Tx, customers: Sequence[Customer]) -> None:
    """Writes the rows, which are locked, as they are now."""
    rows = [
        (
            *customer.who,
            customer.erased_us,
            customer.walked_us,
            customer.due_us,
            customer.said_us,
            customer.standing.joined_us,
            customer.standing.tier,
            customer.standing.amount,
            customer.standing.trades,
            customer.standing.paid_amount,
            customer.standing.paid_trades,
            customer.history,
        )
        for customer in customers
    ]
    if not rows:
        return
    await tx.execute(
        """
        INSERT INTO customer (shop_id, customer_id, erased_us, walked_us, due_us, said_us, joined_us, tier,
            amount, trades, paid_amount, paid_trades, history)
        SELECT shop_id, customer_id, erased_us, walked_us, due_us, said_us, joined_us, tier,
            amount, trades, paid_amount, paid_trades, history::jsonb
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::text[], $9::numeric[], $10::int[], $11::numeric[], $12::int[], $13::text[]) AS judged (shop_id,
            customer_id, erased_us, walked_us, due_us, said_us, joined_us, tier, amount, trades, paid_amount,
            paid_trades, history)
        ON CONFLICT (shop_id, customer_id) DO UPDATE SET
            erased_us = EXCLUDED.erased_us, walked_us = EXCLUDED.walked_us, due_us = EXCLUDED.due_us,
            said_us = EXCLUDED.said_us, joined_us = EXCLUDED.joined_us, tier = EXCLUDED.tier,
            amount = EXCLUDED.amount, trades = EXCLUDED.trades, paid_amount = EXCLUDED.paid_amount,
            paid_trades = EXCLUDED.paid_trades, history = EXCLUDED.history
        """,
        *map(list, zip(*rows, strict=True)),
    )


async def due(tx: Tx, *, limit: int) -> list[Who]:
    """Customers for whom something counts by now that did not yet, the earliest moment first."""
    rows = await tx.fetch(
        """
        SELECT shop_id, customer_id, due_us FROM customer
        WHERE due_us <= $1 ORDER BY due_us, shop_id, customer_id LIMIT $2
        """,
        tx.us,
        limit,
    )
    if rows:
        telemetry.note_late("due", tx.us - rows[0]["due_us"])
    return [(row["shop_id"], row["customer_id"]) for row in rows]


async def still(tx: Tx, shop: str, *, after: str = "", only: str | None = None, limit: int) -> list[Customer]:
    """The next rows of a shop in the order of the customers' ids, held still until the transaction ends."""
    rows = await tx.fetch(
        f"""
        SELECT shop_id, customer_id, {COLUMNS} FROM customer
        WHERE shop_id = $1 AND customer_id > $2 AND ($3::text IS NULL OR customer_id = $3)
        ORDER BY customer_id LIMIT $4 FOR SHARE
        """,
        shop,
        after,
        only,
        limit,
    )
    return list(starmap(_customer, rows))


def _customer(
    shop: str,
    customer: str,
    erased_us: int | None,
    walked_us: int | None,
    due_us: int | None,
    said_us: int | None,
    *stored: Any,
) -> Customer:
    joined_us, tier, amount, trades, paid_amount, paid_trades, history = stored
    stands = Standing(joined_us, tier, int(amount), trades, int(paid_amount), paid_trades)
    return Customer((shop, customer), erased_us, walked_us, due_us, said_us, stands, history)
