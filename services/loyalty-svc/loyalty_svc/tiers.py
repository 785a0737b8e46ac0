"""A shop's programme as the rules see it: its tiers, its versions, and which tier is the higher one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from huitou_events import micros

START_US = micros(datetime(2010, 1, 1, tzinfo=UTC))
"""Amounts and numbers accumulate from here, and a shop's first programme is in force from here."""

Joining: TypeAlias = Literal["on_payment", "on_registration", "by_request"]


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier that an amount (minor unit) or a number of trades reaches; `discount` is the per cent that is paid."""

    key: str
    name: str
    discount: float
    amount: int | None = None
    trades: int | None = None
    points_rate: float | None = None

    def reached_by(self, *, amount: int, trades: int) -> bool:
        enough = self.amount is not None and amount >= self.amount
        often = self.trades is not None and trades >= self.trades
        return enough or often


@dataclass(frozen=True, slots=True)
class Version:
    """A programme as it was at one time: in force from `since_us` until the next one begins."""

    number: int
    since_us: int
    joining: Joining
    tiers: tuple[Tier, ...]

    @property
    def ordinary(self) -> Tier:
        return self.tiers[0]

    def rank(self, key: str) -> int | None:
        """0 for the ordinary tier; None if this version has no such tier."""
        return next((rank for rank, tier in enumerate(self.tiers) if tier.key == key), None)


def tier_for(tiers: Sequence[Tier], *, amount: int, trades: int) -> Tier | None:
    """The highest tier that is reached."""
    for tier in reversed(tiers):
        if tier.reached_by(amount=amount, trades=trades):
            return tier
    return None


def in_force(versions: Sequence[Version], us: int) -> Version | None:
    """The version that judges what happened at that moment; `versions` low to high."""
    for version in reversed(versions):
        if version.since_us <= us:
            return version
    return None


def rank(key: str, versions: Sequence[Version]) -> int:
    """The place of a tier, 0 the ordinary one, in the latest of these versions that has it; -1 if none ever did.

    A programme may have dropped a member's tier: it then ranks where it stood last, so the member keeps it until
    the rule reaches a tier above that place.
    """
    places = (version.rank(key) for version in reversed(versions))
    return next((place for place in places if place is not None), -1)


def described(key: str, versions: Sequence[Version]) -> Tier:
    """What a tier is called and gives now, or last was and gave if the programme has dropped it."""
    for version in reversed(versions):
        place = version.rank(key)
        if place is not None:
            return version.tiers[place]
    raise LookupError(f"no version of the programme ever had a tier {key!r}")
