"""Posters: what a customer is to see in the shop's front now, and what they did with it."""

from collections.abc import Sequence
from typing import Any

from huitou_chassis import Tx
from huitou_events import Event, MessageClicked, PosterClicked, PosterShown
from notify_svc import deliveries
from notify_svc.messages import Change

ON_SHOW = """
    SELECT * FROM delivery
    WHERE shop_id = ANY($1::text[]) AND customer_id = ANY($2::text[]) AND channel = 'poster'
        AND state IN ('scheduled', 'delivered') AND at_us <= $3
        AND coalesce(expires_us, 9223372036854775807) > $3 AND coalesce(until_us, 9223372036854775807) > $3
        AND NOT EXISTS (
            SELECT FROM ended_plan WHERE ended_plan.shop_id = delivery.shop_id AND ended_plan.plan_id = delivery.plan_id
        )
        AND NOT EXISTS (
            SELECT FROM customer
            WHERE customer.shop_id = delivery.shop_id AND customer.customer_id = delivery.customer_id
                AND erased_us >= requested_us
        )
    ORDER BY priority DESC, at_us DESC, job_id
"""


async def on_show(tx: Tx, shop: str, customer_id: str, *, limit: int) -> Sequence[Any]:
    """The customer's posters now, the most important first, then the newest."""
    return await tx.fetch(f"{ON_SHOW} LIMIT $4", [shop], [customer_id], tx.us, limit)


async def record(events: Sequence[Event[PosterShown | PosterClicked]], tx: Tx) -> None:
    """A poster that was shown is delivered: message.delivered; one that was clicked, too: message.clicked."""
    shops, customers = {event.shop for event in events}, {event.data.customer_id for event in events}
    rows: dict[tuple[str, str], list[Any]] = {}
    for row in await tx.fetch(ON_SHOW, sorted(shops), sorted(customers), tx.us):
        rows.setdefault((row["shop_id"], row["customer_id"]), []).append(row)
    shown: dict[tuple[str, str], Change] = {}
    clicked: dict[tuple[str, str], int] = {}
    for event in events:
        for row in meant(event.data, rows.get((event.shop, event.data.customer_id), [])):
            key = (row["shop_id"], row["job_id"])
            shown[key] = Change(*key, "delivered")
            if isinstance(event.data, PosterClicked):
                clicked[key] = min(event.us, clicked.get(key, event.us))
    await deliveries.change(tx, [shown[key] for key in sorted(shown)], seen=("scheduled",))
    await click(tx, clicked)


def meant(seen: PosterShown | PosterClicked, posters: Sequence[Any]) -> list[Any]:
    """The poster that a behaviour is about: `page` names its job or its slot; the only one needs no name."""
    named = [row for row in posters if seen.page in (row["job_id"], row["poster"]["slot"])]
    return named[:1] or (list(posters) if len(posters) == 1 else [])


async def click(tx: Tx, clicked: dict[tuple[str, str], int]) -> None:
    """Notes the first click of each message."""
    keys = sorted(clicked)
    rows = await tx.fetch(
        """
        UPDATE delivery SET clicked_us = clicked.at_us
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS clicked (shop_id, job_id, at_us)
        WHERE delivery.shop_id = clicked.shop_id AND delivery.job_id = clicked.job_id AND clicked_us IS NULL
        RETURNING delivery.shop_id, delivery.job_id, customer_id
        """,
        [shop for shop, _ in keys],
        [job for _, job in keys],
        [clicked[key] for key in keys],
    )
    for row in rows:
        fact = MessageClicked(customer_id=row["customer_id"], job_id=row["job_id"])
        tx.emit(fact, shop=row["shop_id"], because=f"first click of job {row['job_id']}", time=tx.now)
