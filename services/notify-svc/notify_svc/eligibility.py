"""Whether a message may go to its recipient at all, and when: pure, the same when it is planned and when it is sent."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from notify_svc.messages import Message
from notify_svc.recipients import Recipient
from notify_svc.schedule import DAY, Decision, Held, Placed, Policy, Span, place
from notify_svc.send_time import Habit, best_moment

HORIZON = 30 * DAY
"""How far ahead a message without an end may wait for its moment."""
SMART_WINDOW = DAY
"""The window of a smart message that names no end."""
ALL_DAY = Policy(opens=0, closes=1440)

Habits: TypeAlias = Callable[[Recipient], Habit]


def objection(message: Message, recipient: Recipient, *, over: bool, cancelled: bool, now: int) -> str | None:
    """Why the message must not go out, whenever that would be; None if it may."""
    if recipient.erased_us is not None and message.requested_us <= recipient.erased_us:
        return "erased"
    if cancelled:
        return "cancelled"
    if over:
        return "plan-ended"
    if message.expires_us is not None and message.expires_us <= now:
        return "expired"
    return objection_to_sms(message, recipient) if message.channel == "sms" else None


def objection_to_sms(message: Message, recipient: Recipient) -> str | None:
    """A care message needs a phone that did not opt out; marketing needs consent and a trade, too."""
    if recipient.phone is None:
        return "opted-out" if recipient.opted_out else "no-phone"
    if recipient.opted_out:
        return "opted-out"
    if recipient.phone.kind != "mobile":
        return f"{recipient.phone.kind}-number"
    if message.purpose == "marketing":
        if not recipient.consent:
            return "no-consent"
        if not recipient.bought:
            return "no-trade"
    return None


def first_decision(message: Message, recipient: Recipient, now: int, habits: Habits) -> Decision:
    """The moment that the plan's timing asks for, or the first after it that satisfies everything."""
    start = max(now, message.from_us or now)
    taken = recipient.taken(message.job_id) if message.counted else []
    if message.channel == "poster":
        return place("now", (start, last(message, start)), zone=recipient.zone, policy=ALL_DAY, taken=[])
    if message.kind != "smart":
        window = (start, last(message, start))
        return place(message.kind, window, zone=recipient.zone, policy=recipient.policy, taken=taken)

    def best(spans: Sequence[Span]) -> int:
        who = f"{recipient.shop.id}:{recipient.customer_id}"
        return best_moment(spans, habits(recipient).chances, recipient.zone, who)

    end = last(message, start) if message.until_us is not None else min(start + SMART_WINDOW, last(message, start))
    return place("smart", (start, end), zone=recipient.zone, policy=recipient.policy, taken=taken, best=best)


def last_decision(message: Message, recipient: Recipient, now: int) -> Decision:
    """Whether to go out now, when the planned moment has come; else the next moment for it.

    Only what has gone out stands in the way: what is merely planned will be held against this message in its turn.
    Quiet hours put it off until they end; cap and gap only as far as the plan's window reaches.
    """
    end = message.expires_us or now + HORIZON
    gone = [at for job, at in recipient.gone.items() if job != message.job_id] if message.counted else []
    present = place("now", (now, end), zone=recipient.zone, policy=recipient.policy, taken=gone)
    if isinstance(present, Held) or present.at == now:
        return present
    taken = recipient.taken(message.job_id) if message.counted else []
    again = place("now", (now, end), zone=recipient.zone, policy=recipient.policy, taken=taken)
    too_late = message.until_us is not None and isinstance(again, Placed) and again.at >= message.until_us
    if too_late and present.reason != "quiet-hours":
        return Held(present.reason)
    return again


def last(message: Message, start: int) -> int:
    """The end of the message's window, excluded."""
    ends = [end for end in (message.until_us, message.expires_us) if end is not None]
    return min(ends) if ends else start + HORIZON
