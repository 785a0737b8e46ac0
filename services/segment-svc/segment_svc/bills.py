"""deed -> day_sheet: what was paid, line by line, packed to be valued at the prices that are known when it is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from huitou_chassis import Tx
from segment_svc.deals import DEALS_WITH_LINES
from segment_svc.people import Ints
from segment_svc.periods import Period
from segment_svc.sheets import columns, packed, standing


@dataclass(frozen=True)
class Bills:
    """Payments that stand: who paid, when (microseconds) and how much. A line has the place of its bill and `items`.

    The item of a line is -1 where it names none.
    """

    items: Sequence[str]
    who: Ints
    at: Ints
    amount: Ints
    bill: Ints
    item: Ints
    quantity: Ints


async def read(tx: Tx, shop: str, period: Period) -> list[Bills]:
    """By days and hours, also what lies beside the period in them."""
    rows = await standing(tx, shop, period, ("bills", "lines", "items"), BILL_SHEET)
    return [
        Bills(orjson.loads(items), *columns(bills, 8, 8, 8), *columns(lines, 4, 4, 4))
        for _, (bills, lines, items) in rows
    ]


BILL = ("int8send(who)", "int8send(paid_at)", "int8send(paid_amount)")
ITEM = "int4send(CASE WHEN item_id IS NULL THEN -1 ELSE item::int4 END)"
BILL_SHEET = f"""
    {DEALS_WITH_LINES}, bill AS MATERIALIZED (
        SELECT who, paid_at, paid_amount, lines, row_number() OVER () - 1 AS place
        FROM deal WHERE paid_at >= $2 AND paid_at < $3 AND NOT (refunds > 0 AND refunded >= paid_amount)
    ), told AS MATERIALIZED (
        SELECT place, l.value ->> 0 AS item_id, (l.value ->> 2)::int4 AS quantity
        FROM bill CROSS JOIN LATERAL json_array_elements(lines::json) AS l
    ), line AS MATERIALIZED (
        SELECT place, item_id, quantity, dense_rank() OVER (ORDER BY item_id NULLS LAST) - 1 AS item FROM told
    )
    SELECT {packed("(SELECT * FROM bill ORDER BY place)", *BILL)} AS bills,
        {packed("(SELECT * FROM line ORDER BY place)", "int4send(place::int4)", ITEM, "int4send(quantity)")} AS lines,
        (SELECT coalesce(json_agg(item_id ORDER BY item), '[]')::text
            FROM (SELECT DISTINCT item, item_id FROM line WHERE item_id IS NOT NULL) AS one) AS items
"""
"""What was paid in shop $1 from $2 until $3 with what is known at $4."""
