"""GET /audit: what operators changed in the shop, or in what belongs to none, for administrators."""

from datetime import datetime

from huitou_chassis import audit
from huitou_chassis.model import Model
from huitou_chassis.paging import Page, Paged
from huitou_chassis.routing import Administrator, Owner, Router, Transaction
from huitou_events import moment

router = Router(tags=["audit"])


class EntryOut(Model):
    """A change: who made it (`key_id`), by which call, and the hash that covers it and all entries before."""

    number: int
    at: datetime
    key_id: str
    role: str
    method: str
    path: str
    status: int
    body: str
    hash: str


@router.get("/audit")
async def listed(shop: Owner, page: Page, tx: Transaction, _: Administrator) -> Paged[EntryOut]:
    (after,) = page.key(int) or [0]
    rows = await audit.page(tx, shop, after=after, limit=page.limit + 1)
    return page.answer(
        rows,
        key=lambda row: [row["number"]],
        item=lambda row: EntryOut(
            number=row["number"],
            at=moment(row["at_us"]),
            key_id=row["key_id"],
            role=row["role"],
            method=row["method"],
            path=row["path"],
            status=row["status"],
            body=row["body"],
            hash=row["hash"].hex(),
        ),
    )
