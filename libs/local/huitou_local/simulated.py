"""SIMULATED: what the real data set does not have. Carts, favourites, visits, phones, consent, genders, birthdays.

A seeded generator: the same customers give the same events. The phones are the thousand numbers that the British
regulator keeps free for films.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from huitou_events import (
    CartAdded,
    Consent,
    CustomerUpdated,
    Event,
    FavouriteAdded,
    PageViewed,
    ShopFollowed,
)
from huitou_local.retail import CURRENCY, SHOP, Row

SOURCE = "urn:shop:demo:simulated"
SEED = 20091201
PHONES = 1000
LAPSED_WITH_CART = 400
LAPSED = timedelta(days=90)
RECENT = timedelta(days=30)
WATCHED = timedelta(days=60)
HABITS = (8, 12, 13, 18, 19, 20)
FIRST_NAMES = (
    *("Amelia", "Arthur", "Ava", "Charlotte", "Daniel", "Edward", "Ella", "Emily", "Freya", "George", "Grace"),
    *("Harry", "Isla", "Ivy", "Jack", "James", "Leo", "Lily", "Mia", "Noah", "Oliver", "Olivia", "Poppy", "Thomas"),
)


def events(rows: Sequence[Row], shift: timedelta) -> list[Event[Any]]:
    """All simulated events in the order of time, for the customers of these trades; none lies after the last trade."""
    chance = random.Random(SEED)
    end = rows[-1].at + shift
    bought: dict[str, Row] = {found.customer: found for found in rows if not found.refund_of}
    lapsed = [customer for customer, last in bought.items() if end - (last.at + shift) > LAPSED]
    others = sorted(bought.keys() - set(lapsed))
    returning = chance.sample(lapsed, LAPSED_WITH_CART)
    reachable = returning + chance.sample(others, PHONES - LAPSED_WITH_CART)
    made = [
        *(event for n, customer in enumerate(reachable) for event in person(chance, customer, n, end)),
        *(event for customer in reachable for event in visits(chance, customer, bought[customer], end)),
        *(event for customer in reachable for event in wishes(chance, customer, bought[customer], end)),
    ]
    return sorted(made, key=lambda event: (event.time, event.id))


def person(chance: random.Random, customer: str, number: int, end: datetime) -> Iterator[Event[Any]]:
    """Who it is, how to reach them, and whether they agreed to it: four in five did, one in ten was never asked."""
    known: dict[str, Any] = {"phone": f"+447700900{number:03}", "name": chance.choice(FIRST_NAMES)}
    if chance.random() < 0.75:
        known["gender"] = chance.choices(("female", "male"), (4, 1))[0]
    if chance.random() < 0.5:
        known["birthday"] = f"{chance.randint(1945, 2000)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    answer = chance.random()
    if answer < 0.9:
        wording = "Yes, text me offers"
        known["consent"] = Consent(sms=answer < 0.8, source="checkout", wording=wording)
    at = end - WATCHED - timedelta(minutes=chance.randint(1, 500_000))
    yield event(f"person-{customer}", at, CustomerUpdated(customer_id=customer, **known))
    if chance.random() < 0.2:
        yield event(f"follow-{customer}", at + timedelta(hours=1), ShopFollowed(customer_id=customer))


def visits(chance: random.Random, customer: str, last: Row, end: datetime) -> Iterator[Event[Any]]:
    """Visits of a few pages, mostly around one hour of the day that is this customer's."""
    habit = chance.choice(HABITS)
    items = last.items
    for visit in range(chance.randint(4, 14)):
        day = (end - timedelta(days=1) - chance.random() * WATCHED).replace(hour=0, minute=0, second=0)
        hour = chance.gauss(habit, 0.8) if chance.random() < 0.8 else chance.uniform(7, 23)
        for page in range(chance.randint(1, 3)):
            at = day + timedelta(minutes=int(hour * 60) + 2 * page)
            viewed = PageViewed(
                customer_id=customer,
                item_id=chance.choice(items).item_id,
                visit_id=f"{customer}-{visit}",
                dwell_seconds=chance.randint(5, 180),
            )
            yield event(f"view-{customer}-{visit}-{page}", at, viewed)


def wishes(chance: random.Random, customer: str, last: Row, end: datetime) -> Iterator[Event[Any]]:
    """Something of their last trade put into the cart in the last weeks, or marked as a favourite."""
    for number in range(chance.randint(1, 4)):
        at = end - chance.random() * RECENT
        line = chance.choice(last.items)
        price = line.amount // line.quantity
        if number == 0 or chance.random() < 0.6:
            cart = CartAdded(customer_id=customer, item_id=line.item_id, amount=price, currency=CURRENCY)
            yield event(f"cart-{customer}-{number}", at, cart)
        else:
            yield event(
                f"favourite-{customer}-{number}", at, FavouriteAdded(customer_id=customer, item_id=line.item_id)
            )


def event(id: str, at: datetime, fact: Any) -> Event[Any]:
    return Event.of(fact, shop=SHOP, source=SOURCE, time=at.replace(microsecond=0), id=id)
