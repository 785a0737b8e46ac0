"""Calls on single customers and their tags."""

from datetime import datetime

from huitou_chassis import Caller, Model, Router, ShopId, Text, Transaction
from huitou_events import Id, moment
from segment_svc import profiles, tags
from segment_svc.profiles import Profile
from segment_svc.tags import How

router = Router(tags=["customers"])


class PlaceOut(Model):
    """An audience that the customer is in."""

    audience_id: str
    since: datetime


class TagOn(Model):
    """A tag that is on the customer: since when, by whose key (null: by a rule, or not written down), and how."""

    tag: str
    at: datetime
    by: str | None
    how: How | None


class CustomerOut(Model):
    """Attributes and scores (`rfm`) that are not known are null; money is in the minor unit."""

    customer_id: str
    attributes: dict[str, object]
    rfm: dict[str, int | None]
    tags: list[str]
    tagged: list[TagOn]
    audiences: list[PlaceOut]


@router.get("/customers/{customer:path}")
async def get(customer: Id, shop: ShopId, tx: Transaction) -> CustomerOut:
    return shown(customer, await profiles.get(tx, shop, customer))


def shown(customer: str, found: Profile) -> CustomerOut:
    """The customer as they are answered."""
    return CustomerOut(
        customer_id=customer,
        attributes=found.attributes,
        rfm=dict(found.scores),
        tags=[put.tag for put in found.tags],
        tagged=[TagOn(tag=put.tag, at=moment(put.at), by=put.by, how=put.how) for put in found.tags],
        audiences=[PlaceOut(audience_id=id, since=moment(since)) for id, since in found.audiences],
    )


@router.put("/customers/{customer:path}/tags/{tag:path}", status_code=204)
async def put_tag(customer: Id, tag: Text, shop: ShopId, tx: Transaction, caller: Caller) -> None:
    await tags.put(tx, shop, tag, [customer], by=caller.name, how="hand")


@router.delete("/customers/{customer:path}/tags/{tag:path}", status_code=204)
async def take_tag(customer: Id, tag: Text, shop: ShopId, tx: Transaction) -> None:
    await tags.take(tx, shop, tag, customer)
