"""Which plans are over and which jobs were taken back: neither sends what has not gone out."""

from collections.abc import Iterable, Sequence

from huitou_chassis import Tx
from huitou_events import Event, MessageCancelled, PlanEnded
from notify_svc import deliveries
from notify_svc.deliveries import WAITING
from notify_svc.messages import Change


async def end(events: Sequence[Event[PlanEnded]], tx: Tx) -> None:
    """Ends the plans; their waiting messages are suppressed: message.suppressed."""
    plans = sorted({(event.shop, event.data.plan_id): event.us for event in events}.items())
    await tx.execute(
        """
        INSERT INTO ended_plan (shop_id, plan_id, at_us) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        ON CONFLICT DO NOTHING
        """,
        [shop for (shop, _), _ in plans],
        [plan for (_, plan), _ in plans],
        [at for _, at in plans],
    )
    jobs = await deliveries.waiting_in(tx, [plan for plan, _ in plans])
    held = [Change(job.shop, job.job_id, "suppressed", "plan-ended") for job in jobs]
    await deliveries.change(tx, held, seen=WAITING)


async def cancel(events: Sequence[Event[MessageCancelled]], tx: Tx) -> None:
    """Takes the jobs back, also those that are asked for later: message.suppressed."""
    jobs = sorted({(event.shop, event.data.job_id): event.us for event in events}.items())
    await tx.execute(
        """
        INSERT INTO cancellation (shop_id, job_id, at_us) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        ON CONFLICT DO NOTHING
        """,
        [shop for (shop, _), _ in jobs],
        [job for (_, job), _ in jobs],
        [at for _, at in jobs],
    )
    held = [Change(shop, job, "suppressed", "cancelled") for (shop, job), _ in jobs]
    await deliveries.change(tx, held, seen=WAITING)


async def ended(tx: Tx, plans: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the plans (shop, plan) that are over."""
    asked = sorted(set(plans))
    rows = await tx.fetch(
        """
        SELECT shop_id, plan_id FROM ended_plan
        WHERE (shop_id, plan_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        [shop for shop, _ in asked],
        [plan for _, plan in asked],
    )
    return {(row["shop_id"], row["plan_id"]) for row in rows}


async def cancelled(tx: Tx, jobs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the jobs (shop, job) that were taken back."""
    asked = sorted(set(jobs))
    rows = await tx.fetch(
        """
        SELECT shop_id, job_id FROM cancellation
        WHERE (shop_id, job_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        [shop for shop, _ in asked],
        [job for _, job in asked],
    )
    return {(row["shop_id"], row["job_id"]) for row in rows}
