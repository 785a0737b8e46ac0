"""The envelope of a fact: a CloudEvent with the shop as an extension attribute."""

import secrets
import time as system
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from huitou_events.fact import Fact
from huitou_events.moments import Moment, micros
from huitou_events.trace import Trace
from huitou_events.values import Id, ShopId, Source

F = TypeVar("F", bound=Fact, covariant=True)
HEADERS: list[tuple[str, bytes]] = [("content-type", b"application/cloudevents+json")]


@dataclass(frozen=True, slots=True)
class Event(Generic[F]):
    """That something happened in a shop: who says so, when it happened (UTC), and what.

    (`shop`, `source`, `id`) names it for good. `trace` is how it came here, and no part of what it is.
    """

    id: str
    source: str
    shop: str
    time: datetime
    data: F
    trace: Trace | None = field(default=None, compare=False)

    @staticmethod
    def of(fact: "G", *, shop: str, source: str, time: datetime, id: str | None = None) -> "Event[G]":
        """Make one; a ValueError if shop, source, id or time (aware) are not as the contract wants them."""
        name = Name(id=new_id() if id is None else id, source=source, shopid=shop, time=time)
        return Event(name.id, name.source, name.shopid, name.time, fact)

    @property
    def type(self) -> str:
        return self.data.type

    @property
    def topic(self) -> str:
        return self.data.topic

    @property
    def subject(self) -> str:
        """The customer, or the object's id where there is none."""
        return self.data.subject or self.shop

    @property
    def partitionkey(self) -> str:
        return self.data.partitionkey(self.shop)

    @property
    def key(self) -> bytes:
        """The key of its Kafka record."""
        return self.partitionkey.encode()

    @property
    def us(self) -> int:
        """When it happened, in microseconds since 1970."""
        return micros(self.time)

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Its place in the one order that is used everywhere: time, trades before refunds, source, id."""
        return self.us, int(self.type == "trade.refunded"), self.source, self.id

    def encode(self) -> bytes:
        """The value of its Kafka record: structured JSON, to be sent with HEADERS."""
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "shopid": self.shop,
            "subject": self.subject,
            "partitionkey": self.partitionkey,
            "time": self.time,
            "datacontenttype": "application/json",
        }
        if self.trace is not None:
            attributes["traceparent"] = self.trace.parent
            if self.trace.state:
                attributes["tracestate"] = self.trace.state
        return b'%b,"data":%b}' % (to_json(attributes)[:-1], self.data.to_json().encode())

    def digest(self) -> bytes:
        """16 bytes, equal for equal content however it was written down; id and source are its name."""
        # None of the parts before the content may hold a line feed, so the text can be read in one way only.
        text = f"{self.type}\n{self.shop}\n{self.subject}\n{self.us}\n{self.data.content()}"
        return blake2b(text.encode(), digest_size=16).digest()


G = TypeVar("G", bound=Fact)


class Name(BaseModel):
    """The attributes that every envelope must have, whatever it carries."""

    id: Id
    source: Source
    shopid: ShopId
    time: Moment


def new_id() -> str:
    """A fresh id that sorts by the time of its making (UUID version 7)."""
    stamp = system.time_ns() // 1_000_000 << 80
    return str(UUID(int=stamp | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)))
