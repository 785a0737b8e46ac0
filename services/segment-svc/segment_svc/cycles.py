"""The repurchase rates and cycles of a shop's items, as they are kept: made with each snapshot from what was bought."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from huitou_chassis import Tx
from segment_svc import whole_shops
from segment_svc.calendar import DAY
from segment_svc.nodes import Cycles
from segment_svc.repurchase import Cycle, Demands, Gaps, Override, Sold, decide
from segment_svc.whole_shops import BACK

COLUMNS = "item_id, category_id, buyers, again, rate, basis, lower_days, upper_days, high"


async def demands(tx: Tx, shop: str) -> Demands:
    """What the shop has set."""
    kept = await tx.fetchval("SELECT repurchase FROM snapshot_plan WHERE shop_id = $1", shop)
    if kept is None:
        return Demands()
    return Demands(kept["high"], kept["min_buyers"], {item: Override(**own) for item, own in kept["items"].items()})


async def put_demands(tx: Tx, shop: str, wanted: Demands) -> None:
    """From the next snapshot on."""
    await tx.execute("UPDATE snapshot_plan SET repurchase = $2 WHERE shop_id = $1", shop, asdict(wanted))


async def listed(tx: Tx, shop: str, *, after: str, limit: int) -> list[Cycle]:
    """Items in the order of their ids, from the one after `after`."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM cycle WHERE shop_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3", shop, after, limit
    )
    return [Cycle(*row) for row in rows]


async def compute(tx: Tx, shop: str) -> bool:
    """Decides anew; True if items become high, cease to be or have other cycles, and so the roster is to change.

    Whom that concerns is queued only once every process goes by the new roster.
    """
    sold, of_categories, of_shop = await _sold(tx, shop)
    before = {cycle.item: cycle for cycle in await listed(tx, shop, after="", limit=2**31)}
    after = {cycle.item: cycle for cycle in decide(sold, of_categories, of_shop, await demands(tx, shop))}
    await _write(tx, shop, [cycle for item, cycle in after.items() if before.get(item) != cycle])
    await tx.execute(
        "DELETE FROM cycle WHERE shop_id = $1 AND item_id = ANY($2::text[])", shop, sorted(before.keys() - after.keys())
    )
    moved = _moved(before, after)
    if moved:
        await tx.execute("UPDATE snapshot_plan SET unsettled = $2 WHERE shop_id = $1", shop, moved)
    return bool(moved)


def _moved(before: Mapping[str, Cycle], after: Mapping[str, Cycle]) -> dict[str, int]:
    """Items whose buyers are to be looked at, with how many days a purchase may be back."""
    moved = {}
    for item in before.keys() | after.keys():
        ends = [_window(cycles.get(item)) for cycles in (before, after)]
        if ends[0] != ends[1]:
            moved[item] = max(end[1] for end in ends if end is not None) + 1
    return moved


def _window(cycle: Cycle | None) -> tuple[int, int] | None:
    if cycle is None or not cycle.high or cycle.lower_days is None or cycle.upper_days is None:
        return None
    return cycle.lower_days, cycle.upper_days


async def queue(tx: Tx, shop: str) -> bool:
    """Queues the buyers whom the latest change of cycles concerns; True if there was one."""
    moved = await tx.fetchval("SELECT unsettled FROM snapshot_plan WHERE shop_id = $1", shop)
    if moved is None:
        return False
    await whole_shops.fetch(
        tx,
        """
        WITH moved AS (
            SELECT * FROM unnest($2::text[], $3::bigint[]) AS m (item_id, since)
        ), sale AS (
            SELECT who, at, lines FROM deed
            WHERE shop_id = $1 AND type = 'trade.completed' AND at >= $4
            UNION ALL
            SELECT who, at, lines FROM uncounted
            WHERE shop_id = $1 AND type = 'trade.completed' AND at >= $4
        )
        INSERT INTO score_change (shop_id, customer_id, who, before, after)
        SELECT DISTINCT $1, c.customer_id, c.who, '{}'::smallint[], '{}'::smallint[]
        FROM sale AS s
        CROSS JOIN LATERAL json_array_elements(s.lines::json) AS l (line)
        JOIN moved AS m ON m.item_id = l.line ->> 0 AND s.at >= m.since
        JOIN customer AS c ON c.shop_id = $1 AND c.who = s.who
        ON CONFLICT DO NOTHING
        """,
        shop,
        list(moved),
        [tx.us - days * DAY for days in moved.values()],
        tx.us - max(moved.values()) * DAY,
    )
    await tx.execute("UPDATE snapshot_plan SET unsettled = NULL WHERE shop_id = $1", shop)
    return True


