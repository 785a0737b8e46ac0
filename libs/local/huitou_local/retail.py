"""Two years of a real shop's trades as events: UCI Online Retail II, moved by whole weeks to end in the present."""

import csv
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from typing import Any

from huitou_events import CustomerUpdated, Event, ItemUpdated, Line, TradeCompleted, TradeRefunded

SHOP = "demo"
SOURCE = "urn:shop:demo:oms"
CURRENCY = "GBP"
WEEK = timedelta(weeks=1)
NOWHERE = "Unspecified"


@dataclass(frozen=True)
class Row:
    """A line of the data set: an invoice, or a refund of the invoice `refund_of`. Amounts in pence."""

    at: datetime
    customer: str
    country: str
    id: str
    refund_of: str
    packed: str

    @property
    def items(self) -> tuple[Line, ...]:
        """Unpacked when asked for: there are 785,601 of them."""
        return tuple(line(text) for text in self.packed.split())


class Retail:
    """The data set; `rows` are in the order of time."""

    @cached_property
    def rows(self) -> list[Row]:
        return [row(record) for record in records("online_retail_trades.csv.xz")]

    @cached_property
    def titles(self) -> dict[str, str]:
        return {record["item_id"]: record["title"] for record in records("online_retail_items.csv.xz")}

    def shift(self, now: datetime) -> timedelta:
        """So many whole weeks that the last trade lies 0 to 7 days before `now`: hours and weekdays stay."""
        return (now - self.rows[-1].at) // WEEK * WEEK

    def events(self, shift: timedelta) -> Iterator[Event[Any]]:
        """Everything in the order of time; the same shift gives the same events."""
        for item, title in self.titles.items():
            yield event(f"item-{item}", self.rows[0].at + shift, ItemUpdated(item_id=item, title=title))
        for found in self.rows:
            if (found.id, found.refund_of) in self.moves:
                fact = CustomerUpdated(customer_id=found.customer, country=found.country)
                yield event(f"customer-{found.customer}-{found.id}", found.at + shift, fact)
            yield trade(found, found.at + shift)

    @property
    def count(self) -> int:
        """How many events it gives."""
        return len(self.titles) + len(self.moves) + len(self.rows)

    @cached_property
    def moves(self) -> set[tuple[str, str]]:
        """The trades at which a customer's country became known or changed."""
        countries: dict[str, str] = {}
        found = set()
        for row in self.rows:
            if row.country not in (NOWHERE, countries.get(row.customer)):
                countries[row.customer] = row.country
                found.add((row.id, row.refund_of))
        return found


def trade(found: Row, at: datetime) -> Event[Any]:
    items = found.items
    amount = sum(line.amount for line in items)
    if found.refund_of:
        refund = TradeRefunded(
            customer_id=found.customer,
            trade_id=found.refund_of,
            refund_id=found.id,
            amount=amount,
            currency=CURRENCY,
            items=items,
        )
        # One credit note may take back parts of several trades.
        return event(f"refund-{found.id}-{found.refund_of}", at, refund)
    completed = TradeCompleted(
        customer_id=found.customer,
        trade_id=found.id,
        amount=amount,
        currency=CURRENCY,
        items=items,
        channel="online",
    )
    return event(f"trade-{found.id}", at, completed)


def event(id: str, at: datetime, fact: Any) -> Event[Any]:
    return Event.of(fact, shop=SHOP, source=SOURCE, time=at, id=id)


def row(record: dict[str, str]) -> Row:
    return Row(
        at=datetime.strptime(record["at"], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC),
        customer=record["customer_id"],
        country=record["country"],
        id=record["id"],
        refund_of=record["refund_of"],
        packed=record["items"],
    )


def line(text: str) -> Line:
    item, pieces, pence = text.rsplit(":", 2)
    return Line(item_id=item, quantity=int(pieces), amount=int(pieces) * int(pence))


def records(name: str) -> Iterator[dict[str, str]]:
    packed = (files("huitou_local") / "data" / name).read_bytes()
    yield from csv.DictReader(lzma.decompress(packed).decode().splitlines())
