"""The audiences that every shop has from its first appearance."""

from typing import Any

from huitou_chassis import Tx
from segment_svc import schedules

RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "interested": (
        "兴趣人群",
        {
            "event": ["cart.added", "favourite.added"],
            "between": ["10d", "3d"],
            "unless_later": {"event": ["trade.paid", "trade.completed"], "same": "item"},
        },
    ),
    "new-customers": (
        "新客户人群",
        {
            "all": [
                {"event": "trade.completed", "count": {"at_least": 1, "at_most": 1}, "within": "720d"},
                {"event": "trade.completed", "count": {"at_least": 1}, "within": "180d"},
            ]
        },
    ),
    "repurchase": ("复购人群", {"repurchase": True}),
}


async def found(tx: Tx, shops: list[str]) -> None:
    """Adds the shops with these audiences; live at once and known from all time on, since nobody is there yet."""
    settings = await tx.shops(shops)
    await tx.execute(
        """
        INSERT INTO roster (shop_id, version, timezone)
        SELECT shop_id, nextval('stamp'), timezone FROM unnest($1::text[], $2::text[]) AS shop (shop_id, timezone)
        ON CONFLICT DO NOTHING
        """,
        shops,
        [settings[shop].timezone.key for shop in shops],
    )
    await schedules.found(tx, shops, [settings[shop].timezone for shop in shops])
    rows = [(shop, audience, name, rule) for shop in shops for audience, (name, rule) in RULES.items()]
    await tx.execute(
        """
        INSERT INTO audience (shop_id, audience_id, name, rule, state, recommended, created_us, logged_us)
        SELECT shop_id, audience_id, name, rule, 'live', true, $5, 0
        FROM unnest($1::text[], $2::text[], $3::text[], $4::json[]) AS a (shop_id, audience_id, name, rule)
        ON CONFLICT DO NOTHING
        """,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        tx.us,
    )
