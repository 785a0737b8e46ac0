"""What became of the messages that plans asked for: the first moment of each step, whatever order they come in."""

from collections.abc import Sequence
from typing import Any

from huitou_chassis import Tx
from huitou_events import (
    Event,
    MessageClicked,
    MessageDelivered,
    MessageFailed,
    MessageSent,
    MessageSuppressed,
)

STEPS = (MessageSuppressed, MessageSent, MessageDelivered, MessageFailed, MessageClicked)


async def note(tx: Tx, events: Sequence[Event[Any]]) -> None:
    """One statement for all; messages of which no plan knows are somebody else's."""
    first: dict[tuple[str, str], dict[type[Any], Event[Any]]] = {}
    for event in sorted(events, key=lambda event: event.order):
        first.setdefault((event.shop, event.data.job_id), {}).setdefault(type(event.data), event)
    jobs = sorted(first)
    reasons = [_reason(first[job].get(MessageSuppressed)) for job in jobs]
    await tx.execute(
        """
        WITH step AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[],
                                 $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
                AS step (shop_id, job_id, reason, suppressed_us, sent_us, delivered_us, failed_us, clicked_us)
        ), held AS (
            SELECT shop_id, job_id FROM message WHERE (shop_id, job_id) IN (SELECT shop_id, job_id FROM step)
            ORDER BY shop_id, job_id FOR UPDATE
        )
        UPDATE message SET
            suppressed_reason = CASE
                WHEN step.suppressed_us < coalesce(message.suppressed_us, step.suppressed_us + 1) THEN step.reason
                ELSE message.suppressed_reason
            END,
            suppressed_us = least(message.suppressed_us, step.suppressed_us),
            sent_us = least(message.sent_us, step.sent_us),
            delivered_us = least(message.delivered_us, step.delivered_us),
            failed_us = least(message.failed_us, step.failed_us),
            clicked_us = least(message.clicked_us, step.clicked_us)
        FROM step JOIN held USING (shop_id, job_id)
        WHERE (message.shop_id, message.job_id) = (step.shop_id, step.job_id)
        """,
        [shop for shop, _ in jobs],
        [job_id for _, job_id in jobs],
        reasons,
        *([first[job][step].us if step in first[job] else None for job in jobs] for step in STEPS),
    )


def _reason(event: Event[MessageSuppressed] | None) -> str | None:
    return None if event is None else event.data.reason or "unknown"
