"""The moment at which a customer most likely reads: learnt from the hours at which they and their shop are about.

A rhythm holds how much was seen in each hour of two kinds of day. What was seen loses half of its weight every eight
weeks. A customer's rhythm is smoothed around the clock and mixed with the shop's, the more of it the more is known.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

from huitou_events import moment
from notify_svc.schedule import Span

HOUR = 3_600_000_000
HALF_LIFE = 56 * 24 * HOUR
ENOUGH = 6.0
"""Signals at which a customer's own rhythm weighs as much as the shop's."""
ENOUGH_OF_A_SHOP = 30.0
"""The same for a shop's rhythm against an even day."""
BORROWED = 0.5
"""What a signal on one kind of day tells about the other."""
KERNEL = (0.25, 0.5, 1.0, 0.5, 0.25)
"""Weight of the hours around a signal, from two before to two after."""
DAYS = (5, 2)
HOURS_OF_WEEK = 168

Rhythm: TypeAlias = tuple[float, ...]
"""48 weights: the hours of a working day, then those of a weekend day."""
SILENT: Rhythm = (0.0,) * 48


@dataclass(frozen=True)
class Habit:
    """How likely a customer is about in each hour, 1.0 being an average hour of the week, and what it rests on."""

    chances: Rhythm
    own_signals: int
    own_weight: float
    share: float
    """How much of it is the customer's own, 0 to 1; the rest is the shop's."""
    shop_share: float
    """How much of the shop's part is the shop's own, 0 to 1; the rest is an even day."""


def habit(own: Sequence[tuple[int, int]], shop: Rhythm, zone: ZoneInfo, now: int) -> Habit:
    """What is expected of a customer whose signals are `own` (moment, number) in a shop with the rhythm `shop`."""
    seen = rhythm(own, zone, now)
    weight, shop_weight = sum(seen), sum(shop)
    share = weight / (weight + ENOUGH)
    shop_share = shop_weight / (shop_weight + ENOUGH_OF_A_SHOP)
    expected = mixed(chances(shop), (1.0,) * 48, shop_share)
    number = sum(n for at, n in own if at <= now)
    return Habit(mixed(chances(seen), expected, share), number, weight, share, shop_share)


def rhythm(signals: Iterable[tuple[int, int]], zone: ZoneInfo, now: int) -> Rhythm:
    """Signals (moment, number) as decayed weights by hour and kind of day in `zone`; those after `now` do not count.

    Sorted first, so that the sum is the same in whichever order they came.
    """
    weights = [0.0] * 48
    for at, number in sorted(signals):
        if at <= now:
            weights[slot(at, zone)] += number * 0.5 ** ((now - at) / HALF_LIFE)
    return tuple(weights)


def slot(at: int, zone: ZoneInfo) -> int:
    local = moment(at).astimezone(zone)
    return local.hour + (24 if local.weekday() >= 5 else 0)


def chances(weights: Rhythm) -> Rhythm:
    """Weights smoothed around the clock, per day of their kind, and scaled to an average of one over a week's hours."""
    per_day = [[weight / DAYS[kind] for weight in weights[24 * kind : 24 * kind + 24]] for kind in (0, 1)]
    shared = [
        [one + BORROWED * other for one, other in zip(per_day[kind], per_day[1 - kind], strict=True)] for kind in (0, 1)
    ]
    smooth = [smoothed(hours) for hours in shared]
    week = sum(days * sum(hours) for days, hours in zip(DAYS, smooth, strict=True))
    if not week:
        return (1.0,) * 48
    return tuple(weight * HOURS_OF_WEEK / week for hours in smooth for weight in hours)


def smoothed(hours: Sequence[float]) -> list[float]:
    reach = len(KERNEL) // 2
    return [sum(part * hours[(hour + place - reach) % 24] for place, part in enumerate(KERNEL)) for hour in range(24)]


def mixed(own: Rhythm, others: Rhythm, share: float) -> Rhythm:
    return tuple(share * one + (1 - share) * other for one, other in zip(own, others, strict=True))


def best_moment(spans: Sequence[Span], chances: Rhythm, zone: ZoneInfo, who: str) -> int:
    """The moment in `spans` with the best chance, the earlier of equals.

    Within the best hour everybody has a place of their own, made from `who`, so that not all messages leave at once.
    """
    starts = [(start, end) for span in spans for start, end in hours(span)]
    start, end = max(starts, key=lambda hour: (chances[slot(hour[0], zone)], -hour[0]))
    digest = hashlib.blake2b(who.encode(), digest_size=8).digest()
    second = (end - start) * int.from_bytes(digest, "big") // 2**64 // 1_000_000
    return start + second * 1_000_000


def hours(span: Span) -> list[Span]:
    """The span cut at full hours."""
    start, end = span
    cuts = [start, *range((start // HOUR + 1) * HOUR, end, HOUR), end]
    return list(pairwise(cuts))
