"""All that is known of one customer, to be handed out: who they are, what they did, where they came and went."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from huitou_chassis import Tx
from segment_svc import moves, profiles
from segment_svc.moves import Passage
from segment_svc.profiles import Profile

MOST = 1_000_000


class Told(NamedTuple):
    """An event about the customer as it is kept; `at` in microseconds, money in the minor unit."""

    at: int
    source: str
    id: str
    type: str
    trade: str | None
    refund: str | None
    amount: int
    lines: list[tuple[str | None, str | None, int, int]]
    changes: dict[str, Any]
    dwell_seconds: int | None
    visit: str | None


@dataclass(frozen=True)
class Dossier:
    profile: Profile
    events: list[Told]
    moves: list[Passage]


async def get(tx: Tx, shop: str, customer: str) -> Dossier:
    """NotFound for a customer who does not exist."""
    profile = await profiles.get(tx, shop, customer)
    rows = await tx.fetch(
        """
        SELECT at, source, event_id, type, trade_id, refund_id, amount, lines, changes, dwell_seconds, visit_id
        FROM history
        WHERE shop_id = $1 AND customer_id = $2
        ORDER BY at, source, event_id
        """,
        shop,
        customer,
    )
    events = [
        Told._make((*row[:7], orjson.loads(row[7] or "[]"), orjson.loads(row[8] or "{}"), *row[9:])) for row in rows
    ]
    return Dossier(profile, events, await moves.of_customer(tx, shop, customer, before=None, limit=MOST))
