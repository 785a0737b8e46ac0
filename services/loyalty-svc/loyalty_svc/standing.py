"""Where a customer stands: tier, amount and number of trades, as what happened to them in its order makes it.

Pure. `derive` starts from nothing; `proceed` goes on from where an earlier walk ended and gives the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from loyalty_svc.tiers import START_US, Version, in_force, rank, tier_for

# What a fact is; the numbers are stored. Plain numbers, because they are compared for every fact of every customer.
PAID, COMPLETED, CLOSED, REFUNDED = 1, 2, 3, 4
REGISTERED, REQUESTED, GIVEN, ERASED = 5, 6, 7, 8

# At one moment trades come before refunds, and what is done by hand comes after both.
_TURN = {REFUNDED: 1, REQUESTED: 2, GIVEN: 2}


class Fact(NamedTuple):
    """One thing that happened; times in microseconds since 1970, money in the minor unit.

    `kind` is one of the numbers above; `tier`, `who` and `reason` belong to what was done by hand: REQUESTED (a
    joining) and GIVEN (a tier).
    """

    kind: int
    us: int
    source: str
    id: str
    trade_id: str = ""
    amount: int = 0
    refund_id: str = ""
    tier: str | None = None
    who: str | None = None
    reason: str | None = None

    @property
    def place(self) -> tuple[int, int, str, str]:
        """Its place in the one order: time, trades before refunds, source, id."""
        return self.us, _TURN.get(self.kind, 0), self.source, self.id


@dataclass(frozen=True, slots=True)
class Step:
    """A joining (`before` is None) or a tier's change, judged by that version of the programme.

    `cause` is the source and the id of the fact, on a line each; `who` the key that did it by hand, None for the rule.
    """

    us: int
    before: str | None
    after: str
    reason: str
    version: int
    cause: str
    trade_id: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a customer; `steps` are those of the walk that ended here."""

    joined_us: int | None = None
    tier: str | None = None
    amount: int = 0
    trades: int = 0
    paid_amount: int = 0
    paid_trades: int = 0
    steps: tuple[Step, ...] = ()


NOBODY = Standing()


def derive(facts: Iterable[Fact], versions: Sequence[Version], *, now_us: int) -> Standing:
    """The standing at a moment, from all facts in any order; later ones do not count yet."""
    past = [fact for fact in facts if fact.us <= now_us]
    erased_us = erasure(past)
    if erased_us is not None:
        past = [fact for fact in past if fact.us > erased_us]
    past.sort(key=lambda fact: fact.place)
    return proceed(NOBODY, (), past, versions)


def erasure(facts: Iterable[Fact]) -> int | None:
    """The latest erasure among the facts: nothing up to it counts."""
    return max((fact.us for fact in facts if fact.kind == ERASED), default=None)


def proceed(
    standing: Standing, earlier: Iterable[Fact], facts: Iterable[Fact], versions: Sequence[Version]
) -> Standing:
    """Walks on from a standing through facts that come after all it has seen.

    `facts` are in their order; `earlier` are those already seen of the same trades, in their order.
    """
    walk = _Walk(standing, versions)
    for fact in earlier:
        walk.trade(fact.trade_id).take(fact)
    for fact in facts:
        walk.take(fact)
    return walk.end()


class _Trade:
    """What is known of one trade at a place in the order; of each kind and refund only the first counts."""

    __slots__ = ("closed", "completed", "completion", "counted", "paid", "payment", "pays", "refunded", "refunds")

    def __init__(self) -> None:
        self.paid = self.completed = self.closed = self.pays = False
        self.payment: int | None = None
        self.completion: int | None = None
        self.refunded = 0
        self.refunds: set[str] = set()
        self.counted = (0, 0, 0, 0)
        """What it adds to a standing: amount, trades, paid amount, paid trades."""

    def take(self, fact: Fact) -> bool:
        """False if nothing of the fact stands."""
        if fact.kind == PAID and not self.paid:
            self.paid = True
            if not self.closed and not self.completed:
                self._pay(fact)
        elif fact.kind == COMPLETED and not self.completed:
            self.completed = True
            self.completion = fact.amount if fact.us >= START_US else None
            if not self.pays:
                self._pay(fact)
        elif fact.kind == CLOSED and not self.closed and not self.completed:
            self.closed, self.pays, self.payment = True, False, None
        elif fact.kind == REFUNDED and fact.refund_id not in self.refunds:
            self.refunds.add(fact.refund_id)
            self.refunded += fact.amount
        else:
            return False
        self.counted = (*self._kept(self.completion), *self._kept(self.payment))
        return True

    def _pay(self, fact: Fact) -> None:
        self.pays = True
        self.payment = fact.amount if fact.us >= START_US else None

    def _kept(self, amount: int | None) -> tuple[int, int]:
        if amount is None:
            return 0, 0
        return amount - self.refunded, 0 if self.refunds and self.refunded >= amount else 1


