"""Another rule or zone for an audience: its members are found beside it, and then it takes the old one's place at once.

Until then the old rule holds, by the days of the old zone. The rule that is coming is an audience of its own, which
nobody sees and nothing is said of; so are those of the audiences around, since they change with it. What is coming
always goes by the shop's present zone. When the members of all are found they take their places in one transaction, and
who thereby enters or leaves is said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from huitou_chassis import Tx
from segment_svc import roster, rules
from segment_svc.nodes import Rule
from segment_svc.references import coming, is_coming
from segment_svc.roster import Roster

COMING = """
    LEFT JOIN audience AS c ON c.shop_id = a.shop_id AND c.audience_id = '=' || a.audience_id AND c.state <> 'ending'
"""
"""What is to take the place of audience `a`, as `c`, if anything is."""


def expected(there: Roster) -> dict[str, Rule]:
    """The shop's rules as they are to be, expanded: those that are coming in the places of those that hold."""
    return {
        audience: there.rules.get(coming(audience), rule)
        for audience, rule in there.rules.items()
        if not is_coming(audience)
    }


async def begin(tx: Tx, shop: str, audiences: Sequence[str], changed: Mapping[str, Mapping[str, Any]]) -> None:
    """The members of these are found anew from now on: by the rules that are `changed`, or by those they are to have.

    Who holds the roster alone may ask for it.
    """
    await tx.execute(
        f"""
        INSERT INTO audience (shop_id, audience_id, name, rule, state, reached, created_us)
        SELECT a.shop_id, '=' || a.audience_id, '',
            coalesce($3::json -> a.audience_id, c.rule, a.rule), 'building', '', $4
        FROM audience AS a {COMING}
        WHERE a.shop_id = $1 AND a.audience_id = ANY($2::text[])
        ON CONFLICT (shop_id, audience_id) DO UPDATE
        SET rule = EXCLUDED.rule, state = 'building', reached = ''
        """,
        shop,
        audiences,
        changed,
        tx.us,
    )
    await roster.changed(tx, shop)


async def move(tx: Tx, there: Roster, zone: str) -> None:
    """The shop has another zone; what goes by its days goes by those of the old one until its members are found.

    Who holds the roster alone may ask for it.
    """
    await tx.execute("UPDATE roster SET timezone = $2 WHERE shop_id = $1", there.shop, zone)
    await tx.execute(
        """
        UPDATE audience SET timezone = coalesce(timezone, $3)
        WHERE shop_id = $1 AND audience_id = ANY($2::text[]) AND audience_id NOT LIKE '=%'
        """,
        there.shop,
        _by_days(there.rules),
        there.timezone.key,
    )
    await begin(tx, there.shop, _by_days(expected(there)), {})
    await _forgo(tx, there.shop)


def _by_days(compiled: Mapping[str, Rule]) -> list[str]:
    return [audience for audience, rule in compiled.items() if rules.reads(rule).days]


async def _forgo(tx: Tx, shop: str) -> None:
    """What would be as what holds need not come: the shop is back in the zone that is in force."""
    there = (await roster.read(tx, [shop]))[shop]
    same = [audience for audience, rule in there.rules.items() if there.rules.get(coming(audience)) == rule]
    await tx.execute(
        "UPDATE audience SET state = 'ending' WHERE shop_id = $1 AND audience_id = ANY($2::text[])",
        shop,
        [coming(audience) for audience in same],
    )
    await tx.execute(
        "UPDATE audience SET timezone = NULL WHERE shop_id = $1 AND audience_id = ANY($2::text[])", shop, same
    )
    await roster.changed(tx, shop)


async def ready(tx: Tx, shop: str) -> list[str]:
    """The audiences whose new rules can take their places: all that are to, once the members of all are found."""
    rows = await tx.fetch(
        "SELECT audience_id, state FROM audience WHERE shop_id = $1 AND audience_id LIKE '=%' AND state <> 'ending'",
        shop,
    )
    return [row["audience_id"][1:] for row in rows] if all(row["state"] == "ready" for row in rows) else []


async def differing(tx: Tx, shop: str, audiences: Sequence[str], *, limit: int) -> list[str]:
    """The first customers who are in one of the audiences by one rule only, in order."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT customer_id
        FROM (
            SELECT ltrim(audience_id, '=') AS audience_id, customer_id
            FROM member
            WHERE shop_id = $1 AND audience_id = ANY($2::text[] || $3::text[])
            GROUP BY 1, 2
            HAVING count(*) = 1
        ) AS one
        ORDER BY customer_id
        LIMIT $4
        """,
        shop,
        audiences,
        [coming(audience) for audience in audiences],
        limit,
    )
    return [row[0] for row in rows]


async def put(tx: Tx, shop: str, audiences: Sequence[str]) -> None:
    """The new rules hold, by the days of the shop's zone, and the audiences are building by them."""
    await tx.execute(
        """
        UPDATE audience AS a SET rule = c.rule, timezone = NULL, state = 'building', reached = ''
        FROM audience AS c
        WHERE a.shop_id = $1 AND a.audience_id = ANY($2::text[]) AND c.shop_id = $1
            AND c.audience_id = '=' || a.audience_id
        """,
        shop,
        audiences,
    )
    await tx.execute(
        "UPDATE audience SET state = 'ending' WHERE shop_id = $1 AND audience_id LIKE '=%' AND state = 'ready'", shop
    )
    await roster.changed(tx, shop)
