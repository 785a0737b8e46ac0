"""Calls on single customers and their tags."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from huitou_chassis import Model, Router, ShopId, Text, Transaction
from huitou_events import Id, moment
from segment_svc import profiles, tags

MOST_AT_ONCE = 10_000

router = Router(tags=["customers"])


class PlaceOut(Model):
    """An audience that the customer is in."""

    audience_id: str
    since: datetime


class CustomerOut(Model):
    """Attributes that are not known are null; money is in the minor unit."""

    customer_id: str
    attributes: dict[str, object]
    tags: list[str]
    audiences: list[PlaceOut]


@router.get("/customers/{customer:path}")
async def get(customer: Id, shop: ShopId, tx: Transaction) -> CustomerOut:
    found = await profiles.get(tx, shop, customer)
    return CustomerOut(
        customer_id=customer,
        attributes=found.attributes,
        tags=found.tags,
        audiences=[PlaceOut(audience_id=id, since=moment(since)) for id, since in found.audiences],
    )


@router.put("/customers/{customer:path}/tags/{tag:path}", status_code=204)
async def put_tag(customer: Id, tag: Text, shop: ShopId, tx: Transaction) -> None:
    await tags.put(tx, shop, tag, [customer])


@router.delete("/customers/{customer:path}/tags/{tag:path}", status_code=204)
async def take_tag(customer: Id, tag: Text, shop: ShopId, tx: Transaction) -> None:
    await tags.take(tx, shop, tag, customer)


class TaggedIn(Model):
    customers: Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)]


class TaggedOut(Model):
    """How many customers have the tag now that did not have it before."""

    tagged: int


@router.post("/tags/{tag:path}/customers")
async def put_tag_on_many(tag: Text, body: TaggedIn, shop: ShopId, tx: Transaction) -> TaggedOut:
    return TaggedOut(tagged=await tags.put(tx, shop, tag, body.customers))
