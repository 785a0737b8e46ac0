"""What is said of a membership after facts came in: in the order of time, and nothing when nothing changed.

A step that follows all that was judged and said is told with its own moment. What turns out differently about the
past is told once, as the difference, with the moment at which it was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from huitou_events import MemberJoined, MembershipEnded, TierChanged
from huitou_events.loyalty import Membership
from loyalty_svc.models import Customer
from loyalty_svc.standing import Fact, Step


@dataclass(frozen=True, slots=True)
class Verdict:
    """A customer's row before and after the news; `steps` go `onward` from `before`, or are all that led to `after`."""

    before: Customer
    after: Customer
    news: Sequence[Fact]
    steps: tuple[Step, ...]
    onward: bool


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event to be said, at a time in microseconds; `because` and `about` name it."""

    us: int
    fact: Membership
    because: str
    about: str = ""


def of(verdict: Verdict, now_us: int) -> list[Announcement]:
    """What to say, each later than what was said before, so that the latest by time is what holds."""
    before, after = verdict.before, verdict.after
    if verdict.onward and not verdict.steps:
        return []
    told = _farewell(verdict, now_us)
    present = None if after.erased_us != before.erased_us else before.standing.tier
    said_us = told[-1].us if told else before.said_us
    known_us = max((us for us in (before.walked_us, said_us) if us is not None), default=None)
    past = [step for step in verdict.steps if known_us is not None and step.us <= known_us]
    held = past[-1].after if past else (present if verdict.onward else None)
    if held != present:
        at = now_us if said_us is None else max(now_us, said_us + 1)
        fact = _change(after.who[1], present, after.standing.tier, reason="late", trade_id=_trade(verdict))
        return told + ([Announcement(at, fact, _trigger(verdict), "late")] if fact else [])
    for us, steps in groupby(verdict.steps[len(past) :], key=lambda step: step.us):
        *_, last = steps
        reason = "manual" if last.who else last.reason
        fact = _change(after.who[1], held, last.after, reason=reason, trade_id=last.trade_id)
        held = last.after
        if fact:
            told.append(Announcement(us, fact, last.cause))
    return told


def _farewell(verdict: Verdict, now_us: int) -> list[Announcement]:
    """That the membership of someone who was erased ended; what follows is about a new person."""
    before, erased_us = verdict.before, verdict.after.erased_us
    if erased_us is None or erased_us == before.erased_us or before.standing.tier is None:
        return []
    known_us = max(us for us in (before.walked_us, before.said_us, 0) if us is not None)
    us = erased_us if erased_us > known_us else max(now_us, (before.said_us or 0) + 1)
    return [Announcement(us, MembershipEnded(customer_id=before.who[1]), _trigger(verdict), "erased")]


def _change(
    customer: str, before: str | None, after: str | None, *, reason: str, trade_id: str | None
) -> Membership | None:
    if before == after:
        return None
    if after is None:
        return MembershipEnded(customer_id=customer)
    if before is None:
        return MemberJoined(customer_id=customer, tier=after)
    return TierChanged(customer_id=customer, before=before, after=after, reason=reason, trade_id=trade_id)


def _newest(verdict: Verdict) -> Fact | None:
    return max(verdict.news, key=lambda fact: fact.place, default=None)


def _trade(verdict: Verdict) -> str | None:
    newest = _newest(verdict)
    return newest.trade_id or None if newest else None


def _trigger(verdict: Verdict) -> str:
    """What names the cause of something found late: the newest of the news, or the moment that fell due."""
    newest = _newest(verdict)
    if newest is None:
        return f"{verdict.before.who[1]}\n{verdict.before.due_us}"
    return f"{newest.source}\n{newest.id}"
