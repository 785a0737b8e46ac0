"""What an operator asks for when a coupon is defined or a plan is made; unknown fields are refused."""

from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from campaign_svc.discounts import Kind
from huitou_chassis import Invalid, LongText, Model, Text
from huitou_events import Id, Moment, Poster, Timing

Stock = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]
Limit = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Channel = Literal["sms", "poster"]


class ValidityTerms(Model):
    """Between two moments (until is exclusive), or so many days from the claim."""

    from_: Moment | None = Field(None, alias="from")
    until: Moment | None = None
    days: Days | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        bounds = (self.from_, self.until)
        if (self.days is None) == (bounds == (None, None)):
            raise ValueError("expected {from, until} or {days}")
        if self.days is None and None in bounds:
            raise ValueError("from and until are given together")
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            raise ValueError("until: must be after from")
        return self


class CouponTerms(Model):
    """A coupon: `stock` null is without limit; without `per_customer` a customer may claim any number."""

    name: Text
    kind: Kind
    stock: Stock | None
    per_customer: Limit | None = None
    validity: ValidityTerms


class TimingTerms(Timing):
    """When the messages go out: now, at a moment, or smart within a window."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _has_only_what_its_kind_knows(self) -> Self:
        if self.kind != "at" and self.at is not None:
            raise ValueError(f"at: a timing of the kind {self.kind} has none")
        if self.kind != "smart" and (self.from_, self.until) != (None, None):
            raise ValueError(f"from, until: a timing of the kind {self.kind} has none")
        return self


def _web_address(text: str) -> str:
    """A scheme such as javascript: would run in the shop's front."""
    if urlsplit(text).scheme not in ("", "http", "https"):
        raise ValueError("expected an http or https address")
    return text


Address = Annotated[LongText, AfterValidator(_web_address)]


class PosterTerms(Poster):
    """What the shop's front shows to the audience, and where."""

    model_config = ConfigDict(extra="forbid")

    image: Address
    link: Address


class PlanTerms(Model):
    """A plan: whom it is for, what they get, and how and when they hear of it."""

    name: Text
    audience: Id
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    coupon_id: Id | None = None
    template_id: Id | None = None
    variables: Annotated[dict[Id, LongText], Field(max_length=50)] = Field(default_factory=dict)
    timing: TimingTerms
    poster: PosterTerms | None = None
    holdout: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0
    ends_at: Moment | None = None

    def check(self, now: datetime) -> None:
        """Invalid, with the field, if the parts do not make a plan that can be started."""
        if len(set(self.channels)) < len(self.channels):
            raise Invalid(field="channels", detail="a channel is named twice")
        if "sms" in self.channels and self.template_id is None:
            raise Invalid(field="template_id", detail="the channel sms needs a template")
        if "poster" in self.channels and self.poster is None:
            raise Invalid(field="poster", detail="the channel poster needs {slot, image, link}")
        if self.ends_at is not None and self.ends_at <= now:
            raise Invalid(field="ends_at", detail="must be in the future")
        for field, moment in (("timing.at", self.timing.at), ("timing.from", self.timing.from_)):
            if self.ends_at is not None and moment is not None and self.ends_at <= moment:
                raise Invalid(field=field, detail="must be before ends_at")


class PlanChange(PlanTerms):
    """What of a draft is to be different; a field that is not given stays as it is."""

    name: Text = ""
    audience: Id = ""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = ()
    timing: TimingTerms = Field(default_factory=lambda: TimingTerms(kind="now"))

    def applied_to(self, terms: PlanTerms) -> PlanTerms:
        return terms.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})
