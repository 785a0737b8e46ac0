"""Whether the counters of coupons and the rows of claims tell the same, and no limit was passed."""

from huitou_chassis import Context


async def verify(ctx: Context, shop: str, customer: str | None) -> list[str]:
    """One sentence for each difference; with a customer, for coupons that they have claimed."""
    async with ctx.db.transaction() as tx:
        rows = await tx.fetch(
            """
            SELECT coupon_id, stock, claimed, per_customer, count(claim_id) AS made,
                coalesce(max(nth), 0) AS most
            FROM coupon LEFT JOIN claim USING (shop_id, coupon_id)
            WHERE shop_id = $1 AND ($2::text IS NULL OR coupon_id IN (
                SELECT coupon_id FROM claim WHERE shop_id = $1 AND customer_id = $2
            ))
            GROUP BY shop_id, coupon_id ORDER BY coupon_id
            """,
            shop,
            customer,
        )
    found: list[str] = []
    for row in rows:
        name = f"coupon {row['coupon_id']}"
        if row["stock"] is not None and row["claimed"] != row["made"]:
            found.append(f"{name}: its counter says {row['claimed']}, there are {row['made']} claims")
        if row["stock"] is not None and row["made"] > row["stock"]:
            found.append(f"{name}: {row['made']} claims of a stock of {row['stock']}")
        if row["per_customer"] is not None and row["most"] > row["per_customer"]:
            found.append(f"{name}: a customer has {row['most']}, the limit is {row['per_customer']}")
    return found
