"""Calls about deliveries, policy, opt-outs, the best moment to write, and posters."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field, StringConstraints, model_validator

from huitou_chassis import Invalid, Model, NotFound, Page, Paged, Router, ShopId, Time, Transaction
from huitou_events import Id, micros, moment
from notify_svc import deliveries, forecast, opt_outs, phones, policy, posters
from notify_svc.forecast import Forecast
from notify_svc.messages import State
from notify_svc.policy import PolicyBody, PolicyOut

router = Router(tags=["messages"])


class Decision(Model):
    """One decision about a message: made `when`, for the moment `at`."""

    when: datetime
    state: State
    reason: str | None
    at: datetime | None


class DeliveryOut(Model):
    """A message and what became of it: planned for `at`, left at `sent_at`; the recipient's number is masked."""

    job_id: str
    plan_id: str
    customer_id: str
    channel: Literal["sms", "poster"]
    purpose: Literal["marketing", "care", "test"]
    template_id: str | None
    state: State
    reason: str | None
    at: datetime | None
    requested_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    clicked_at: datetime | None
    phone: str | None
    parts: int | None
    provider: str | None
    attempts: int
    history: list[Decision]


@router.get("/deliveries")
async def list_deliveries(
    shop: ShopId,
    page: Page,
    tx: Transaction,
    plan: Annotated[str | None, Query(max_length=128)] = None,
    customer: Annotated[str | None, Query(max_length=128)] = None,
    state: State | None = None,
) -> Paged[DeliveryOut]:
    """Messages in the order in which they were asked for."""
    after = page.key(int, str)
    rows = await deliveries.listed(
        tx, shop, plan=plan, customer=customer, state=state, after=after, limit=page.limit + 1
    )
    return page.answer(rows, key=lambda row: [row["requested_us"], row["job_id"]], item=shown)


@router.get("/deliveries/{job_id}")
async def get_delivery(job_id: Id, shop: ShopId, tx: Transaction) -> DeliveryOut:
    row = await tx.fetchrow("SELECT * FROM delivery WHERE shop_id = $1 AND job_id = $2", shop, job_id)
    if row is None:
        raise NotFound(f"no message {job_id!r}; GET /deliveries lists them")
    return shown(row)


def shown(row: Any) -> DeliveryOut:
    names = ("job_id", "plan_id", "customer_id", "channel", "purpose", "template_id", "state", "reason")
    return DeliveryOut(
        **{name: row[name] for name in (*names, "parts", "provider", "attempts")},
        phone=row["masked"],
        requested_at=moment(row["requested_us"]),
        **{f"{step}_at": time_of(row[f"{step}_us"]) for step in ("delivered", "clicked")},
        sent_at=time_of(row["sent_us"]) if row["state"] in ("sent", "delivered", "failed") else None,
        at=time_of(row["at_us"]),
        history=[
            Decision(
                when=moment(line["when"]), state=line["state"], reason=line.get("reason"), at=time_of(line.get("at"))
            )
            for line in row["history"]
        ],
    )


def time_of(us: int | None) -> datetime | None:
    return None if us is None else moment(us)


@router.get("/policy")
async def get_policy(shop: ShopId, tx: Transaction) -> PolicyOut:
    return await policy.show(tx, shop)


@router.put("/policy")
async def put_policy(body: PolicyBody, shop: ShopId, tx: Transaction) -> PolicyOut:
    """Puts a new version of the policy in force; what is left out has its default."""
    return await policy.change(tx, shop, body)


class OptOutIn(Model):
    """Either a customer or a phone."""

    customer_id: Id | None = None
    phone: Annotated[str, StringConstraints(min_length=5, max_length=24)] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "OptOutIn":
        if (self.customer_id is None) == (self.phone is None):
            raise ValueError("give either customer_id or phone")
        return self


class OptOutOut(Model):
    """The customers who get no more messages; a phone may be nobody's yet."""

    customers: list[str]


@router.post("/opt-outs", status_code=201)
async def opt_out(body: OptOutIn, shop: ShopId, tx: Transaction) -> OptOutOut:
    """At once and for good: also what is scheduled does not go out."""
    if body.customer_id is not None:
        await opt_outs.by_customer(tx, shop, body.customer_id, how="api")
        return OptOutOut(customers=[body.customer_id])
    phone = phones.read(body.phone or "")
    if phone.kind == "invalid":
        raise Invalid(field="phone", detail="not a phone number; an example is +8613812348000")
    return OptOutOut(customers=await opt_outs.by_phone(tx, shop, phone, how="api"))


@router.get("/customers/{customer_id:path}/send-time")
async def get_send_time(
    customer_id: Id,
    shop: ShopId,
    tx: Transaction,
    from_: Annotated[Time | None, Query(alias="from")] = None,
    until: Time | None = None,
) -> Forecast:
    """The best moment to write to the customer between two others; without them, within a day from now."""
    start = max(tx.us, micros(from_)) if from_ else tx.us
    end = micros(until) if until else start + forecast.USUAL_WINDOW
    if not start < end <= start + forecast.LONGEST_WINDOW:
        raise Invalid(field="until", detail="later than from and now, by at most 60 days")
    return await forecast.best(tx, shop, customer_id, (start, end))


class PosterOut(Model):
    """What to show where, until when; the shop's front names `job_id` as the page of poster.shown and clicked."""

    job_id: str
    plan_id: str
    slot: str
    image: str
    link: str
    coupon_code: str | None
    variables: dict[str, str]
    priority: int
    until: datetime | None


class Posters(Model):
    """The most important first; a slot that has room for one shows its first."""

    items: list[PosterOut]
    next_cursor: None = Field(None, description="Always null: a customer has few posters")


@router.get("/posters")
async def get_posters(
    shop: ShopId, tx: Transaction, customer_id: Annotated[str, Query(min_length=1, max_length=128)]
) -> Posters:
    """What the customer is to see now."""
    rows = await posters.on_show(tx, shop, customer_id, limit=100)
    return Posters(items=[poster(row) for row in rows])


def poster(row: Any) -> PosterOut:
    ends = [end for end in (row["until_us"], row["expires_us"]) if end is not None]
    return PosterOut(
        **{name: row[name] for name in ("job_id", "plan_id", "coupon_code", "variables", "priority")},
        **row["poster"],
        until=time_of(min(ends, default=None)),
    )
