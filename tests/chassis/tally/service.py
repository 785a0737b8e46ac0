"""trade.completed -> tally -> member.joined; POST /tallies counts one by hand."""

from typing import Any

from huitou_chassis import Conflict, Model, Page, Paged, Router, Service, ShopId, Transaction, Tx
from huitou_events import Count, Event, Id, MemberJoined, TradeCompleted

router = Router()


async def count(events: list[Event[Any]], tx: Tx) -> None:
    shops = await tx.shops({event.shop for event in events})
    for event in events:
        if event.data.trade_id == "unbearable":
            raise RuntimeError("a handler that cannot bear this event")
        currency = shops[event.shop].currency
        if event.data.trade_id == "refused" or event.data.currency != currency:
            tx.reject(event, "wrong-currency", f"data.currency: the shop counts in {currency}")
            continue
        await add(tx, event.shop, event.data.customer_id)
        tx.emit(MemberJoined(customer_id=event.data.customer_id, tier="ordinary"), shop=event.shop, because=event)


async def add(tx: Tx, shop: str, customer: str) -> int:
    trades: int = await tx.fetchval(
        """
        INSERT INTO tally VALUES ($1, $2, 1)
        ON CONFLICT (shop_id, customer_id) DO UPDATE SET trades = tally.trades + 1 RETURNING trades
        """,
        shop,
        customer,
    )
    return trades


class TallyIn(Model):
    customer_id: Id
    most: Count = 100


class TallyOut(Model):
    customer_id: str
    trades: int


@router.post("/tallies", status_code=201)
async def by_hand(body: TallyIn, shop: ShopId, tx: Transaction) -> TallyOut:
    trades = await add(tx, shop, body.customer_id)
    if trades > body.most:
        raise Conflict("too-many", f"{body.customer_id} has {trades}")
    return TallyOut(customer_id=body.customer_id, trades=trades)


@router.get("/tallies")
async def listed(shop: ShopId, page: Page, tx: Transaction) -> Paged[TallyOut]:
    after = page.key(str) or [""]
    rows = await tx.fetch(
        "SELECT customer_id, trades FROM tally WHERE shop_id = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3",
        shop,
        after[0],
        page.limit + 1,
    )
    return page.answer(rows, key=lambda row: [row["customer_id"]], item=lambda row: TallyOut(**dict(row)))


service = Service(
    name="tally",
    title="Tally",
    migrations="tests.chassis.tally",
    routers=[router],
    consumes={TradeCompleted: count},
    emits=[MemberJoined],
)
