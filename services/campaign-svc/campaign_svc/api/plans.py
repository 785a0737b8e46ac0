"""Calls about plans: draft, start, terminate, look at what they bring."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Path, Request, Response

from campaign_svc import audiences, effects, plans
from campaign_svc.answers import EffectsOut, PlanListed, PlanOut
from campaign_svc.audiences import Audience
from campaign_svc.terms import PlanChange, PlanTerms
from huitou_chassis import Context, Ctx, Model, Page, Paged, Router, ShopId, Transaction, Tx, idempotency
from huitou_chassis.routing import note, replay, scope_of
from huitou_events import Id

router = Router(tags=["plans"])
PathId = Annotated[Id, Path()]


@router.post("/plans", status_code=201, response_model=PlanOut)
async def create_plan(terms: PlanTerms, shop: ShopId, ctx: Ctx, request: Request) -> Response:
    """A draft; 422 names `audience` if segment-svc does not know it, 503 if it cannot be asked."""

    async def look() -> Audience:
        return await audiences.get(ctx, shop, terms.audience)

    async def create(tx: Tx, audience: Audience) -> Model:
        return PlanOut.of(await plans.create(tx, shop, terms, audience_size=audience.size))

    return await _once(request, ctx, 201, look, create)


@router.patch("/plans/{plan_id}")
async def change_plan(plan_id: PathId, change: PlanChange, shop: ShopId, ctx: Ctx, request: Request) -> PlanOut:
    """Changes a draft; 409 `not-draft` once it was started. Fields that are not given stay."""
    size = (await audiences.get(ctx, shop, change.audience)).size if change.audience else None
    async with ctx.db.transaction(shop=shop) as tx:
        changed = PlanOut.of(await plans.change(tx, shop, plan_id, change, audience_size=size))
        await note(request, tx, 200)
        return changed


@router.post("/plans/{plan_id}/start", response_model=PlanOut)
async def start_plan(plan_id: PathId, shop: ShopId, ctx: Ctx, request: Request) -> Response:
    """Starts the plan for the members of this moment; a plan that is under way stays as it is."""

    async def look() -> Audience:
        async with ctx.db.transaction(shop=shop) as tx:
            plan = await plans.get(tx, shop, plan_id)
        return await audiences.get(ctx, shop, plan.terms.audience)

    async def start(tx: Tx, audience: Audience) -> Model:
        return PlanOut.of(await plans.start(tx, shop, plan_id, live=audience.live))

    return await _once(request, ctx, 200, look, start)


@router.post("/plans/{plan_id}/terminate")
async def terminate_plan(plan_id: PathId, shop: ShopId, tx: Transaction) -> PlanOut:
    """Stops what has not yet gone out."""
    return PlanOut.of(await plans.terminate(tx, shop, plan_id))


@router.get("/plans")
async def list_plans(shop: ShopId, page: Page, tx: Transaction) -> Paged[PlanListed]:
    """Plans, oldest first, with their effects so far."""
    after_us, after_id = page.key(int, str) or (-1, "")
    rows = await plans.page(tx, shop, after=(after_us, after_id), limit=page.limit + 1)
    known = await effects.of(tx, shop, [plan.id for plan in rows])
    return page.answer(
        rows,
        key=lambda plan: [plan.created_us, plan.id],
        item=lambda plan: PlanListed.with_effects(plan, known[plan.id]),
    )


@router.get("/plans/{plan_id}")
async def get_plan(plan_id: PathId, shop: ShopId, tx: Transaction) -> PlanOut:
    return PlanOut.of(await plans.get(tx, shop, plan_id))


@router.get("/plans/{plan_id}/effects")
async def get_effects(plan_id: PathId, shop: ShopId, tx: Transaction) -> EffectsOut:
    """What the plan has brought about so far."""
    plan = await plans.get(tx, shop, plan_id)
    return EffectsOut.of((await effects.of(tx, shop, [plan.id]))[plan.id])


async def _once(
    request: Request,
    ctx: Context,
    status: int,
    look: Callable[[], Awaitable[Audience]],
    act: Callable[[Tx, Audience], Awaitable[Model]],
) -> Response:
    """Looks at segment-svc outside of any transaction, then acts in one; once for an Idempotency-Key."""
    shop, key = request.path_params["shop"], request.headers.get("idempotency-key")
    scope = None if key is None else scope_of(request, key)
    asked = {} if scope is None else {scope: idempotency.fingerprint(await request.body())}
    if scope is not None:
        async with ctx.db.transaction(shop=shop) as tx:
            if known := (await idempotency.claim(tx, asked)).get(scope):
                return replay(known)
            await idempotency.release(tx, [scope])
    audience = await look()
    async with ctx.db.transaction(shop=shop) as tx:
        if scope is not None and (known := (await idempotency.claim(tx, asked)).get(scope)):
            return replay(known)
        body = (await act(tx, audience)).model_dump_json(by_alias=True).encode()
        if scope is not None:
            await idempotency.store(tx, {scope: idempotency.Answer(status, body)})
        await note(request, tx, status)
    return Response(body, status, media_type="application/json")
