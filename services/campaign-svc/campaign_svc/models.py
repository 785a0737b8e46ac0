"""The service's nouns as they lie in its tables; times are microseconds since 1970."""

from dataclasses import dataclass
from typing import Any, Literal

from asyncpg import Record

from campaign_svc.discounts import KIND, Kind
from campaign_svc.terms import PlanTerms, PosterTerms, TimingTerms
from huitou_events import Trace, moment

ClaimStatus = Literal["claimed", "locked", "redeemed", "expired", "revoked"]
PlanState = Literal["draft", "starting", "running", "ended", "terminated"]
DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True)
class Coupon:
    """What a shop gives away: `stock` None and `per_customer` None mean no limit.

    Valid from one moment until another, or for a number of days from the claim.
    """

    shop: str
    id: str
    name: str
    kind: Kind
    stock: int | None
    claimed: int
    per_customer: int | None
    valid_from_us: int | None
    valid_until_us: int | None
    valid_days: int | None
    created_us: int

    def validity(self, claimed_us: int) -> tuple[int, int]:
        """From (inclusive) and until (exclusive) of a claim made at `claimed_us`."""
        if self.valid_days is not None:
            return claimed_us, claimed_us + self.valid_days * DAY_US
        assert self.valid_from_us is not None and self.valid_until_us is not None
        return self.valid_from_us, self.valid_until_us

    @staticmethod
    def of(row: Record) -> "Coupon":
        return Coupon(
            shop=row["shop_id"],
            id=row["coupon_id"],
            name=row["name"],
            kind=KIND.validate_python(row["kind"]),
            stock=row["stock"],
            claimed=row["claimed"],
            per_customer=row["per_customer"],
            valid_from_us=row["valid_from_us"],
            valid_until_us=row["valid_until_us"],
            valid_days=row["valid_days"],
            created_us=row["created_us"],
        )


@dataclass(frozen=True)
class Claim:
    """One piece of a coupon in a customer's hands.

    `trade_id` is the order that redeemed it, holds it, or held it until its lock lapsed; `released_trade_id` the one
    that gave it back last. `due_us` is when it changes if nothing happens: it expires, or its lock lapses.
    """

    shop: str
    id: str
    coupon_id: str
    customer_id: str
    nth: int
    code: str
    plan_id: str | None
    status: ClaimStatus
    valid_from_us: int
    valid_until_us: int
    claimed_us: int
    trade_id: str | None = None
    locked_us: int | None = None
    locked_until_us: int | None = None
    released_trade_id: str | None = None
    redeemed_us: int | None = None
    amount: int | None = None
    discount: int | None = None

    @property
    def due_us(self) -> int | None:
        return {"claimed": self.valid_until_us, "locked": self.locked_until_us}.get(self.status)

    def valid_at(self, us: int) -> bool:
        return self.valid_from_us <= us < self.valid_until_us

    @staticmethod
    def of(row: Record) -> "Claim":
        values: dict[str, Any] = dict(row)
        values["shop"], values["id"] = values.pop("shop_id"), values.pop("claim_id")
        values.pop("due_us", None)
        return Claim(**values)


@dataclass(frozen=True)
class Plan:
    """One operation plan; `taken_us` is the moment whose members it takes, `cursor` how far they are collected.

    `trace` is that in which it was started.
    """

    shop: str
    id: str
    terms: PlanTerms
    audience_size: int
    state: PlanState
    created_us: int
    started_us: int | None
    ended_us: int | None
    taken_us: int | None
    cursor: str | None
    collected: bool
    trace: Trace | None = None

    @staticmethod
    def of(row: Record) -> "Plan":
        terms = PlanTerms(
            name=row["name"],
            audience=row["audience_id"],
            channels=tuple(row["channels"]),
            coupon_id=row["coupon_id"],
            template_id=row["template_id"],
            variables=row["variables"],
            timing=TimingTerms.model_validate(row["timing"]),
            poster=None if row["poster"] is None else PosterTerms.model_validate(row["poster"]),
            holdout=row["holdout"],
            ends_at=None if row["ends_us"] is None else moment(row["ends_us"]),
        )
        return Plan(
            shop=row["shop_id"],
            id=row["plan_id"],
            terms=terms,
            audience_size=row["audience_size"],
            state=row["state"],
            created_us=row["created_us"],
            started_us=row["started_us"],
            ended_us=row["ended_us"],
            taken_us=row["taken_us"],
            cursor=row["member_cursor"],
            collected=row["collected"],
            trace=Trace(row["trace"]) if row["trace"] else None,
        )
