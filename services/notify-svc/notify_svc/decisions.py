"""message.requested -> one decision: a moment or a reason -> message.scheduled, message.suppressed"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huitou_chassis import Shop, Tx
from huitou_events import Event, MessageRequested, MessageScheduled, MessageSuppressed, moment
from notify_svc import deliveries, plans, recipients, signals, templates, texts
from notify_svc.eligibility import first_decision, objection
from notify_svc.messages import Change, Message, asked_for
from notify_svc.recipients import Recipient, Who
from notify_svc.schedule import Held
from notify_svc.send_time import Habit, Rhythm, habit
from notify_svc.templates import Template
from notify_svc.texts import BadText, Written


async def decide(events: Sequence[Event[MessageRequested]], tx: Tx) -> None:
    """Decides about every job that is new; of two requests for one job the first stands.

    The more important go first, so that they get their moment before cap and gap are reached.
    """
    asked: dict[tuple[str, str], tuple[Message, Event[MessageRequested]]] = {}
    for event in sorted(events, key=lambda event: event.order):
        asked.setdefault((event.shop, event.data.job_id), (asked_for(event), event))
    found = await recipients.load(tx, (message.who for message, _ in asked.values()))
    new = await unknown(tx, list(asked))
    messages = [asked[key] for key in asked if key in new]
    if not messages:
        return
    circumstances = await look(tx, [message for message, _ in messages], found)
    decided = []
    for message, event in sorted(messages, key=lambda item: (-item[0].priority, item[1].order)):
        recipient = found[message.who]
        change = circumstances.judge(message, recipient)
        if change.state == "scheduled" and message.counted and change.at_us is not None:
            recipient.planned[message.job_id] = change.at_us
        decided.append((message, change))
        say(tx, event, change)
    await deliveries.add(tx, decided)


async def unknown(tx: Tx, jobs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the jobs that nothing is known of."""
    columns = ([shop for shop, _ in jobs], [job for _, job in jobs])
    # One job id may be asked for under two customers, whose locks do not exclude each other.
    await tx.fetch(
        """
        SELECT pg_advisory_xact_lock(hashtextextended(shop || ':' || job, 0))
        FROM unnest($1::text[], $2::text[]) AS asked (shop, job) ORDER BY hashtextextended(shop || ':' || job, 0)
        """,
        *columns,
    )
    rows = await tx.fetch(
        """
        SELECT shop_id, job_id FROM delivery
        WHERE (shop_id, job_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        *columns,
    )
    return set(jobs) - {(row["shop_id"], row["job_id"]) for row in rows}


@dataclass
class Circumstances:
    """Everything but the recipient that a decision about some messages depends on, at one moment."""

    now: int
    ended: set[tuple[str, str]]
    cancelled: set[tuple[str, str]]
    templates: Mapping[tuple[str, str], Template]
    signals: Mapping[Who, list[tuple[int, int]]]
    rhythms: Mapping[str, Rhythm]

    def judge(self, message: Message, recipient: Recipient) -> Change:
        """Scheduled with its moment, or suppressed with the reason."""
        masked = recipient.phone.masked if recipient.phone and message.channel == "sms" else None
        reason = self.objection(message, recipient)
        written: Written | None = None
        if reason is None and message.channel == "sms":
            try:
                written = self.write(message, recipient)
            except BadText as error:
                reason = error.reason
        if reason is not None:
            return Change(message.shop, message.job_id, "suppressed", reason, masked=masked)
        found = first_decision(message, recipient, self.now, self.habit)
        if isinstance(found, Held):
            return Change(message.shop, message.job_id, "suppressed", found.reason, masked=masked)
        parts = written.length.parts if written else None
        return Change(
            message.shop, message.job_id, "scheduled", found.reason, at_us=found.at, masked=masked, parts=parts
        )

    def objection(self, message: Message, recipient: Recipient) -> str | None:
        return objection(
            message,
            recipient,
            over=(message.shop, message.plan_id) in self.ended,
            cancelled=message.key in self.cancelled,
            now=self.now,
        )

    def write(self, message: Message, recipient: Recipient) -> Written:
        """The message's text; BadText if it cannot be written."""
        template = self.templates.get((message.shop, message.template_id or ""))
        if template is None:
            raise BadText("no-template", f"no template {message.template_id!r}")
        if template.state != "approved":
            raise BadText("template-not-approved", f"template {template.id!r} is {template.state}")
        language = recipient.shop.language
        return texts.write(
            template.in_language(language),
            {"name": recipient.name, "coupon_code": message.coupon_code, **message.variables},
            signature=recipient.signature,
            language=language,
            china=recipient.phone is not None and recipient.phone.china,
            opt_out=message.purpose != "care",
        )

    def habit(self, recipient: Recipient) -> Habit:
        who = (recipient.shop.id, recipient.customer_id)
        return habit(self.signals.get(who, []), self.rhythms[recipient.shop.id], recipient.zone, self.now)


async def look(tx: Tx, messages: Sequence[Message], found: Mapping[Who, Recipient]) -> Circumstances:
    """Reads what the decisions about these messages depend on."""
    smart = sorted({message.who for message in messages if message.kind == "smart" and message.channel == "sms"})
    shops: dict[str, Shop] = {shop: found[shop, customer].shop for shop, customer in smart}
    return Circumstances(
        now=tx.us,
        ended=await plans.ended(tx, ((message.shop, message.plan_id) for message in messages)),
        cancelled=await plans.cancelled(tx, (message.key for message in messages)),
        templates=await templates.load(tx, ((m.shop, m.template_id) for m in messages if m.template_id)),
        signals=await signals.load(tx, smart) if smart else {},
        rhythms={shop.id: await signals.shop_rhythm(tx, shop) for shop in shops.values()},
    )


def say(tx: Tx, event: Event[MessageRequested], change: Change) -> None:
    asked = event.data
    if change.state == "scheduled" and change.at_us is not None:
        scheduled = MessageScheduled(
            customer_id=asked.customer_id,
            job_id=asked.job_id,
            reason=change.reason,
            parts=change.parts,
            at=moment(change.at_us),
        )
        tx.emit(scheduled, shop=event.shop, because=event, time=tx.now)
    else:
        suppressed = MessageSuppressed(customer_id=asked.customer_id, job_id=asked.job_id, reason=change.reason)
        tx.emit(suppressed, shop=event.shop, because=event, time=tx.now)
