"""What happened to customers, as it is kept: everything that was said, each event once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from huitou_chassis import Tx
from huitou_events import (
    CustomerErased,
    CustomerUpdated,
    Event,
    TradeClosed,
    TradeCompleted,
    TradePaid,
    TradeRefunded,
)
from loyalty_svc import standing
from loyalty_svc.models import Who
from loyalty_svc.standing import Fact

KINDS: dict[type, int] = {
    TradePaid: standing.PAID,
    TradeCompleted: standing.COMPLETED,
    TradeClosed: standing.CLOSED,
}
COLUMNS = ("kind", "us", "source", "event_id", "trade_id", "amount", "refund_id", "tier", "who", "reason")
HEARD = 7
"""How many of the columns an event fills."""


def of(event: Event[Any]) -> Fact | None:
    """The fact that an event tells, None if it has nothing to say about a membership."""
    data = event.data
    if isinstance(data, TradeRefunded):
        return Fact(
            standing.REFUNDED, event.us, event.source, event.id, data.trade_id, data.amount, refund_id=data.refund_id
        )
    if isinstance(data, CustomerErased):
        return Fact(standing.ERASED, event.us, event.source, event.id)
    if isinstance(data, CustomerUpdated):
        registered = data.registered_at is not None
        return Fact(standing.REGISTERED, event.us, event.source, event.id) if registered else None
    return Fact(KINDS[type(data)], event.us, event.source, event.id, data.trade_id, data.amount)


async def add(tx: Tx, news: Mapping[Who, Sequence[Fact]]) -> None:
    """Keeps the facts; the customers' rows are locked by the caller."""
    heard = [(*who, *fact[:HEARD]) for who, facts in news.items() for fact in facts if fact.who is None]
    if heard:
        await tx.execute(
            f"""
            INSERT INTO fact (shop_id, customer_id, {", ".join(COLUMNS[:HEARD])})
            SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::text[], $6::text[],
                $7::text[], $8::bigint[], $9::text[])
            ON CONFLICT DO NOTHING
            """,
            *_columns(heard, HEARD + 2),
        )
    # Only what was done by hand fills the other columns, which cost as much to send when they are empty.
    by_hand = [(*who, *fact) for who, facts in news.items() for fact in facts if fact.who is not None]
    if by_hand:
        await tx.executemany(
            f"INSERT INTO fact (shop_id, customer_id, {', '.join(COLUMNS)})"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            by_hand,
        )


async def of_trades(tx: Tx, trades: Iterable[tuple[str, str, str]]) -> dict[Who, list[Fact]]:
    """What is known of these trades (shop, customer, trade), by customer, in no order."""
    # A look-up for each key: OFFSET keeps PostgreSQL from planning a join over the whole table.
    rows = await tx.fetch(
        f"""
        SELECT wanted.shop_id, wanted.customer_id, known.*
        FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (shop_id, customer_id, trade_id)
        CROSS JOIN LATERAL (
            SELECT {", ".join(COLUMNS)} FROM fact
            WHERE fact.shop_id = wanted.shop_id AND fact.customer_id = wanted.customer_id
                AND fact.trade_id = wanted.trade_id
            OFFSET 0
        ) AS known
        """,
        *_columns(trades, 3),
    )
    return _by_customer(rows)


async def of_customers(tx: Tx, customers: Iterable[Who]) -> dict[Who, list[Fact]]:
    """All that is known of these customers, in no order."""
    rows = await tx.fetch(
        f"""
        SELECT wanted.shop_id, wanted.customer_id, known.*
        FROM unnest($1::text[], $2::text[]) AS wanted (shop_id, customer_id)
        CROSS JOIN LATERAL (
            SELECT {", ".join(COLUMNS)} FROM fact
            WHERE fact.shop_id = wanted.shop_id AND fact.customer_id = wanted.customer_id
            OFFSET 0
        ) AS known
        """,
        *_columns(customers, 2),
    )
    return _by_customer(rows)


async def between(tx: Tx, shop: str, *, after: str, until: str | None) -> dict[Who, list[Fact]]:
    """All that is known of the shop's customers with after < id <= until (None: no end)."""
    rows = await tx.fetch(
        f"""
        SELECT shop_id, customer_id, {", ".join(COLUMNS)} FROM fact
        WHERE shop_id = $1 AND customer_id > $2 AND ($3::text IS NULL OR customer_id <= $3)
        """,
        shop,
        after,
        until,
    )
    return _by_customer(rows)


async def forget(tx: Tx, erasures: Mapping[Who, int]) -> None:
    """Deletes what happened up to each customer's erasure."""
    if not erasures:
        return
    await tx.execute(
        """
        DELETE FROM fact USING unnest($1::text[], $2::text[], $3::bigint[]) AS erased (shop_id, customer_id, us)
        WHERE fact.shop_id = erased.shop_id AND fact.customer_id = erased.customer_id AND fact.us <= erased.us
        """,
        *_columns(((*who, us) for who, us in erasures.items()), 3),
    )


def _columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    laid = list(rows)
    return [[row[place] for row in laid] for place in range(width)]


def _by_customer(rows: Iterable[Iterable[Any]]) -> dict[Who, list[Fact]]:
    found: dict[Who, list[Fact]] = {}
    for shop, customer, *fact in rows:
        found.setdefault((shop, customer), []).append(Fact(*fact))
    return found
