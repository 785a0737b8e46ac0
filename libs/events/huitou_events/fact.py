"""The base of all that can be said: a payload that knows its type, its topic and whom it is about."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from huitou_events.values import Id


class Part(BaseModel):
    """A piece of a fact; frozen, and deaf to fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Fact(Part):
    """What an event says happened."""

    type: ClassVar[str]
    topic: ClassVar[str]

    @property
    def subject(self) -> str:
        """The id of the customer or object it is about; empty when that is the shop itself."""
        return ""

    def partitionkey(self, shop: str) -> str:
        """Facts with one key keep their order on the way."""
        return shop

    def to_json(self) -> str:
        """As it stands on the wire."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    def content(self) -> str:
        """The same text for the same meaning: a default that is spelt out is as good as none."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)


class CustomerFact(Fact):
    """A fact about one customer."""

    customer_id: Id

    @property
    def subject(self) -> str:
        return self.customer_id

    def partitionkey(self, shop: str) -> str:
        return f"{shop}:{self.customer_id}"
