"""Operation plans: draft -> starting -> running -> ended or terminated."""

import asyncpg

from campaign_svc import coupons
from campaign_svc.models import Plan
from campaign_svc.terms import PlanChange, PlanTerms
from huitou_chassis import Conflict, Invalid, NotFound, Tx, telemetry
from huitou_events import PlanEnded, PlanStarted, micros, moment
from huitou_events.event import new_id

UNDER_WAY = ("starting", "running")
BATCH = 100


async def create(tx: Tx, shop: str, terms: PlanTerms, *, audience_size: int) -> Plan:
    """A draft; Invalid, with the field, for a coupon that the shop does not have."""
    await _check(tx, shop, terms)
    row = await tx.fetchrow(
        """
        INSERT INTO plan (shop_id, plan_id, state, created_us, audience_size, name, audience_id, channels,
                          coupon_id, template_id, variables, timing, poster, holdout, ends_us)
        VALUES ($1, $2, 'draft', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        RETURNING *
        """,
        shop,
        f"pl_{new_id()}",
        tx.us,
        audience_size,
        *_columns(terms),
    )
    return _plan(row)


async def get(tx: Tx, shop: str, plan_id: str) -> Plan:
    """NotFound if the shop has no such plan."""
    return _plan(await tx.fetchrow("SELECT * FROM plan WHERE (shop_id, plan_id) = ($1, $2)", shop, plan_id), plan_id)


async def page(tx: Tx, shop: str, *, after: tuple[int, str], limit: int) -> list[Plan]:
    """Plans, oldest first, after a place (created_us, plan id)."""
    rows = await tx.fetch(
        """
        SELECT * FROM plan WHERE shop_id = $1 AND (created_us, plan_id) > ($2, $3)
        ORDER BY created_us, plan_id LIMIT $4
        """,
        shop,
        *after,
        limit,
    )
    return [Plan.of(row) for row in rows]


async def change(tx: Tx, shop: str, plan_id: str, change: PlanChange, *, audience_size: int | None) -> Plan:
    """A draft with other terms; Conflict `not-draft` once it was started. The size is None if the audience stays."""
    plan = await _hold(tx, shop, plan_id)
    if plan.state != "draft":
        raise Conflict("not-draft", f"the plan is {plan.state}; once started it can only be terminated")
    terms = change.applied_to(plan.terms)
    await _check(tx, shop, terms)
    row = await tx.fetchrow(
        """
        UPDATE plan SET audience_size = $3, name = $4, audience_id = $5, channels = $6, coupon_id = $7,
            template_id = $8, variables = $9, timing = $10, poster = $11, holdout = $12, ends_us = $13
        WHERE (shop_id, plan_id) = ($1, $2)
        RETURNING *
        """,
        shop,
        plan_id,
        plan.audience_size if audience_size is None else audience_size,
        *_columns(terms),
    )
    return _plan(row)


async def start(tx: Tx, shop: str, plan_id: str, *, live: bool) -> Plan:
    """Takes the members of this moment, or of the first one at which the audience is live; plan.started.

    A plan that is under way stays as it is; Conflict for one that is over, or whose time or coupon is.
    """
    plan = await _hold(tx, shop, plan_id)
    if plan.state in UNDER_WAY:
        return plan
    if plan.state != "draft":
        raise Conflict(plan.state, f"the plan is {plan.state}; make a new one")
    if plan.terms.ends_at is not None and plan.terms.ends_at <= tx.now:
        raise Conflict("not-valid", "ends_at has passed; change it first")
    if plan.terms.coupon_id is not None:
        coupon = await coupons.get(tx, shop, plan.terms.coupon_id)
        if tx.us >= coupon.validity(tx.us)[1]:
            raise Conflict("not-valid", f"the time of the coupon {coupon.id!r} is over; choose another first")
    row = await tx.fetchrow(
        """
        UPDATE plan SET state = 'starting', started_us = $3::bigint, taken_us = CASE WHEN $4 THEN $3::bigint END,
            trace = $5
        WHERE (shop_id, plan_id) = ($1, $2) RETURNING *
        """,
        shop,
        plan_id,
        tx.us,
        live,
        tx.trace.parent if tx.trace else None,
    )
    tx.emit(PlanStarted(plan_id=plan_id, audience_id=plan.terms.audience), shop=shop, because=f"plan {plan_id} started")
    return _plan(row)


async def terminate(tx: Tx, shop: str, plan_id: str) -> Plan:
    """Nothing more goes out, and what has not gone out is cancelled; plan.ended. Conflict if it is not under way."""
    plan = await _hold(tx, shop, plan_id)
    if plan.state == "terminated":
        return plan
    if plan.state not in UNDER_WAY:
        raise Conflict("not-started" if plan.state == "draft" else "ended", f"the plan is {plan.state}")
    return await _finish(tx, plan, state="terminated", us=tx.us)


async def end_due(tx: Tx) -> int:
    """Ends plans whose ends_at has come, in the order of it; how many. plan.ended at that moment."""
    rows = await tx.fetch(
        """
        SELECT * FROM plan WHERE state IN ('starting', 'running') AND ends_us <= $1
        ORDER BY ends_us LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        tx.us,
        BATCH,
    )
    if rows:
        telemetry.note_late("plan-ends", tx.us - rows[0]["ends_us"])
    for row in rows:
        await _finish(tx, Plan.of(row), state="ended", us=row["ends_us"])
    return len(rows)


async def _finish(tx: Tx, plan: Plan, *, state: str, us: int) -> Plan:
    row = await tx.fetchrow(
        "UPDATE plan SET state = $3, ended_us = $4 WHERE (shop_id, plan_id) = ($1, $2) RETURNING *",
        plan.shop,
        plan.id,
        state,
        us,
    )
    ended = PlanEnded(plan_id=plan.id, audience_id=plan.terms.audience)
    tx.emit(ended, shop=plan.shop, because=f"plan {plan.id} {state}", time=moment(us))
    return _plan(row)


async def _hold(tx: Tx, shop: str, plan_id: str) -> Plan:
    row = await tx.fetchrow("SELECT * FROM plan WHERE (shop_id, plan_id) = ($1, $2) FOR UPDATE", shop, plan_id)
    return _plan(row, plan_id)


async def _check(tx: Tx, shop: str, terms: PlanTerms) -> None:
    terms.check(tx.now)
    if terms.coupon_id is not None:
        try:
            await coupons.get(tx, shop, terms.coupon_id)
        except NotFound as error:
            raise Invalid(field="coupon_id", detail=error.detail) from error


def _plan(row: asyncpg.Record | None, plan_id: str = "") -> Plan:
    if row is None:
        raise NotFound(f"no plan {plan_id!r}; GET /plans lists them")
    return Plan.of(row)


def _columns(terms: PlanTerms) -> tuple[object, ...]:
    """name to ends_us, in the order of the table."""
    poster = None if terms.poster is None else terms.poster.model_dump(mode="json")
    return (
        terms.name,
        terms.audience,
        list(terms.channels),
        terms.coupon_id,
        terms.template_id,
        terms.variables,
        terms.timing.model_dump(mode="json", by_alias=True, exclude_none=True),
        poster,
        terms.holdout,
        None if terms.ends_at is None else micros(terms.ends_at),
    )