class _Walk:
    """A customer's way through the order: sums so far, the tier, and the steps taken."""

    def __init__(self, standing: Standing, versions: Sequence[Version]) -> None:
        self.versions = versions
        self.known: dict[str, _Trade] = {}
        self.joined_us, self.tier = standing.joined_us, standing.tier
        self.amount, self.trades = standing.amount, standing.trades
        self.paid_amount, self.paid_trades = standing.paid_amount, standing.paid_trades
        self.steps: list[Step] = []

    def trade(self, trade_id: str) -> _Trade:
        trade = self.known.get(trade_id)
        if trade is None:
            trade = self.known[trade_id] = _Trade()
        return trade

    def take(self, fact: Fact) -> None:
        if fact.kind <= REFUNDED:
            trade = self.trade(fact.trade_id)
            amount, trades, paid_amount, paid_trades = trade.counted
            if not trade.take(fact):
                return
            now = trade.counted
            self.amount += now[0] - amount
            self.trades += now[1] - trades
            self.paid_amount += now[2] - paid_amount
            self.paid_trades += now[3] - paid_trades
        version = in_force(self.versions, fact.us)
        if version is not None:
            self._judge(fact, version)

    def end(self) -> Standing:
        return Standing(
            self.joined_us,
            self.tier,
            self.amount,
            self.trades,
            self.paid_amount,
            self.paid_trades,
            tuple(self.steps),
        )

    def _judge(self, fact: Fact, version: Version) -> None:
        """Only payments, completions, registrations and what is done by hand can move anybody."""
        if fact.kind == GIVEN and fact.tier is not None:
            self._move(fact, version, fact.tier, fact.reason or "")
        elif self.tier is None:
            reason = self._welcome(fact, version)
            if reason is not None:
                self._move(fact, version, self._reached(version) or version.ordinary.key, reason)
        elif fact.kind == COMPLETED:
            reached = self._reached(version)
            if reached is not None and reached != self.tier and self._is_above(reached, self.tier, fact.us):
                self._move(fact, version, reached, "trade")

    def _is_above(self, reached: str, present: str, us: int) -> bool:
        so_far = [version for version in self.versions if version.since_us <= us]
        return rank(reached, so_far) > rank(present, so_far)

    def _welcome(self, fact: Fact, version: Version) -> str | None:
        """Why the fact makes a member of someone who is none; None if it does not."""
        if fact.kind == REQUESTED:
            return fact.reason or "request"
        if fact.kind == REGISTERED:
            return "registration" if version.joining == "on_registration" else None
        if fact.kind not in (PAID, COMPLETED) or version.joining != "on_payment":
            return None
        reached = version.ordinary.reached_by(amount=self.paid_amount, trades=self.paid_trades)
        return "payment" if reached else None

    def _reached(self, version: Version) -> str | None:
        tier = tier_for(version.tiers, amount=self.amount, trades=self.trades)
        return tier.key if tier else None

    def _move(self, fact: Fact, version: Version, after: str, reason: str) -> None:
        cause = f"{fact.source}\n{fact.id}"
        step = Step(fact.us, self.tier, after, reason, version.number, cause, fact.trade_id or None, fact.who)
        if self.tier is None:
            self.joined_us = fact.us
        self.tier = after
        self.steps.append(step)
