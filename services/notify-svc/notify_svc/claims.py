"""Taking due messages for a sender: the last check, and a lease in the database's time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from huitou_chassis import Tx, telemetry
from huitou_events import Trace
from notify_svc import decisions, deliveries, policy, recipients
from notify_svc.channels.operator import NAME, Sms
from notify_svc.decisions import Circumstances
from notify_svc.eligibility import last_decision
from notify_svc.messages import Change, Message, State, stored
from notify_svc.phones import read as read_phone
from notify_svc.recipients import Recipient
from notify_svc.schedule import Held, Policy
from notify_svc.settings import settings_of
from notify_svc.texts import BadText

OPEN: tuple[State, ...] = ("scheduled", "retrying", "sending", "unknown")


@dataclass(frozen=True)
class Claim:
    """A message that is this sender's until the lease runs out; without `sms` the provider is to be asked for it."""

    shop: str
    job_id: str
    attempts: int
    provider_key: str
    sms: Sms | None = None
    parts: int | None = None
    trace: Trace | None = None


@dataclass(frozen=True)
class Batch:
    """`found` messages were due; those that may go out were claimed."""

    found: int
    claims: Sequence[Claim]


async def take(tx: Tx, *, limit: int) -> Batch:
    """Claims what is due, in the order of the planned moments, and moves or holds back what may not go out now."""
    due = await candidates(tx, limit)
    if not due:
        return Batch(0, [])
    if planned := [row["at_us"] for row in due if row["at_us"] is not None]:
        telemetry.note_late("send", tx.us - min(planned))
    people = await recipients.load(tx, {(row["shop_id"], row["customer_id"]) for row in due if row["customer_id"]})
    messages = [stored(row) for row in await locked(tx, due)]
    circumstances = await decisions.look(tx, messages, people)
    claims: list[Claim] = []
    changes: list[Change] = []
    for message in sorted(messages, key=lambda message: (message.at_us or 0, -message.priority, message.job_id)):
        if message.state in ("sending", "unknown"):
            claims.append(Claim(*message.key, message.attempts + 1, provider_key(message), trace=message.trace))
            changes.append(held_for(message, "unknown", tx))
            continue
        recipient = people[message.who] if message.customer_id else await tester(tx, message)
        change = last_check(message, recipient, circumstances)
        if change is None:
            change, claim = claimed(message, recipient, circumstances, tx)
            claims += [claim] if claim else []
        if change.state == "sending":
            recipient.gone[message.job_id] = tx.us
        recipient.planned.pop(message.job_id, None)
        changes.append(change)
    await deliveries.change(tx, changes, seen=OPEN)
    return Batch(len(messages), claims)


async def candidates(tx: Tx, limit: int) -> list[Any]:
    """What seems due: planned moments by the domain's clock, leases and pauses by the database's."""
    return await tx.fetch(
        """
        (SELECT shop_id, job_id, customer_id, at_us FROM delivery
            WHERE channel = 'sms' AND state = 'scheduled' AND at_us <= $1 ORDER BY at_us LIMIT $2)
        UNION ALL
        (SELECT shop_id, job_id, customer_id, NULL FROM delivery
            WHERE state IN ('retrying', 'sending', 'unknown') AND wake <= clock_timestamp() ORDER BY wake LIMIT $2)
        """,
        tx.us,
        limit // 2,
    )


async def locked(tx: Tx, due: Sequence[Any]) -> list[Any]:
    """Those that are due still, now that their customers are locked, and that nobody else is about to change."""
    return await tx.fetch(
        """
        SELECT * FROM delivery
        WHERE (shop_id, job_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND (state = 'scheduled' AND at_us <= $3
                OR state IN ('retrying', 'sending', 'unknown') AND wake <= clock_timestamp())
        ORDER BY shop_id, job_id FOR UPDATE SKIP LOCKED
        """,
        [row["shop_id"] for row in due],
        [row["job_id"] for row in due],
        tx.us,
    )


async def tester(tx: Tx, message: Message) -> Recipient:
    """Who gets a test message: a phone and nobody's customer."""
    shop = (await tx.shops([message.shop]))[message.shop]
    _, _, signature = (await policy.read(tx, [shop.id])).get(shop.id, (0, Policy(), None))
    phone = read_phone(tx.ctx.cipher.open(shop.id, message.phone)) if message.phone else None
    return Recipient(shop, "", shop.timezone, Policy(), signature or shop.id, phone)


def last_check(message: Message, recipient: Recipient, circumstances: Circumstances) -> Change | None:
    """What keeps the message from going out now: held back, or moved; None lets it go."""
    if message.purpose == "test":
        return None
    reason = circumstances.objection(message, recipient)
    if reason is not None:
        return Change(*message.key, "suppressed", reason)
    found = last_decision(message, recipient, circumstances.now)
    if isinstance(found, Held):
        return Change(*message.key, "suppressed", found.reason)
    if found.at == circumstances.now:
        return None
    return Change(*message.key, "scheduled", found.reason, at_us=found.at)


def claimed(
    message: Message, recipient: Recipient, circumstances: Circumstances, tx: Tx
) -> tuple[Change, Claim | None]:
    try:
        written = circumstances.write(message, recipient)
    except BadText as error:
        return Change(*message.key, "failed", error.reason), None
    assert recipient.phone is not None
    sms = Sms(
        key=provider_key(message),
        job_id=message.job_id,
        to=recipient.phone.number,
        text=written.text,
        callback=f"{tx.settings.notify_url}/v1/shops/{message.shop}/receipts/{NAME}",
    )
    claim = Claim(*message.key, message.attempts + 1, sms.key, sms, written.length.parts, message.trace)
    return replace(held_for(message, "sending", tx), sent_us=tx.us, masked=recipient.phone.masked), claim


def held_for(message: Message, state: State, tx: Tx) -> Change:
    """Held under a lease; when that has run out, the provider is asked."""
    settings = settings_of(tx.ctx)
    return Change(*message.key, state, provider=NAME, pause_s=settings.sms_lease_s, attempted=True)


def provider_key(message: Message) -> str:
    """Two shops may use one job id; the provider serves both."""
    return f"{message.shop}/{message.job_id}"