async def high(tx: Tx, shops: Sequence[str]) -> dict[str, Cycles]:
    """Each shop's cycles of the items whose rate is high; equal ones are equal."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for shop, item, lower, upper in await tx.fetch(
        """
        SELECT shop_id, item_id, lower_days, upper_days FROM cycle WHERE shop_id = ANY($1::text[]) AND high
        """,
        shops,
    ):
        found.setdefault(shop, {})[item] = (lower, upper)
    return {shop: Cycles.of(found.get(shop, {})) for shop in shops}


async def _write(tx: Tx, shop: str, cycles: Sequence[Cycle]) -> None:
    if not cycles:
        return
    await tx.execute(
        f"""
        INSERT INTO cycle (shop_id, {COLUMNS})
        SELECT $1, * FROM unnest(
            $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::float8[], $7::text[], $8::int[], $9::int[],
            $10::boolean[]
        )
        ON CONFLICT (shop_id, item_id) DO UPDATE
            SET category_id = EXCLUDED.category_id, buyers = EXCLUDED.buyers, again = EXCLUDED.again,
                rate = EXCLUDED.rate, basis = EXCLUDED.basis, lower_days = EXCLUDED.lower_days,
                upper_days = EXCLUDED.upper_days, high = EXCLUDED.high
        """,
        shop,
        *map(list, zip(*cycles, strict=True)),
    )


async def _sold(tx: Tx, shop: str) -> tuple[list[Sold], dict[str, Gaps], Gaps | None]:
    """What was bought so far, and the gaps by category and in the shop."""
    rows = await whole_shops.fetch(tx, BOUGHT, shop, tx.us)
    sold = [
        Sold(row["item_id"], row["category_id"], row["buyers"], row["again"], _gaps(row))
        for row in rows
        if row["kind"] == "item"
    ]
    of_categories = {row["category_id"]: gaps for row in rows if row["kind"] == "category" and (gaps := _gaps(row))}
    return sold, of_categories, next((_gaps(row) for row in rows if row["kind"] == "shop"), None)


def _gaps(row: Any) -> Gaps | None:
    return Gaps(row["number"], row["lower"], row["upper"]) if row["number"] else None


BOUGHT = f"""
    WITH {BACK}, line AS MATERIALIZED (
        SELECT d.who, d.trade_id, d.at, l.line ->> 0 AS item_id, max(l.line ->> 1) AS category_id
        FROM deed AS d LEFT JOIN back AS b USING (who, trade_id)
        CROSS JOIN LATERAL json_array_elements(d.lines::json) AS l (line)
        WHERE d.shop_id = $1 AND d.type = 'trade.completed' AND d.at <= $2
            AND (b.refunded IS NULL OR b.refunded < d.amount) AND l.line ->> 0 IS NOT NULL
        GROUP BY d.who, d.trade_id, d.at, l.line ->> 0
    ), kind AS (
        SELECT DISTINCT ON (item_id) item_id, category_id FROM line
        WHERE category_id IS NOT NULL ORDER BY item_id, at DESC, category_id
    ), pair AS (
        SELECT item_id, who, count(*) AS times FROM line GROUP BY item_id, who
    ), gap AS (
        SELECT g.item_id, k.category_id, g.gap
        FROM (
            SELECT item_id, at - lag(at) OVER (PARTITION BY who, item_id ORDER BY at, trade_id) AS gap FROM line
        ) AS g LEFT JOIN kind AS k USING (item_id)
        WHERE g.gap IS NOT NULL
    ), item AS (
        SELECT item_id, count(*) AS buyers, count(*) FILTER (WHERE times > 1) AS again FROM pair GROUP BY item_id
    ), item_gap AS (
        SELECT item_id, count(*) AS number, percentile_disc(0.25) WITHIN GROUP (ORDER BY gap) AS lower,
            percentile_disc(0.75) WITHIN GROUP (ORDER BY gap) AS upper
        FROM gap GROUP BY item_id
    )
    SELECT 'item' AS kind, i.item_id, k.category_id, i.buyers, i.again, coalesce(g.number, 0) AS number,
        g.lower, g.upper
    FROM item AS i LEFT JOIN kind AS k USING (item_id) LEFT JOIN item_gap AS g USING (item_id)
    UNION ALL
    SELECT 'category', NULL, category_id, 0, 0, count(*), percentile_disc(0.25) WITHIN GROUP (ORDER BY gap),
        percentile_disc(0.75) WITHIN GROUP (ORDER BY gap)
    FROM gap WHERE category_id IS NOT NULL GROUP BY category_id
    UNION ALL
    SELECT 'shop', NULL, NULL, 0, 0, count(*), percentile_disc(0.25) WITHIN GROUP (ORDER BY gap),
        percentile_disc(0.75) WITHIN GROUP (ORDER BY gap)
    FROM gap
"""
