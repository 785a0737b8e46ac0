"""A message that was asked for, and what may become of it, as values."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from huitou_events import Event, MessageRequested, Trace, micros

State: TypeAlias = Literal["scheduled", "retrying", "sending", "unknown", "sent", "delivered", "failed", "suppressed"]


@dataclass(frozen=True)
class Message:
    """One message asked for; `until_us` bounds the planning, `expires_us` also the sending; the latter is excluded."""

    shop: str
    job_id: str
    customer_id: str
    plan_id: str
    channel: str
    purpose: str
    template_id: str | None
    kind: str
    requested_us: int
    variables: dict[str, str] = field(default_factory=dict)
    coupon_code: str | None = None
    poster: dict[str, Any] | None = None
    from_us: int | None = None
    until_us: int | None = None
    expires_us: int | None = None
    priority: int = 0
    state: State = "scheduled"
    at_us: int | None = None
    attempts: int = 0
    phone: bytes | None = None
    trace: Trace | None = None
    """Of the latest decision about it."""

    @property
    def who(self) -> tuple[str, str]:
        return self.shop, self.customer_id

    @property
    def key(self) -> tuple[str, str]:
        return self.shop, self.job_id

    @property
    def counted(self) -> bool:
        """Whether cap and gap apply."""
        return self.channel == "sms" and self.purpose == "marketing"


@dataclass(frozen=True)
class Change:
    """A message's next state; `sent` is when it left, None leaves that as it is."""

    shop: str
    job_id: str
    state: State
    reason: str | None = None
    at_us: int | None = None
    sent_us: int | None = None
    parts: int | None = None
    masked: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    pause_s: float | None = None
    """Real seconds until the message is looked at again."""
    attempted: bool = False


def asked_for(event: Event[MessageRequested]) -> Message:
    said, timing = event.data, event.data.timing
    asked = timing.at if timing.kind == "at" else timing.from_
    return Message(
        shop=event.shop,
        job_id=said.job_id,
        customer_id=said.customer_id,
        plan_id=said.plan_id,
        channel=said.channel,
        purpose=said.purpose,
        template_id=said.template_id,
        kind=timing.kind,
        requested_us=event.us,
        variables=dict(said.variables),
        coupon_code=said.coupon_code,
        poster=said.poster.model_dump() if said.poster else None,
        from_us=micros(asked) if asked else None,
        until_us=micros(timing.until) if timing.until else None,
        expires_us=micros(said.expires_at) if said.expires_at else None,
        priority=said.priority,
    )


def stored(row: Any) -> Message:
    """A message from its row; the moment it was asked for is in its decision already."""
    names = Message.__dataclass_fields__.keys() - {"shop", "from_us", "trace"}
    parent = row["history"][-1].get("trace")
    trace = Trace(parent) if parent else None
    return Message(shop=row["shop_id"], trace=trace, **{name: row[name] for name in names})
