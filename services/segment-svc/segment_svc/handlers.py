"""facts about customers -> history -> walks -> audience.entered, audience.left; shop.updated -> roster -> builds"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from huitou_chassis import Shop, Tx, shops
from huitou_events import CustomerErased, Event
from segment_svc import (
    audiences,
    customer_table,
    customers,
    erasures,
    facts,
    histories,
    roster,
    tallies,
    traits,
    walks,
)
from segment_svc.customers import Customer, Key
from segment_svc.facts import Entry
from segment_svc.roster import Roster
from segment_svc.walks import Cause, Walk

News: TypeAlias = list[tuple[Entry, Event[Any]]]


async def record_facts(events: list[Event[Any]], tx: Tx) -> None:
    """Every fact about a customer -> history -> audience.entered, audience.left (campaign-svc: handlers.py)."""
    known = await tx.shops({event.shop for event in events})
    batch = _by_customer(event for event in events if _is_in_currency(event, known[event.shop], tx))
    if not batch:
        return
    rosters = await roster.hold(tx, {shop for shop, _ in batch})
    locked = await customers.lock(tx, batch)
    now = tx.clock.us()
    erased = erasures.find(batch, locked)
    news = {key: _news(batch[key], customer) for key, customer in locked.items()}
    added = {key: [entry for entry, _ in found] for key, found in news.items()}
    await histories.append(tx, [entry for found in added.values() for entry in found])
    await histories.fill(tx, (customer for key, customer in locked.items() if key not in erased), added)
    await erasures.apply(tx, [locked[key] for key in erased])
    await tallies.note(tx, ((customer, news[key]) for key, customer in locked.items()))
    await traits.write(tx, [locked[key] for key, entries in added.items() if traits.are_named(entries)])
    touched = _touched(rosters, added.values())
    begun = []
    for key, customer in locked.items():
        there = rosters[customer.shop]
        if key in erased:
            begun.append(erasures.begin(customer, there, now, erased[key], _causes(customer, news[key])))
        else:
            begun.append(_begin(customer, there, now, touched[customer.shop], news[key]))
    await walks.advance(tx, begun)
    await customer_table.changed(tx, locked, tx.ctx.settings.instance)


async def move_shops(events: list[Event[Any]], tx: Tx) -> None:
    """shop.updated -> settings -> audiences that go by days are found by those of another time zone (builds.py)."""
    await shops.record(events, tx)
    await audiences.follow_zones(tx, sorted({event.shop for event in events}))


def _by_customer(events: Any) -> dict[Key, list[Event[Any]]]:
    batch: dict[Key, list[Event[Any]]] = defaultdict(list)
    for event in events:
        batch[event.shop, event.data.customer_id].append(event)
    return dict(sorted(batch.items()))


def _is_in_currency(event: Event[Any], shop: Shop, tx: Tx) -> bool:
    currency = getattr(event.data, "currency", None)
    if currency is None or currency == shop.currency:
        return True
    tx.reject(event, "wrong-currency", f"currency: the shop counts in {shop.currency}")
    return False


def _news(events: Sequence[Event[Any]], customer: Customer) -> News:
    """What the events add; facts up to the customer's erasure are ignored."""
    entries = [(facts.entry(event), event) for event in events if event.type != CustomerErased.type]
    if customer.erased is None:
        return entries
    return [(entry, event) for entry, event in entries if entry.at > customer.erased]


def _touched(rosters: Mapping[str, Roster], added: Collection[Sequence[Entry]]) -> dict[str, frozenset[str]]:
    signals: dict[str, set[str]] = {shop: set() for shop in rosters}
    for entries in added:
        for entry in entries:
            signals[entry.shop].update(entry.signals)
    return {shop: rosters[shop].touched(frozenset(found)) for shop, found in signals.items()}


def _begin(customer: Customer, there: Roster, now: int, touched: frozenset[str], news: News) -> Walk:
    """A walk from the first of the customer's news. An event before what was taken into account is late."""
    moments = [entry.at for entry, _ in news]
    customer.born = min(moments if customer.born is None else [customer.born, *moments], default=None)
    evaluated = customer.evaluated
    late = [] if evaluated is None else [one for one in news if one[0].at < evaluated]
    if not late:
        return Walk(customer, there, now, touched, _causes(customer, news))
    found = there.touched(frozenset(signal for entry, _ in late for signal in entry.signals))
    return Walk(customer, there, now, touched, _causes(customer, news), max(late, key=_order)[1], found)


def _causes(customer: Customer, news: News) -> dict[int, Cause]:
    """The events that are not late, by their moment."""
    evaluated = customer.evaluated
    causes: dict[int, Cause] = {}
    for entry, event in sorted(news, key=_order) if len(news) > 1 else news:
        if evaluated is None or entry.at >= evaluated:
            causes.setdefault(entry.at, event)
    return causes


def _order(news: tuple[Entry, Event[Any]]) -> tuple[int, bool, str, str]:
    return news[0].order
