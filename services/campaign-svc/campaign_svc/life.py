"""What may become of a claim: claimed -> locked by an order -> redeemed; released; expired. Pure.

Each step takes the claim and the moment at which it happens, and gives the claim as it is then, or why not. Asking
again for what already is changes nothing, so every step may be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from campaign_svc.discounts import Kind, NotApplicable, discount
from campaign_svc.models import Claim
from huitou_events import Line

LOCK_US = 30 * 60 * 1_000_000


@dataclass(frozen=True)
class Refused:
    """A step that the claim's state does not allow; `type` is a stable word."""

    type: str
    detail: str


def lock(claim: Claim, trade_id: str, us: int) -> Claim | Refused:
    """Held for the order from `us` on, for 30 minutes; an order is never in its own way."""
    if claim.trade_id == trade_id and (claim.status == "redeemed" or _held(claim, us)):
        return claim
    if refused := _taken(claim, trade_id, us):
        return refused
    if not claim.valid_at(us):
        return Refused("not-valid", "the coupon is not valid at this moment")
    return replace(claim, status="locked", trade_id=trade_id, locked_us=us, locked_until_us=us + LOCK_US)


def redeem(
    claim: Claim, trade_id: str, us: int, *, kind: Kind, amount: int, lines: Sequence[Line] = ()
) -> Claim | Refused:
    """Used for the order, with or without a lock; after its expiry too if this order locked it before."""
    if claim.trade_id == trade_id and claim.status == "redeemed":
        return claim
    if refused := _taken(claim, trade_id, us):
        return refused
    if not claim.valid_at(us) and not _locked_in_time(claim, trade_id):
        return Refused("not-valid", "the coupon is not valid at this moment, and the order did not lock it before")
    taken = discount(kind, amount, lines)
    if isinstance(taken, NotApplicable):
        return Refused("not-applicable", taken.detail)
    return replace(claim, status="redeemed", trade_id=trade_id, redeemed_us=us, amount=amount, discount=taken)


def release(claim: Claim, trade_id: str | None) -> Claim | Refused:
    """Given back by the order that holds it; by one that redeemed it only if the order is named."""
    if claim.status == "redeemed":
        if trade_id != claim.trade_id:
            return Refused("redeemed", "the coupon was redeemed; only a call that names its order gives it back")
        return _given_back(claim)
    if claim.status == "locked":
        if trade_id not in (None, claim.trade_id):
            return Refused("locked", "the coupon is locked by another order")
        return _given_back(claim)
    if claim.trade_id is not None and trade_id in (None, claim.trade_id):
        # The lock lapsed before, and that was told; now the order is out for good.
        return _given_back(claim)
    if claim.released_trade_id is not None and trade_id in (None, claim.released_trade_id):
        return claim
    return Refused("not-locked", "no order holds the coupon")


def lapse(claim: Claim, us: int) -> Claim:
    """The claim at `us` if nothing happened since: a lock lapses, what is not held expires at its end.

    The order of a lapsed lock stays known: it may still redeem what it locked in time.
    """
    if claim.status == "locked" and not _held(claim, us):
        claim = replace(claim, status="claimed")
    if claim.status == "claimed" and us >= claim.valid_until_us:
        claim = replace(claim, status="expired")
    return claim


def _taken(claim: Claim, trade_id: str, us: int) -> Refused | None:
    if claim.status == "redeemed":
        return Refused("redeemed", "the coupon was redeemed by another order")
    if claim.status == "revoked":
        return Refused("revoked", "the coupon was revoked")
    if claim.trade_id != trade_id and _held(claim, us):
        return Refused("locked", "the coupon is locked by another order")
    return None


def _held(claim: Claim, us: int) -> bool:
    return claim.status == "locked" and claim.locked_until_us is not None and us < claim.locked_until_us


def _locked_in_time(claim: Claim, trade_id: str) -> bool:
    return claim.trade_id == trade_id and claim.locked_us is not None and claim.valid_at(claim.locked_us)


def _given_back(claim: Claim) -> Claim:
    return replace(
        claim,
        status="expired" if claim.status == "expired" else "claimed",
        trade_id=None,
        locked_us=None,
        locked_until_us=None,
        released_trade_id=claim.trade_id,
        redeemed_us=None,
        amount=None,
        discount=None,
    )
