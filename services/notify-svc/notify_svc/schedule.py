"""When a message may go out: quiet hours, the rolling cap and the gap between two, decided together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from huitou_events import micros, moment

Span: TypeAlias = tuple[int, int]
"""From a moment, included, to another, excluded; microseconds since 1970."""

DAY = 86_400_000_000
MINUTE = 60_000_000


@dataclass(frozen=True)
class Policy:
    """How often and when a shop writes; the defaults are those of the contract."""

    opens: int = 8 * 60
    """Minute of the customer's day from which messages may go out."""
    closes: int = 21 * 60
    """Minute of the customer's day from which they may not."""
    most: int = 3
    """Marketing messages to one customer in any `period`."""
    period: int = 7 * DAY
    gap: int = DAY
    """Microseconds between two marketing messages to one customer."""


@dataclass(frozen=True)
class Placed:
    """The message goes out at `at`; the reason says what chose the moment."""

    at: int
    reason: str


@dataclass(frozen=True)
class Held:
    """No moment satisfies everything; the reason says what stands in the way."""

    reason: str


Decision: TypeAlias = Placed | Held
Choice: TypeAlias = Callable[[Sequence[Span]], int]


def place(
    kind: str, window: Span, *, zone: ZoneInfo, policy: Policy, taken: Sequence[int], best: Choice | None = None
) -> Decision:
    """The moment in `window` for a message, given the moments that other messages have `taken`.

    Without `best` it is the first moment that satisfies everything; with it, what `best` picks from the spans
    that do. `taken` is empty for messages that neither cap nor gap applies to.
    """
    if window[1] <= window[0]:
        return Held("expired")
    open_spans = openings(zone, policy, window)
    if not open_spans:
        return Held("quiet-hours")
    free = open_spans
    for _, blocks in restrictions(taken, policy):
        free = without(free, blocks)
    if not free:
        return Held(obstacle(open_spans[0][0], taken, policy))
    if best is not None:
        return Placed(best(free), kind)
    return Placed(free[0][0], because(kind, window[0], open_spans[0][0], free[0][0], taken, policy))


def openings(zone: ZoneInfo, policy: Policy, window: Span) -> list[Span]:
    """The parts of `window` that lie in the allowed hours of a day in `zone`, in order."""
    start, end = window
    spans = []
    day = moment(start).astimezone(zone).date()
    while True:
        opened = max(start, local(zone, day, policy.opens))
        closed = min(end, local(zone, day, policy.closes))
        if opened < closed:
            spans.append((opened, closed))
        if local(zone, day, policy.closes) >= end:
            return spans
        day += timedelta(days=1)


def local(zone: ZoneInfo, day: date, minute: int) -> int:
    """The moment of a minute of a calendar day in `zone`; minute 1440 is the next midnight."""
    if minute == 1440:
        day, minute = day + timedelta(days=1), 0
    return micros(datetime.combine(day, time(minute // 60, minute % 60), zone))


def restrictions(taken: Sequence[int], policy: Policy) -> list[tuple[str, list[Span]]]:
    """What the moments already taken forbid, by the rule that forbids it."""
    ordered = sorted(taken)
    return [("gap", gaps(ordered, policy)), ("capped", full_periods(ordered, policy))]


def gaps(ordered: Sequence[int], policy: Policy) -> list[Span]:
    if not policy.gap:
        return []
    return [(at - policy.gap + 1, at + policy.gap) for at in ordered]


def full_periods(ordered: Sequence[int], policy: Policy) -> list[Span]:
    """Moments at which one more would make `most` + 1 within one period, whichever way the period is laid."""
    runs = zip(ordered, ordered[policy.most - 1 :], strict=False)
    return [(last - policy.period + 1, first + policy.period) for first, last in runs if last - first < policy.period]


def without(spans: Sequence[Span], blocks: Sequence[Span]) -> list[Span]:
    """The parts of `spans` outside of `blocks`; both in order."""
    free = []
    for start, end in spans:
        for blocked_from, blocked_until in blocks:
            if blocked_until <= start or blocked_from >= end:
                continue
            if start < blocked_from:
                free.append((start, blocked_from))
            start = blocked_until
            if start >= end:
                break
        if start < end:
            free.append((start, end))
    return free


def because(kind: str, asked: int, opened: int, at: int, taken: Sequence[int], policy: Policy) -> str:
    if at == asked:
        return kind
    return "quiet-hours" if at == opened else obstacle(opened, taken, policy)


def obstacle(at: int, taken: Sequence[int], policy: Policy) -> str:
    """Which rule forbids `at`; the cap if both do, as it holds longer."""
    forbidding = [
        rule for rule, blocks in restrictions(taken, policy) if any(start <= at < end for start, end in blocks)
    ]
    return forbidding[-1] if forbidding else "capped"
