"""What a starting plan gives to its members: the coupon, and a request for each message. Each member once.

The coupon, the requests and the member's outcome are one transaction; a crash leaves a member waiting or done.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from campaign_svc import claims
from campaign_svc.claims import Wish
from campaign_svc.life import Refused
from campaign_svc.models import Claim, Plan
from campaign_svc.terms import Channel
from huitou_chassis import Context, Tx, tracing
from huitou_events import MessageRequested, moment

BATCH = 500
PLANS = 100


async def issue(ctx: Context) -> bool:
    """A batch of members of every starting plan; True if there are more."""
    async with ctx.db.transaction() as tx:
        rows = await tx.fetch(
            "SELECT shop_id, plan_id FROM plan WHERE state = 'starting' ORDER BY started_us LIMIT $1", PLANS
        )
    went_on = False
    for row in rows:
        async with ctx.db.transaction() as tx:
            went_on |= await give(tx, row["shop_id"], row["plan_id"])
    return went_on


async def give(tx: Tx, shop: str, plan_id: str, limit: int = BATCH) -> bool:
    """Gives to members that wait; False when none did. The plan is running once all its members had their turn."""
    # Locked, so that a plan that is terminated says nothing more from then on.
    row = await tx.fetchrow(
        """
        SELECT * FROM plan
        WHERE (shop_id, plan_id) = ($1, $2) AND state = 'starting' AND coalesce(ends_us > $3, true) FOR UPDATE
        """,
        shop,
        plan_id,
        tx.us,
    )
    if row is None:
        return False
    plan = Plan.of(row)
    waiting = await _waiting(tx, plan, limit)
    if not waiting:
        if plan.collected:
            await tx.execute("UPDATE plan SET state = 'running' WHERE (shop_id, plan_id) = ($1, $2)", shop, plan_id)
        return False
    with tracing.linked("plan", [plan.trace]):
        given = await _coupons(tx, plan, waiting)
        served = {customer: claim for customer, claim in given.items() if not isinstance(claim, Refused)}
        await _request(tx, plan, served)
    await _note(tx, plan, given)
    return True


async def _waiting(tx: Tx, plan: Plan, limit: int) -> list[str]:
    rows = await tx.fetch(
        """
        SELECT customer_id FROM plan_member
        WHERE (shop_id, plan_id) = ($1, $2) AND outcome = 'waiting' ORDER BY customer_id LIMIT $3
        """,
        plan.shop,
        plan.id,
        limit,
    )
    return [row["customer_id"] for row in rows]


async def _coupons(tx: Tx, plan: Plan, customers: Sequence[str]) -> dict[str, Claim | Refused | None]:
    """What each customer got; None where the plan gives no coupon."""
    coupon_id = plan.terms.coupon_id
    if coupon_id is None:
        return dict.fromkeys(customers)
    wishes = [Wish(plan.shop, coupon_id, customer_id, plan.id) for customer_id in customers]
    return dict(zip(customers, await claims.issue(tx, wishes), strict=True))


async def _request(tx: Tx, plan: Plan, served: Mapping[str, Claim | None]) -> None:
    """message.requested for each channel; the job's id follows from plan, customer and channel."""
    jobs: list[tuple[str, str, Channel]] = []
    for customer_id, claim in served.items():
        for channel in plan.terms.channels:
            job_id = job_id_of(plan, customer_id, channel)
            jobs.append((job_id, customer_id, channel))
            message = _message(plan, job_id, customer_id, channel, claim)
            tx.emit(message, shop=plan.shop, because=f"plan {plan.id} started", about=job_id)
    await tx.execute(
        """
        INSERT INTO message (shop_id, plan_id, requested_us, job_id, customer_id, channel)
        SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::text[])
        """,
        plan.shop,
        plan.id,
        tx.us,
        [job_id for job_id, _, _ in jobs],
        [customer_id for _, customer_id, _ in jobs],
        [channel for _, _, channel in jobs],
    )


def job_id_of(plan: Plan, customer_id: str, channel: Channel) -> str:
    return str(uuid5(NAMESPACE_URL, "\n".join((plan.shop, plan.id, channel, customer_id))))


def _message(plan: Plan, job_id: str, customer_id: str, channel: Channel, claim: Claim | None) -> MessageRequested:
    terms = plan.terms
    return MessageRequested(
        customer_id=customer_id,
        job_id=job_id,
        plan_id=plan.id,
        channel=channel,
        purpose="marketing",
        template_id=terms.template_id if channel == "sms" else None,
        variables=terms.variables,
        coupon_code=claim.code if claim else None,
        timing=terms.timing,
        expires_at=_expires_at(plan, claim),
        poster=terms.poster if channel == "poster" else None,
    )


def _expires_at(plan: Plan, claim: Claim | None) -> datetime | None:
    """Nobody is to hear of a plan that is over, or of a coupon that is."""
    ends = [] if plan.terms.ends_at is None else [plan.terms.ends_at]
    ends += [moment(claim.valid_until_us)] if claim else []
    return min(ends, default=None)


async def _note(tx: Tx, plan: Plan, given: Mapping[str, Claim | Refused | None]) -> None:
    await tx.execute(
        """
        UPDATE plan_member AS member SET outcome = done.outcome
        FROM unnest($3::text[], $4::text[]) AS done (customer_id, outcome)
        WHERE (member.shop_id, member.plan_id, member.customer_id) = ($1, $2, done.customer_id)
        """,
        plan.shop,
        plan.id,
        list(given),
        [each.type if isinstance(each, Refused) else "requested" for each in given.values()],
    )
