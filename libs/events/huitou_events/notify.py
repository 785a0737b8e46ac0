"""What is asked of notify-svc, and what it says about deliveries; none of it holds personal data."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, PlainSerializer, model_validator
from pydantic_core import PydanticCustomError

from huitou_events.fact import CustomerFact, Part
from huitou_events.moments import Moment
from huitou_events.values import Count, Id, LongText, Text

Priority = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
# Sorted, so that two writers of the same variables agree on the digest.
Variables = Annotated[
    dict[Id, LongText],
    PlainSerializer(lambda variables: dict(sorted(variables.items())), return_type=dict[str, str]),
]


class Timing(Part):
    """When a message is to go out: at once, at a moment, or at the best moment of a window."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    kind: Literal["now", "at", "smart"]
    at: Moment | None = None
    from_: Moment | None = Field(None, alias="from")
    until: Moment | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "at" and self.at is None:
            raise PydanticCustomError("timing", "A timing of the kind at needs at")
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            raise PydanticCustomError("timing", "A window ends after it begins")
        return self


class Poster(Part):
    """What the shop's front is to show, and where."""

    slot: Id
    image: LongText
    link: LongText


class MessageRequested(CustomerFact):
    """A plan wants a customer to be told something."""

    type = "message.requested"
    topic = "notify.jobs"

    job_id: Id
    plan_id: Id
    channel: Literal["sms", "poster"]
    purpose: Literal["marketing", "care"]
    template_id: Id | None = None
    variables: Variables = Field(default_factory=dict)
    coupon_code: Id | None = None
    timing: Timing
    expires_at: Moment | None = None
    priority: Priority = 0
    poster: Poster | None = None

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Self:
        if self.channel == "sms" and self.template_id is None:
            raise PydanticCustomError("message", "A message by sms needs a template_id")
        if self.channel == "poster" and self.poster is None:
            raise PydanticCustomError("message", "A message by poster needs a poster")
        return self


class MessageCancelled(CustomerFact):
    """A message is not to go out, if it has not yet."""

    type = "message.cancelled"
    topic = "notify.jobs"

    job_id: Id
    plan_id: Id | None = None
    reason: Text | None = None


class Delivery(CustomerFact):
    """A step in the life of one message; parts are those of an SMS."""

    topic = "notify.deliveries"

    job_id: Id
    reason: Text | None = None
    provider: Id | None = None
    parts: Count | None = None


class MessageScheduled(Delivery):
    """A moment was found for a message."""

    type = "message.scheduled"

    at: Moment | None = None


class MessageSuppressed(Delivery):
    """A message was held back for good; reason says why."""

    type = "message.suppressed"


class MessageSent(Delivery):
    """A provider took a message."""

    type = "message.sent"


class MessageDelivered(Delivery):
    """A message reached the customer."""

    type = "message.delivered"


class MessageFailed(Delivery):
    """A message did not reach the customer."""

    type = "message.failed"


class MessageClicked(Delivery):
    """The customer followed the link of a message."""

    type = "message.clicked"


class RecipientOptedOut(CustomerFact):
    """The customer wants no more marketing; job_id is the message that was answered, if there was one."""

    type = "recipient.opted_out"
    topic = "notify.deliveries"

    job_id: Id | None = None
    reason: Text | None = None
    provider: Id | None = None
