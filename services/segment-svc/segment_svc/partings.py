"""customer.erased -> what was counted of the customer stays, and is nobody's any more."""

from collections.abc import Sequence

from huitou_chassis import Tx
from segment_svc import customers, tallies, traits
from segment_svc.calendar import DAY, SLOT
from segment_svc.customers import Customer
from segment_svc.people import Person
from segment_svc.sheets import mark
from segment_svc.tallies import DEEDS


async def part(tx: Tx, erased: Sequence[Customer], before: Sequence[Person]) -> None:
    """Parts the customers from what was counted of them, which stays and is nobody's; what is left of them is theirs.

    Their history holds only what came after their erasure; `before` are the people that they were.
    """
    numbers = [customer.who for customer in erased]
    await tallies.count_of(tx, numbers)
    await _mark(tx, erased, numbers)
    await _renumber(tx, erased)
    late = [(number, one) for number, one in zip(numbers, erased, strict=True) if one.born is not None]
    if late:
        await _hand_over_acts(tx, late)
        await _hand_over_deeds(tx, late)
    await traits.part(tx, numbers, erased, before)
    await _blur(tx, [customer.shop for customer in erased], numbers)


async def _mark(tx: Tx, erased: Sequence[Customer], numbers: Sequence[int]) -> None:
    """The days of what is handed over, and of trades whose moments are blurred or whose refunds are handed over."""
    await tx.execute(
        mark(MINE, today="$4"),
        *customers.columns([customer.key for customer in erased]),
        numbers,
        tx.us - tx.us % DAY,
    )


MINE = f"""(
    SELECT shop_id, h.at FROM unnest({customers.KEYS}) AS k (shop_id, customer_id)
    JOIN history AS h USING (shop_id, customer_id)
    UNION ALL
    SELECT shop_id, d.at
    FROM unnest({customers.SHOPS}, $3::bigint[]) AS k (shop_id, who) JOIN deed AS d USING (shop_id, who)
) AS mine"""


async def _renumber(tx: Tx, erased: Sequence[Customer]) -> None:
    rows = await tx.fetch(
        f"""
        UPDATE customer AS c SET who = nextval('person')
        FROM unnest({customers.KEYS}) AS k (shop_id, customer_id)
        WHERE c.shop_id = k.shop_id AND c.customer_id = k.customer_id
        RETURNING c.shop_id, c.customer_id, c.who
        """,
        *customers.columns([customer.key for customer in erased]),
    )
    numbers = {(row[0], row[1]): row[2] for row in rows}
    for customer in erased:
        customer.who = numbers[customer.key]


async def _hand_over_acts(tx: Tx, late: Sequence[tuple[int, Customer]]) -> None:
    """Acts and visits after a late erasure go to the customer's new number, by the quarter of an hour."""
    shops, before = [customer.shop for _, customer in late], [number for number, _ in late]
    after, until = [customer.who for _, customer in late], [customer.erased for _, customer in late]
    await tx.execute(
        """
        UPDATE act AS a SET who = k.fresh
        FROM (
            SELECT DISTINCT k.shop_id, k.who, k.fresh, k.until, h.at - mod(mod(h.at, $6) + $6, $6) AS slot_us
            FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
                AS k (shop_id, who, fresh, until, customer_id)
            JOIN history AS h USING (shop_id, customer_id)
        ) AS k
        WHERE a.shop_id = k.shop_id AND a.slot_us = k.slot_us AND a.who = k.who AND a.slot_us > k.until
        """,
        shops,
        before,
        after,
        until,
        [customer.id for _, customer in late],
        SLOT,
    )
    await tx.execute(
        """
        UPDATE visit AS v SET who = k.fresh
        FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (shop_id, who, fresh, until)
        WHERE v.shop_id = k.shop_id AND v.who = k.who AND v.begun_us > k.until
        """,
        shops,
        before,
        after,
        until,
    )


async def _hand_over_deeds(tx: Tx, late: Sequence[tuple[int, Customer]]) -> None:
    """Trades after a late erasure are those of the customer's new number."""
    shops = [customer.shop for _, customer in late]
    await tx.execute(
        """
        DELETE FROM deed AS d
        USING unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (shop_id, who, until)
        WHERE d.shop_id = k.shop_id AND d.who = k.who AND d.at > k.until
        """,
        shops,
        [number for number, _ in late],
        [customer.erased for _, customer in late],
    )
    await tx.execute(
        """
        INSERT INTO deed (shop_id, who, trade_id, type, refund_id, at, source, event_id, amount, lines)
        SELECT DISTINCT ON (h.shop_id, k.who, h.trade_id, h.type, coalesce(h.refund_id, ''))
            h.shop_id, k.who, h.trade_id, h.type, coalesce(h.refund_id, ''), h.at, h.source, h.event_id, h.amount,
            h.lines
        FROM unnest($1::text[], $2::bigint[], $3::text[]) AS k (shop_id, who, customer_id)
        JOIN history AS h USING (shop_id, customer_id)
        WHERE h.type = ANY($4::text[])
        ORDER BY h.shop_id, k.who, h.trade_id, h.type, coalesce(h.refund_id, ''), h.at, h.source, h.event_id
        """,
        shops,
        [customer.who for _, customer in late],
        [customer.id for _, customer in late],
        sorted(DEEDS),
    )


async def _blur(tx: Tx, shops: Sequence[str], numbers: Sequence[int]) -> None:
    """Leaves no name by which the shop knows a visit, a trade or an event, and of moments the quarter of an hour."""
    await tx.execute(
        """
        UPDATE visit AS v SET visit_id = gen_random_uuid()::text, begun_us = begun_us - mod(mod(begun_us, $3) + $3, $3)
        FROM unnest($1::text[], $2::bigint[]) AS k (shop_id, who)
        WHERE v.shop_id = k.shop_id AND v.who = k.who
        """,
        shops,
        numbers,
        SLOT,
    )
    await tx.execute(
        """
        WITH placed AS (
            SELECT d.*, row_number() OVER (
                PARTITION BY d.shop_id, d.who, d.trade_id ORDER BY d.at, d.source, d.event_id, d.refund_id
            ) AS place
            FROM unnest($1::text[], $2::bigint[]) AS k (shop_id, who) JOIN deed AS d USING (shop_id, who)
        ), named AS MATERIALIZED (
            SELECT shop_id, who, trade_id, gen_random_uuid()::text AS name FROM placed WHERE place = 1
        )
        UPDATE deed AS d
        SET trade_id = n.name, refund_id = CASE WHEN d.refund_id = '' THEN '' ELSE p.place::text END, source = '',
            event_id = to_char(p.place, 'FM0000000000'), at = d.at - mod(mod(d.at, $3) + $3, $3)
        FROM placed AS p JOIN named AS n USING (shop_id, who, trade_id)
        WHERE d.shop_id = p.shop_id AND d.who = p.who AND d.trade_id = p.trade_id AND d.type = p.type
            AND d.refund_id = p.refund_id
        """,
        shops,
        numbers,
        SLOT,
    )
