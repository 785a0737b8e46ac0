"""customer.erased: what was known up to it is gone for good, also what comes again; later facts begin a new person."""

from collections.abc import Mapping, Sequence
from typing import Any

from huitou_chassis import Tx
from huitou_events import CustomerErased, Event
from segment_svc import customer_table, histories, moves, partings
from segment_svc.customers import Customer, Key
from segment_svc.roster import Roster
from segment_svc.walks import Cause, Walk


def find(batch: Mapping[Key, Sequence[Event[Any]]], locked: Mapping[Key, Customer]) -> dict[Key, Event[Any]]:
    """The latest erasure of each customer that goes beyond those known; the customer is marked with it."""
    found: dict[Key, Event[Any]] = {}
    for key, events in batch.items():
        for event in events:
            if event.type == CustomerErased.type:
                erased = locked[key].erased
                if erased is None or event.us > erased:
                    locked[key].erased = event.us
                    found[key] = event
    return found


async def apply(tx: Tx, erased: Sequence[Customer]) -> None:
    """Deletes what is to be forgotten and reads what is left of the customers."""
    if not erased:
        return
    before = await histories.people(tx, [customer.key for customer in erased])
    await histories.erase(tx, erased)
    await moves.erase(tx, erased)
    await customer_table.erase(tx, [customer.key for customer in erased])
    await histories.load(tx, erased)
    born = await histories.earliest(tx, [customer.key for customer in erased])
    for customer in erased:
        customer.born = born.get(customer.key)
    await partings.part(tx, erased, before)


def begin(customer: Customer, there: Roster, now: int, erasure: Event[Any], causes: dict[int, Cause]) -> Walk:
    """A walk out of every audience and on with what is left; a late erasure is found now."""
    is_late = customer.evaluated is not None and erasure.us < customer.evaluated
    everything = frozenset(there.rules)
    if is_late and customer.exists(now):
        return Walk(customer, there, now, everything, causes, erasure, everything, whole=True, anew=True)
    at = now if is_late else min(erasure.us, now)
    customer.evaluated = None
    walk = Walk(customer, there, now, everything, {**causes, at: erasure}, anew=True)
    walk.leave(at)
    return walk
