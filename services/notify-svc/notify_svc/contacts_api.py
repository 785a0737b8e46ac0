"""Calls about how a customer can be reached."""

from dataclasses import asdict

from huitou_chassis import Administrator, Model, Router, ShopId, Text, Transaction
from huitou_events import Id
from notify_svc import contacts

router = Router(tags=["contacts"])


class ContactOut(Model):
    """The phone is masked; `consent` is to marketing by SMS, and `opted_out` is stronger than it."""

    customer_id: str
    phone: str | None
    timezone: str | None
    language: str | None
    consent: bool
    opted_out: bool


@router.get("/customers/{customer_id:path}/contact")
async def get_contact(customer_id: Id, shop: ShopId, tx: Transaction) -> ContactOut:
    return ContactOut(customer_id=customer_id, **asdict(await contacts.get(tx, shop, customer_id)))


class RevealIn(Model):
    """Why the phone is needed; kept in the audit log."""

    reason: Text


class RevealOut(Model):
    customer_id: str
    phone: str


@router.post("/customers/{customer_id:path}/contact/reveal")
async def reveal_phone(customer_id: Id, body: RevealIn, shop: ShopId, tx: Transaction, _: Administrator) -> RevealOut:
    """The phone in full, for administrators; who asked and why stays in the audit log."""
    return RevealOut(customer_id=customer_id, phone=await contacts.reveal(tx, shop, customer_id))
