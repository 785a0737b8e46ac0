"""Where a customer stands in the programme at a moment: "Tiers" of the contract, by plain loops."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from huitou_events import Event
from tests.naive.facts import CLOSED, COMPLETED, PAID, REFUNDED, Fact, Place, micros, standing, surviving

START = micros(datetime(2010, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Tier:
    """A tier of a programme: reached by an amount or by a number of trades."""

    key: str
    amount: int | None = None
    trades: int | None = None


@dataclass(frozen=True)
class Version:
    """A programme's tiers, low to high, and the moment (microseconds) from which it is in force."""

    since: int
    tiers: tuple[Tier, ...]


@dataclass(frozen=True)
class Call:
    """A tier given by hand, or (without one) a joining by request, at a moment in microseconds."""

    at: int
    tier: str | None = None


class Standing(NamedTuple):
    """Who the customer is to the programme; amount and trades are the completed ones."""

    joined_at: int | None
    tier: str | None
    amount: int
    trades: int


class Figures(NamedTuple):
    """Money in the minor unit and a number of trades."""

    amount: int
    trades: int


def standing_at(events: Iterable[Event[Any]], versions: Sequence[Version], calls: Sequence[Call], t: int) -> Standing:
    """Goes through everything up to t in its order; joining and promotion happen nowhere else."""
    facts = standing(surviving(events))
    joined_at: int | None = None
    tier: str | None = None
    for place, what in sorted(moments(facts, calls), key=lambda moment: moment[0]):
        version = in_force(versions, place[0])
        if place[0] > t or version is None:
            continue
        if isinstance(what, Call):
            joined_at = place[0] if joined_at is None else joined_at
            tier = what.tier or tier or reached_on_joining(version, facts, place)
        elif joined_at is None and reaches(version.tiers[0], paid(facts, place)):
            joined_at, tier = place[0], reached_on_joining(version, facts, place)
        elif joined_at is not None and what.type == COMPLETED:
            tier = higher(tier, reached(version, completed(facts, place)), versions)
    return Standing(joined_at, tier, *completed(facts, end_of(t)))


def moments(facts: Iterable[Fact], calls: Iterable[Call]) -> list[tuple[Place, Fact | Call]]:
    """The only places where a standing can change: payments, completions and calls."""
    trades = [fact for fact in facts if fact.type in (PAID, COMPLETED)]
    return [(fact.place, fact) for fact in trades] + [(end_of(call.at), call) for call in calls]


def end_of(t: int) -> Place:
    """The place after everything that has the time t."""
    return (t, 2, "", "")


def in_force(versions: Iterable[Version], time: int) -> Version | None:
    """The version that judges what happened at that time."""
    current = None
    for version in sorted(versions, key=lambda version: version.since):
        if version.since <= time:
            current = version
    return current


def completed(facts: Sequence[Fact], place: Place) -> Figures:
    """Completed trades from 2010 up to a place, less their refunds up to it."""
    return figures([fact for fact in facts if fact.type == COMPLETED and fact.place <= place], facts, place)


def paid(facts: Sequence[Fact], place: Place) -> Figures:
    """Paid trades up to a place, each once, less their refunds up to it."""
    payments = [payment(facts, trade, place) for trade in {fact.trade for fact in facts if fact.trade}]
    return figures([fact for fact in payments if fact], facts, place)


def payment(facts: Iterable[Fact], trade: str, place: Place) -> Fact | None:
    """The event by which a trade is a paid one at a place: closing ends it, unless completed by then."""
    known = {fact.type: fact for fact in facts if fact.trade == trade and fact.place <= place}
    pay, complete, close = known.get(PAID), known.get(COMPLETED), known.get(CLOSED)
    if complete is None:
        return None if close else pay
    if pay is None or complete.place < pay.place:
        return complete
    if close is not None and close.place < complete.place:
        return complete
    return pay


def figures(trades: Iterable[Fact], facts: Iterable[Fact], place: Place) -> Figures:
    """Amount less all refunds; the number leaves out trades that are fully refunded."""
    amount = number = 0
    refunds = [fact for fact in facts if fact.type == REFUNDED and fact.place <= place]
    for trade in trades:
        if trade.time < START:
            continue
        back = [refund.amount for refund in refunds if refund.trade == trade.trade]
        amount += trade.amount - sum(back)
        number += not (back and sum(back) >= trade.amount)
    return Figures(amount, number)


def reached_on_joining(version: Version, facts: Sequence[Fact], place: Place) -> str:
    """The highest tier reached by completed trades, at least the ordinary one."""
    return reached(version, completed(facts, place)) or version.tiers[0].key


def reached(version: Version, done: Figures) -> str | None:
    """The highest tier whose amount or number is reached."""
    keys = [tier.key for tier in version.tiers if reaches(tier, done)]
    return keys[-1] if keys else None


def reaches(tier: Tier, done: Figures) -> bool:
    """Either threshold is enough."""
    by_amount = tier.amount is not None and done.amount >= tier.amount
    by_number = tier.trades is not None and done.trades >= tier.trades
    return by_amount or by_number


def higher(present: str | None, found: str | None, versions: Iterable[Version]) -> str | None:
    """The higher of two tiers, by their rank in the programmes that name them."""
    rank = {tier.key: rank for version in versions for rank, tier in enumerate(version.tiers)}
    if present is None or found is None:
        return present or found
    return found if rank[found] > rank[present] else present
