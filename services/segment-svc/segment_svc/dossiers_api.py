"""All that is known of a customer, in one answer."""

from datetime import datetime

from huitou_chassis import Model, Router, ShopId, Transaction
from huitou_events import Id, moment
from segment_svc import customers_api, dossiers, moves_api
from segment_svc.customers_api import CustomerOut
from segment_svc.dossiers import Told
from segment_svc.moves_api import MoveOut

router = Router(tags=["customers"])


class LineOut(Model):
    item_id: str | None
    category_id: str | None
    quantity: int
    amount: int


class ToldOut(Model):
    """An event, as far as it is kept: names, phones and addresses are not. `changes` is what it said of attributes."""

    time: datetime
    source: str
    id: str
    type: str
    trade_id: str | None
    refund_id: str | None
    amount: int
    items: list[LineOut]
    dwell_seconds: int | None
    visit_id: str | None
    changes: dict[str, object]


class DossierOut(Model):
    """Events and attributes in order of time, announced ones too; comings and goings the latest first."""

    exported_at: datetime
    customer: CustomerOut
    events: list[ToldOut]
    moves: list[MoveOut]


@router.get("/customers/{customer:path}/export")
async def export(customer: Id, shop: ShopId, tx: Transaction) -> DossierOut:
    """All that this service knows of a customer."""
    found = await dossiers.get(tx, shop, customer)
    return DossierOut(
        exported_at=tx.now,
        customer=customers_api.shown(customer, found.profile),
        events=[_told(one) for one in found.events],
        moves=[moves_api.shown(one) for one in found.moves],
    )


def _told(one: Told) -> ToldOut:
    return ToldOut(
        time=moment(one.at),
        source=one.source,
        id=one.id,
        type=one.type,
        trade_id=one.trade,
        refund_id=one.refund,
        amount=one.amount,
        items=[
            LineOut(item_id=item, category_id=category, quantity=quantity, amount=amount)
            for item, category, quantity, amount in one.lines
            if item is not None
        ],
        dwell_seconds=one.dwell_seconds,
        visit_id=one.visit,
        changes=one.changes,
    )
