"""Due messages: claimed under a lease, handed to the provider, then marked; exactly one message a job.

claim   one transaction; the last check is here: message.scheduled when it moves, message.suppressed
call    no transaction; a key that names the job for good
mark    one transaction: message.sent, message.failed

A sender that dies between claim and mark, or that gets no answer, leaves a message of which nobody knows whether it
went out. When its lease has run out the provider is asked, and only what the provider does not have is sent.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from huitou_chassis import Context, Tx, tracing
from notify_svc import claims, deliveries
from notify_svc.channels.operator import NAME, Operator
from notify_svc.channels.outcome import Busy, Missing, Outcome, Refused, Sent, Unclear
from notify_svc.claims import Claim
from notify_svc.messages import Change, State
from notify_svc.settings import Settings, settings_of

BATCH = 100
AT_ONCE = 20
LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True)
class Result:
    claim: Claim
    outcome: Outcome | Missing


async def send_due(ctx: Context) -> bool:
    """Sends what is due; True if there was anything."""
    began = time.monotonic()
    async with ctx.db.transaction() as tx:
        batch = await claims.take(tx, limit=BATCH)
    if batch.claims:
        with tracing.linked("messages", (claim.trace for claim in batch.claims)):
            results = await call(settings_of(ctx), batch.claims, began)
            async with ctx.db.transaction() as tx:
                await mark(tx, results)
        await asyncio.sleep(max(0.0, len(results) / settings_of(ctx).sms_per_second - (time.monotonic() - began)))
    return batch.found > 0


async def call(settings: Settings, batch: Sequence[Claim], began: float) -> list[Result]:
    """Speaks to the provider about every claim, some at once."""
    gate = asyncio.Semaphore(AT_ONCE)
    # A sender that was paused must not send under a lease that another may have taken over.
    deadline = began + settings.sms_lease_s / 2

    async with Operator(settings.sms_url, settings.sms_token, settings.sms_timeout_s) as operator:

        async def one(claim: Claim) -> Result:
            async with gate:
                if time.monotonic() > deadline:
                    return Result(claim, Unclear("out of time") if claim.sms is None else Busy("out of time"))
                if claim.sms is None:
                    return Result(claim, await operator.find(claim.provider_key))
                return Result(claim, await operator.send(claim.sms))

        return list(await asyncio.gather(*map(one, batch)))


async def mark(tx: Tx, results: Sequence[Result]) -> None:
    """Writes down how it went, unless a receipt or another sender was first."""
    changes = [outcome_of(result, settings_of(tx.ctx), tx.us) for result in results]
    attempts = [result.claim.attempts for result in results]
    await deliveries.change(tx, changes, seen=("sending", "unknown"), attempts=attempts)


def outcome_of(result: Result, settings: Settings, now: int) -> Change:
    claim, outcome = result.claim, result.outcome
    tried = claim.attempts >= settings.sms_attempts
    pause = min(LONGEST_PAUSE_S, settings.sms_backoff_s * 2 ** min(claim.attempts - 1, 16))

    def to(state: State, reason: str | None = None, pause_s: float | None = None) -> Change:
        return Change(claim.shop, claim.job_id, state, reason, provider=NAME, pause_s=pause_s)

    match outcome:
        case Sent(provider_id):
            # A message that was asked for left when it was claimed, not now.
            left = now if claim.sms is not None else None
            return replace(to("sent"), provider_id=provider_id, sent_us=left, parts=claim.parts)
        case Refused(reason):
            return to("failed", reason)
        case Missing():
            return to("failed", "gave up") if tried else to("retrying", "the provider does not have it", 0.0)
        case Busy(reason):
            return to("failed", f"gave up: {reason}") if tried else to("retrying", reason, pause)
        case Unclear(reason):
            return to("failed", f"gave up: {reason}") if tried else to("unknown", reason, pause)
