"""What a shop system says about its customers as persons; the only facts with personal data."""

from typing import Literal

from pydantic import Field

from huitou_events.fact import CustomerFact, Part
from huitou_events.moments import Moment
from huitou_events.values import Birthday, CardNo, Email, Flag, Id, Language, LongText, Phone, Text, Zone


class Consent(Part):
    """Whether the customer agreed to marketing by SMS, and the proof of it: where, and to which wording."""

    sms: Flag
    source: Text
    wording: LongText | None = None


class CustomerUpdated(CustomerFact):
    """Something about a customer became known or changed.

    A field that is absent is unchanged, one that is None was cleared: `model_fields_set` tells them apart.
    """

    type = "customer.updated"
    topic = "shop.customers"

    name: Text | None = Field(None, repr=False)
    gender: Literal["female", "male", "unknown"] | None = None
    birthday: Birthday | None = Field(None, repr=False)
    phone: Phone | None = Field(None, repr=False)
    email: Email | None = Field(None, repr=False)
    country: Text | None = None
    province: Text | None = None
    city: Text | None = None
    timezone: Zone | None = None
    language: Language | None = None
    source: Text | None = None
    registered_at: Moment | None = None
    referred_by: Id | None = None
    card_no: CardNo | None = None
    consent: Consent | None = None

    @property
    def cleared(self) -> list[str]:
        """The names of the fields that were cleared, sorted."""
        return sorted(name for name in self.model_fields_set if getattr(self, name) is None)

    def to_json(self) -> str:
        return self.model_dump_json(exclude_unset=True)

    def content(self) -> str:
        return f"{super().content()}\n{','.join(self.cleared)}"


class CustomerErased(CustomerFact):
    """A customer is to be forgotten: facts up to this moment are ignored for ever."""

    type = "customer.erased"
    topic = "shop.customers"
