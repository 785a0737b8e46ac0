"""Facts -> uncounted -> act, visit, deed: what the shop's figures are made of, by a number that stands for a customer.

A batch only copies its facts; the job `tallies` counts them within a second. Counting adds, or keeps the earliest, so
that facts may come in any order. The days and hours that it changes are marked for their sheets (sheets.py).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from huitou_chassis import Context, Tx
from huitou_events import Event
from segment_svc.calendar import DAY, SLOT
from segment_svc.customers import Customer
from segment_svc.facts import Entry
from segment_svc.nodes import VIEW
from segment_svc.sheets import mark

MOST = 20_000
DEEDS = frozenset({"trade.paid", "trade.completed", "trade.closed", "trade.refunded"})
ACTS = frozenset(
    {
        VIEW,
        "cart.added",
        "cart.removed",
        "favourite.added",
        "favourite.removed",
        "shop.followed",
        "shop.unfollowed",
        "customer.signed_in",
        "poster.clicked",
        "message.clicked",
        "trade.created",
        "trade.paid",
        "trade.completed",
    }
)
"""What a customer does; that a parcel, a message or a poster reached them is no act of theirs."""
COUNTED = ACTS | DEEDS
COLUMNS = (
    "who",
    "shop_id",
    "at",
    "source",
    "event_id",
    "type",
    "visit_id",
    "dwell_seconds",
    "trade_id",
    "refund_id",
    "amount",
    "lines",
)


async def note(tx: Tx, news: Iterable[tuple[Customer, Sequence[tuple[Entry, Event[Any]]]]]) -> None:
    """Hands in what the customers did, to be counted soon; in one statement."""
    rows = [
        _row(customer.who, entry, event.data)
        for customer, found in news
        for entry, event in found
        if entry.type in COUNTED
    ]
    if rows:
        await tx.add("uncounted", COLUMNS, rows)


def _row(who: int, entry: Entry, data: Any) -> tuple[Any, ...]:
    visit, dwell = (data.visit_id, data.dwell_seconds) if entry.type == VIEW else (None, None)
    lines = orjson.dumps([tuple(line) for line in entry.lines]).decode() if entry.type in DEEDS else None
    return (
        who,
        entry.shop,
        entry.at,
        entry.source,
        entry.id,
        entry.type,
        visit,
        dwell,
        entry.trade,
        entry.refund,
        entry.amount,
        lines,
    )


async def count(ctx: Context) -> bool:
    """Counts up to `MOST` facts; True if there were as many."""
    async with ctx.db.transaction() as tx:
        taken = await tx.fetchval(
            f"""
            WITH taken AS (
                DELETE FROM uncounted WHERE (who, number) IN (
                    SELECT who, number FROM uncounted ORDER BY who, number LIMIT $4 FOR UPDATE SKIP LOCKED
                ) RETURNING *
            ), {COUNTING}
            """,
            sorted(ACTS),
            sorted(DEEDS),
            SLOT,
            MOST,
            tx.us - tx.us % DAY,
        )
    return bool(taken == MOST)


async def count_of(tx: Tx, numbers: Sequence[int]) -> None:
    """Counts what these customers did up to now."""
    await tx.execute(
        f"WITH taken AS (DELETE FROM uncounted WHERE who = ANY($4::bigint[]) RETURNING *), {COUNTING}",
        sorted(ACTS),
        sorted(DEEDS),
        SLOT,
        numbers,
        tx.us - tx.us % DAY,
    )


COUNTING = f"""
    acts AS (
        INSERT INTO act (shop_id, slot_us, who, acts, views, dwell_seconds, dwells)
        SELECT shop_id, at - mod(mod(at, $3) + $3, $3), who, count(*), count(*) FILTER (WHERE type = 'page.viewed'),
            coalesce(sum(dwell_seconds), 0), count(dwell_seconds)
        FROM taken WHERE type = ANY($1::text[])
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (shop_id, slot_us, who) DO UPDATE
            SET acts = act.acts + EXCLUDED.acts, views = act.views + EXCLUDED.views,
                dwell_seconds = act.dwell_seconds + EXCLUDED.dwell_seconds, dwells = act.dwells + EXCLUDED.dwells
    ), visits AS (
        INSERT INTO visit (shop_id, who, visit_id, begun_us, pages)
        SELECT shop_id, who, visit_id, min(at), count(*)
        FROM taken WHERE visit_id IS NOT NULL
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (shop_id, who, visit_id) DO UPDATE
            SET begun_us = least(visit.begun_us, EXCLUDED.begun_us), pages = visit.pages + EXCLUDED.pages
    ), deeds AS (
        INSERT INTO deed (shop_id, who, trade_id, type, refund_id, at, source, event_id, amount, lines)
        SELECT DISTINCT ON (shop_id, who, trade_id, type, coalesce(refund_id, ''))
            shop_id, who, trade_id, type, coalesce(refund_id, ''), at, source, event_id, amount, lines
        FROM taken WHERE type = ANY($2::text[])
        ORDER BY shop_id, who, trade_id, type, coalesce(refund_id, ''), at, source, event_id
        ON CONFLICT (shop_id, who, trade_id, type, refund_id) DO UPDATE
            SET at = EXCLUDED.at, source = EXCLUDED.source, event_id = EXCLUDED.event_id,
                amount = EXCLUDED.amount, lines = EXCLUDED.lines
            WHERE (EXCLUDED.at, EXCLUDED.source, EXCLUDED.event_id) < (deed.at, deed.source, deed.event_id)
    ), trade AS MATERIALIZED (
        SELECT shop_id, who, trade_id, min(at) AS at, bool_and(type = 'trade.completed') AS completes
        FROM taken WHERE type = ANY($2::text[]) GROUP BY 1, 2, 3
    ), touched AS (
        SELECT shop_id, at FROM taken WHERE type = ANY($1::text[])
        UNION ALL
        SELECT k.shop_id, v.begun_us
        FROM (SELECT DISTINCT shop_id, who, visit_id FROM taken WHERE visit_id IS NOT NULL) AS k CROSS JOIN LATERAL (
            SELECT begun_us FROM visit WHERE (shop_id, who, visit_id) = (k.shop_id, k.who, k.visit_id) LIMIT 1
        ) AS v
        UNION ALL
        SELECT k.shop_id, d.at
        FROM trade AS k CROSS JOIN LATERAL (
            SELECT at FROM deed AS d
            WHERE (shop_id, who, trade_id) = (k.shop_id, k.who, k.trade_id)
                AND type IN ('trade.paid', 'trade.completed')
                -- That a trade is completed after its payment leaves this as it was, unless it was closed.
                AND NOT (k.completes AND type = 'trade.paid' AND at < k.at AND NOT EXISTS (
                    SELECT FROM deed AS c
                    WHERE (c.shop_id, c.who, c.trade_id, c.type) = (k.shop_id, k.who, k.trade_id, 'trade.closed')
                ))
            OFFSET 0
        ) AS d
    ), marks AS (
        {mark("touched", today="$5")}
    )
    SELECT count(*) FROM taken
"""
