"""plan.started, plan.ended -> plan: which audiences running plans use, so that these are not deleted (audiences.py)"""

from typing import Any

from huitou_chassis import Tx
from huitou_events import Event, PlanEnded


async def follow(events: list[Event[Any]], tx: Tx) -> None:
    """A plan that has ended never runs again, in whichever order it is told."""
    told: dict[tuple[str, str], tuple[str, bool]] = {}
    for event in events:
        key = (event.shop, event.data.plan_id)
        ended = isinstance(event.data, PlanEnded) or (key in told and told[key][1])
        told[key] = (event.data.audience_id, ended)
    rows = [(*key, *plan) for key, plan in sorted(told.items())]
    await tx.execute(
        """
        INSERT INTO plan AS p (shop_id, plan_id, audience_id, ended)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[])
        ON CONFLICT (shop_id, plan_id) DO UPDATE SET ended = p.ended OR EXCLUDED.ended
        """,
        *map(list, zip(*rows, strict=True)),
    )


async def using(tx: Tx, shop: str, audience: str) -> list[str]:
    """The running plans of the audience, sorted."""
    rows = await tx.fetch(
        "SELECT plan_id FROM plan WHERE shop_id = $1 AND audience_id = $2 AND NOT ended ORDER BY plan_id",
        shop,
        audience,
    )
    return [row[0] for row in rows]
