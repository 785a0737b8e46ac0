"""A slice of the demo's data, and what should come of it by the plain rules of tests/naive."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from huitou_events import Event
from huitou_local import simulated
from huitou_local.demo import PROGRAMME, SETTINGS
from huitou_local.retail import Retail, trade
from tests.naive.audiences import Customer, Rule, is_member
from tests.naive.tiers import START, Tier, Version, standing_at

TRADES = 6000
BOUGHT = {"event": "trade.completed"}
RULES: Mapping[str, Rule] = {
    "win-back": {
        "all": [
            {**BOUGHT, "within": "720d"},
            {"not": {**BOUGHT, "within": "90d"}},
            {"event": "cart.added", "within": "30d"},
        ]
    },
    "spenders": {**BOUGHT, "within": "365d", "amount": {"at_least": 100_000}},
    "once": {**BOUGHT, "count": {"at_least": 1, "at_most": 1}},
}
Events = Sequence[Event[Any]]
Tiers = Mapping[str, tuple[str, int, int]]


def slice_of_demo(now: datetime, most: int = TRADES) -> list[Event[Any]]:
    """So many trades or a few more of the first customers, their refunds, carts and visits, in the order of time."""
    retail = Retail()
    shift = retail.shift(now)
    numbers: dict[str, int] = {}
    for row in retail.rows:
        numbers[row.customer] = numbers.get(row.customer, 0) + (not row.refund_of)
    chosen: set[str] = set()
    trades = 0
    for customer in sorted(numbers):
        if trades < most:
            chosen.add(customer)
            trades += numbers[customer]
    real = (trade(row, row.at + shift) for row in retail.rows if row.customer in chosen)
    made_up = (event for event in simulated.events(retail.rows, shift) if event.data.customer_id in chosen)
    found: list[Event[Any]] = [*real, *made_up]
    return sorted(found, key=lambda event: event.time)


def customers(events: Events) -> dict[str, Customer]:
    """What the rules look at, by customer."""
    found: dict[str, list[Event[Any]]] = {}
    for event in events:
        found.setdefault(event.data.customer_id, []).append(event)
    return {name: Customer(theirs, ZoneInfo(SETTINGS["timezone"])) for name, theirs in found.items()}


def tiers(known: Mapping[str, Customer], now: int) -> Tiers:
    """Of every member at a moment in µs: tier, amount and trades."""
    wanted = (Tier(tier["key"], tier.get("amount"), tier.get("trades")) for tier in _tiers())
    versions = [Version(START, tuple(wanted))]
    stands = {name: standing_at(one.arrived, versions, (), now) for name, one in known.items()}
    return {name: (s.tier, s.amount, s.trades) for name, s in stands.items() if s.joined_at is not None and s.tier}


def members(rule: Rule, known: Mapping[str, Customer], now: int) -> set[str]:
    """Who is in the audience at a moment in µs."""
    return {name for name, one in known.items() if is_member(rule, one, now)}


def _tiers() -> Iterable[dict[str, Any]]:
    found = PROGRAMME["tiers"]
    assert isinstance(found, list)
    return found
