"""What shows a customer at the screen, and that they bought; by the moment, so that no order of arrival matters."""

from collections import Counter
from collections.abc import Sequence

from huitou_chassis import Shop, Tx
from huitou_events import CustomerFact, Event
from notify_svc.send_time import HALF_LIFE, HOUR, Rhythm, rhythm

PURCHASES = frozenset({"trade.paid", "trade.completed"})
MOST = 500
"""The latest signals of a customer that are looked at."""
MEMORY = 4 * HALF_LIFE
"""How far back a shop's hours are looked at; what is older weighs less than a sixteenth."""


async def record(events: Sequence[Event[CustomerFact]], tx: Tx) -> None:
    """Counts the events' moments, for their customers and for their shops."""
    seen: Counter[tuple[str, str, int]] = Counter()
    bought: set[tuple[str, str, int]] = set()
    for event in events:
        key = (event.shop, event.data.customer_id, event.us)
        seen[key] += 1
        if event.type in PURCHASES:
            bought.add(key)
    keys = sorted(seen)
    await tx.execute(
        """
        INSERT INTO signal (shop_id, customer_id, at_us, number, bought)
        SELECT seen.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::bool[])
            AS seen (shop_id, customer_id, at_us, number, bought)
        LEFT JOIN customer USING (shop_id, customer_id)
        WHERE customer.erased_us IS NULL OR seen.at_us > customer.erased_us
        ON CONFLICT (shop_id, customer_id, at_us) DO UPDATE
            SET number = signal.number + EXCLUDED.number, bought = signal.bought OR EXCLUDED.bought
        """,
        [shop for shop, _, _ in keys],
        [customer for _, customer, _ in keys],
        [at for _, _, at in keys],
        [seen[key] for key in keys],
        [key in bought for key in keys],
    )
    tx.do_last(count_hours, seen)


async def count_hours(tx: Tx, counts: Sequence[Counter[tuple[str, str, int]]]) -> None:
    """A shop's totals by the hour. They name nobody, and stay when a customer is erased."""
    hours: Counter[tuple[str, int]] = Counter()
    for seen in counts:
        for (shop, _, at), number in seen.items():
            hours[shop, at // HOUR] += number
    # Lanes count hours of the same shops: in one order, or they would lock each other out.
    keys = sorted(hours)
    await tx.execute(
        """
        INSERT INTO shop_hour (shop_id, hour, number)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
        ON CONFLICT (shop_id, hour) DO UPDATE SET number = shop_hour.number + EXCLUDED.number
        """,
        [shop for shop, _ in keys],
        [hour for _, hour in keys],
        [hours[key] for key in keys],
    )


async def load(tx: Tx, customers: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """The latest signals (moment, number) of each customer up to now."""
    rows = await tx.fetch(
        """
        SELECT shop_id, customer_id, recent.at_us, recent.number
        FROM unnest($1::text[], $2::text[]) AS asked (shop_id, customer_id)
        LEFT JOIN customer USING (shop_id, customer_id)
        CROSS JOIN LATERAL (
            SELECT at_us, number FROM signal
            WHERE signal.shop_id = asked.shop_id AND signal.customer_id = asked.customer_id
                AND at_us <= $3 AND at_us > coalesce(erased_us, -9223372036854775808)
            ORDER BY at_us DESC LIMIT $4
        ) AS recent
        """,
        [shop for shop, _ in customers],
        [customer for _, customer in customers],
        tx.us,
        MOST,
    )
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in rows:
        found.setdefault((row["shop_id"], row["customer_id"]), []).append((row["at_us"], row["number"]))
    return found


async def buyers(tx: Tx, customers: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the customers who have paid or completed a trade by now."""
    rows = await tx.fetch(
        """
        SELECT shop_id, customer_id FROM unnest($1::text[], $2::text[]) AS asked (shop_id, customer_id)
        LEFT JOIN customer USING (shop_id, customer_id)
        WHERE EXISTS (
            SELECT FROM signal
            WHERE signal.shop_id = asked.shop_id AND signal.customer_id = asked.customer_id AND bought
                AND at_us <= $3 AND at_us > coalesce(erased_us, -9223372036854775808)
        )
        """,
        [shop for shop, _ in customers],
        [customer for _, customer in customers],
        tx.us,
    )
    return {(row["shop_id"], row["customer_id"]) for row in rows}


async def shop_rhythm(tx: Tx, shop: Shop) -> Rhythm:
    """When the shop's customers are about, in the shop's zone."""
    rows = await tx.fetch(
        "SELECT hour, number FROM shop_hour WHERE shop_id = $1 AND hour BETWEEN $2 AND $3",
        shop.id,
        (tx.us - MEMORY) // HOUR,
        tx.us // HOUR,
    )
    return rhythm(((row["hour"] * HOUR, row["number"]) for row in rows), shop.timezone, tx.us)
