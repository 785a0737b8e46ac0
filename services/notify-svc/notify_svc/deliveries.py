"""The ledger: one row for every message asked for, its state, and every decision about it with the moment and reason.

    scheduled -> sending -> sent -> delivered | failed       the way of an SMS
    sending -> retrying -> sending                           the provider was busy; nothing went out
    sending -> unknown -> sent | retrying                    nobody knows whether it went out: the provider is asked
    scheduled | retrying -> suppressed                       held back for good
    scheduled -> delivered                                   a poster that was shown

Whoever changes rows of known customers locks the customers first, so that two transactions never wait for each other.
"""

from collections.abc import Sequence
from typing import Any

from huitou_chassis import Tx
from huitou_events import (
    MessageDelivered,
    MessageFailed,
    MessageScheduled,
    MessageSent,
    MessageSuppressed,
    moment,
)
from huitou_events.notify import Delivery as DeliveryFact
from notify_svc.messages import Change, Message, State, stored

WAITING: tuple[State, ...] = ("scheduled", "retrying")
SAID: dict[State, type[DeliveryFact]] = {
    "scheduled": MessageScheduled,
    "suppressed": MessageSuppressed,
    "sent": MessageSent,
    "delivered": MessageDelivered,
    "failed": MessageFailed,
}


COLUMNS = (
    "shop_id text, job_id text, customer_id text, plan_id text, channel text, purpose text, template_id text, "
    "variables jsonb, coupon_code text, poster jsonb, kind text, requested_us bigint, until_us bigint, "
    "expires_us bigint, priority integer, state text, reason text, at_us bigint, masked text, parts smallint, "
    "history jsonb"
)
NAMES = ", ".join(column.split()[0] for column in COLUMNS.split(", "))


async def add(tx: Tx, decided: Sequence[tuple[Message, Change]]) -> None:
    """Adds messages with the first decision about each; the caller says so itself, naming the cause."""
    rows = [
        {
            **{name: getattr(message, name, None) for name in NAMES.split(", ")},
            "shop_id": message.shop,
            "state": change.state,
            "reason": change.reason,
            "at_us": change.at_us,
            "masked": change.masked,
            "parts": change.parts,
            "history": [entry(tx, change)],
        }
        for message, change in decided
    ]
    await tx.execute(
        f"INSERT INTO delivery ({NAMES}) SELECT {NAMES} FROM jsonb_to_recordset($1) AS asked ({COLUMNS})", rows
    )


def entry(tx: Tx, change: Change) -> dict[str, Any]:
    """One line of a message's history; moments in microseconds, and the trace in which it was written."""
    trace = tx.trace.parent if tx.trace else None
    said = {"when": tx.us, "state": change.state, "reason": change.reason, "at": change.at_us, "trace": trace}
    return {name: value for name, value in said.items() if value is not None}


CHANGE = """
WITH next AS (
    SELECT * FROM jsonb_to_recordset($1) AS said (shop text, job_id text, state text, reason text, at_us bigint,
        sent_us bigint, parts smallint, masked text, provider text, provider_id text, pause_s float8,
        attempted boolean, entry jsonb, attempts integer)
), held AS (
    SELECT delivery.shop_id, delivery.job_id FROM delivery JOIN next
        ON delivery.shop_id = next.shop AND delivery.job_id = next.job_id
    WHERE delivery.state = ANY($2::text[]) AND (next.attempts IS NULL OR next.attempts = delivery.attempts)
    ORDER BY delivery.shop_id, delivery.job_id FOR UPDATE OF delivery
)
UPDATE delivery SET
    state = next.state,
    reason = next.reason,
    at_us = coalesce(next.at_us, delivery.at_us),
    sent_us = CASE WHEN next.state IN ('scheduled', 'retrying', 'suppressed') THEN NULL
        ELSE coalesce(next.sent_us, delivery.sent_us) END,
    delivered_us = CASE WHEN next.state = 'delivered' THEN $3 ELSE delivery.delivered_us END,
    parts = coalesce(next.parts, delivery.parts),
    masked = coalesce(next.masked, delivery.masked),
    provider = coalesce(next.provider, delivery.provider),
    provider_id = coalesce(next.provider_id, delivery.provider_id),
    attempts = delivery.attempts + next.attempted::integer,
    wake = clock_timestamp() + make_interval(secs => next.pause_s),
    history = delivery.history || next.entry
FROM next JOIN held ON held.shop_id = next.shop AND held.job_id = next.job_id
WHERE delivery.shop_id = held.shop_id AND delivery.job_id = held.job_id
RETURNING delivery.*
"""


