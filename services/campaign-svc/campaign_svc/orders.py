"""Orders that carry a coupon code: what became of them decides what becomes of the coupon.

Each moment of an order is kept, the earliest of its kind, and a step is taken only if it still stands when all that
is known of the order is looked at: events that come late or in another order end in the same state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from campaign_svc import uses
from campaign_svc.codes import read_code
from campaign_svc.life import Refused
from campaign_svc.uses import Lock, Redeem, Release, Step, Use
from huitou_chassis import Tx
from huitou_events import Event, TradeClosed, TradeCompleted, TradeCreated, TradePaid

Trade: TypeAlias = TradeCreated | TradePaid | TradeCompleted | TradeClosed
Key = tuple[str, str]
KINDS = (TradeCreated, TradePaid, TradeCompleted, TradeClosed)

log = structlog.get_logger()


@dataclass(frozen=True)
class Order:
    """When each thing happened to an order for the first time, in microseconds; None: not that we know."""

    created_us: int | None = None
    paid_us: int | None = None
    completed_us: int | None = None
    closed_us: int | None = None

    @property
    def failed(self) -> bool:
        """Closed, and not completed before or afterwards."""
        return self.closed_us is not None and self.completed_us is None


async def follow(tx: Tx, trades: Sequence[Event[Trade]]) -> None:
    """Locks, redeems and gives back the coupons of these orders, in the order of when it happened."""
    coded = await _with_our_codes(tx, trades)
    if not coded:
        return
    orders = await _remember(tx, [event for event, _ in coded])
    asked: list[Use] = []
    for event, claim_id in sorted(coded, key=lambda each: each[0].order):
        step = step_for(event.data, orders[event.shop, event.data.trade_id])
        if step is not None:
            asked.append(Use(event.shop, claim_id, step, event.us, because=event))
    for use, outcome in zip(asked, await uses.apply(tx, asked), strict=True):
        if isinstance(outcome, Refused) and not isinstance(use.step, Release):
            log.warning(
                "coupon of an order refused", claim_id=use.claim_id, trade_id=use.step.trade_id, why=outcome.type
            )


def step_for(trade: Trade, order: Order) -> Step | None:
    """What this moment of an order asks for, given all that is known of it; None if nothing any more."""
    if isinstance(trade, TradeClosed):
        return Release(trade.trade_id) if order.failed else None
    if order.failed:
        return None
    if isinstance(trade, TradeCreated):
        return Lock(trade.trade_id)
    return Redeem(trade.trade_id, trade.amount, trade.items)


async def _with_our_codes(tx: Tx, trades: Sequence[Event[Trade]]) -> list[tuple[Event[Trade], str]]:
    """Those whose code is that of a claim of the same customer, with the claim's id; other codes are not ours."""
    coded = [(e, code) for e in trades if e.data.coupon_code and (code := read_code(e.data.coupon_code))]
    if not coded:
        return []
    rows = await tx.fetch(
        """
        SELECT shop_id, code, customer_id, claim_id FROM claim
        WHERE (shop_id, code) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        [event.shop for event, _ in coded],
        [code for _, code in coded],
    )
    claims = {(row["shop_id"], row["code"], row["customer_id"]): str(row["claim_id"]) for row in rows}
    shops = await tx.shops({event.shop for event, _ in coded})
    found: list[tuple[Event[Trade], str]] = []
    for event, code in coded:
        claim_id = claims.get((event.shop, code, event.data.customer_id))
        if claim_id is None:
            continue
        if event.data.currency != shops[event.shop].currency:
            tx.reject(event, "wrong-currency", f"currency: the shop counts in {shops[event.shop].currency}")
            continue
        found.append((event, claim_id))
    return found


async def _remember(tx: Tx, trades: Sequence[Event[Trade]]) -> dict[Key, Order]:
    moments: dict[Key, dict[type[Trade], int]] = {}
    for event in trades:
        known = moments.setdefault((event.shop, event.data.trade_id), {})
        known[type(event.data)] = min(event.us, known.get(type(event.data), event.us))
    keys = sorted(moments)
    rows = await tx.fetch(
        """
        INSERT INTO coupon_order AS known (shop_id, trade_id, created_us, paid_us, completed_us, closed_us)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        ON CONFLICT (shop_id, trade_id) DO UPDATE SET
            created_us = least(known.created_us, excluded.created_us),
            paid_us = least(known.paid_us, excluded.paid_us),
            completed_us = least(known.completed_us, excluded.completed_us),
            closed_us = least(known.closed_us, excluded.closed_us)
        RETURNING *
        """,
        [shop for shop, _ in keys],
        [trade_id for _, trade_id in keys],
        *([moments[key].get(kind) for key in keys] for kind in KINDS),
    )
    return {(row["shop_id"], row["trade_id"]): Order(*list(row.values())[2:]) for row in rows}