async def change(
    tx: Tx, changes: Sequence[Change], *, seen: Sequence[State], attempts: Sequence[int] | None = None
) -> list[tuple[str, str]]:
    """Changes those messages that are still in one of the `seen` states, and says so; answers which they were.

    With `attempts`, one number a change, only those that nobody has claimed since.
    """
    rows = [
        {**vars(item), "entry": [entry(tx, item)], "attempts": attempts[place] if attempts else None}
        for place, item in enumerate(changes)
    ]
    if not rows:
        return []
    done = await tx.fetch(CHANGE, rows, list(seen), tx.us)
    for row in done:
        say(tx, row)
    return [(row["shop_id"], row["job_id"]) for row in done]


def say(tx: Tx, row: Any) -> None:
    """message.scheduled, suppressed, sent, delivered or failed; nothing about tries and test messages."""
    kind = SAID.get(row["state"])
    if kind is None or row["purpose"] == "test":
        return
    cause = f"job {row['job_id']}, decision {len(row['history'])}"
    tx.emit(fact(kind, row), shop=row["shop_id"], because=cause, time=tx.now)


def fact(kind: type[DeliveryFact], row: Any) -> DeliveryFact:
    at = {"at": moment(row["at_us"])} if kind is MessageScheduled else {}
    return kind(
        customer_id=row["customer_id"],
        job_id=row["job_id"],
        reason=row["reason"],
        provider=row["provider"],
        parts=row["parts"],
        **at,
    )


async def waiting_for(tx: Tx, who: Sequence[tuple[str, str]]) -> list[Message]:
    """What has not gone out to these customers."""
    return await found(tx, "customer_id", who)


async def waiting_in(tx: Tx, plans: Sequence[tuple[str, str]]) -> list[Message]:
    """What has not gone out in these plans."""
    return await found(tx, "plan_id", plans)


async def found(tx: Tx, column: str, keys: Sequence[tuple[str, str]]) -> list[Message]:
    rows = await tx.fetch(
        f"""
        SELECT * FROM delivery WHERE (shop_id, {column}) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND state IN ('scheduled', 'retrying')
        """,
        [shop for shop, _ in keys],
        [name for _, name in keys],
    )
    return [stored(row) for row in rows]


async def listed(
    tx: Tx,
    shop: str,
    *,
    plan: str | None,
    customer: str | None,
    state: State | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[Any]:
    """A shop's messages in the order in which they were asked for."""
    wanted = {"plan_id": plan, "customer_id": customer, "state": state}
    given = {column: value for column, value in wanted.items() if value is not None}
    where = "".join(f" AND {column} = ${place}" for place, column in enumerate(given, start=5))
    return await tx.fetch(
        f"""
        SELECT * FROM delivery WHERE shop_id = $1 AND (requested_us, job_id) > ($2, $3){where}
        ORDER BY requested_us, job_id LIMIT $4
        """,
        shop,
        *(after or (-(2**63), "")),
        limit,
        *given.values(),
    )


async def scrub(tx: Tx, erased: Sequence[tuple[str, str]]) -> None:
    """Takes what is personal off the messages of erased customers; those that wait do not go out."""
    held = [Change(job.shop, job.job_id, "suppressed", "erased") for job in await waiting_for(tx, erased)]
    await change(tx, held, seen=WAITING)
    await tx.execute(
        """
        UPDATE delivery SET masked = NULL, variables = '{}', coupon_code = NULL
        FROM customer
        WHERE customer.shop_id = delivery.shop_id AND customer.customer_id = delivery.customer_id
            AND (delivery.shop_id, delivery.customer_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND delivery.requested_us <= customer.erased_us
        """,
        [shop for shop, _ in erased],
        [customer for _, customer in erased],
    )
