"""A shop's figures counted anew from everything that arrived, straight from docs/figures.md."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from huitou_events import CustomerErased, Event, ItemUpdated, MemberJoined, MembershipEnded, PageViewed
from tests.naive.facts import COMPLETED, EPOCH, PAID, REFUNDED, Fact, micros, standing
from tests.naive.profile import age, attribute, in_order

QUARTER = 15 * 60 * 1_000_000
DOES = {
    *("page.viewed", "cart.added", "cart.removed", "favourite.added", "favourite.removed", "shop.followed"),
    *("shop.unfollowed", "customer.signed_in", "poster.clicked", "message.clicked"),
    *("trade.created", "trade.paid", "trade.completed"),
}
BANDS = [(0, "0-17"), (18, "18-24"), (25, "25-29"), (30, "30-34"), (35, "35-39"), (40, "40-49"), (50, "50-59")]


@dataclass
class Soul:
    """What is known of one person; of one who was erased until when that was."""

    does: list[Event[Any]] = field(default_factory=list)
    visits: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    rest: list[Event[Any]] = field(default_factory=list)
    erased: int | None = None

    def take(self, event: Event[Any]) -> None:
        if event.type in DOES:
            self.does.append(event)
        if isinstance(event.data, PageViewed) and event.data.visit_id is not None:
            self.visits[event.data.visit_id].append(micros(event.time))
        self.rest.append(event)

    def part(self, at: int) -> tuple["Soul", "Soul"]:
        """Who was erased at this moment, and who begins anew with what came after."""
        gone, anew = Soul(erased=at), Soul()
        for event in self.does:
            (gone if quarter(micros(event.time)) <= at else anew).does.append(event)
        for name, views in self.visits.items():
            (gone if min(views) <= at else anew).visits[name] = views
        for event in self.rest:
            (gone if micros(event.time) <= at else anew).rest.append(event)
        return gone, anew

    def stay(self, now: int) -> tuple[int, int] | None:
        """From when until when they are a member, by quarters of an hour; of several times the last."""
        began, ended, inside = None, None, False
        for event in in_order(self.rest, now):
            if isinstance(event.data, MemberJoined) and not inside:
                began, ended, inside = quarter(micros(event.time)), None, True
            elif isinstance(event.data, MembershipEnded) and inside:
                ended, inside = -quarter(-micros(event.time)), False
        if inside and self.erased is not None:
            ended = quarter(self.erased) + QUARTER
        return None if began is None else (began, 2**62 if ended is None else ended)

    def known(self, name: str, now: int) -> Any:
        if self.erased is not None and name not in ("gender", "fan"):
            return None
        return attribute(name, self.rest, now)


@dataclass
class Deal:
    """A trade's payment or completion that counts, what it came to, and whether it stands or is refunded."""

    at: int
    amount: int
    full: int
    stands: bool
    fact: Fact


@dataclass
class Shop:
    """A shop as events arrive at it."""

    souls: dict[str, Soul] = field(default_factory=lambda: defaultdict(Soul))
    gone: list[Soul] = field(default_factory=list)
    erased: dict[str, int] = field(default_factory=dict)
    prices: list[Event[Any]] = field(default_factory=list)
    named: set[tuple[str, str]] = field(default_factory=set)

    def take(self, batch: Sequence[Event[Any]]) -> None:
        """A batch, each event once; what is said of customers between two words on items is taken together."""
        new = []
        for event in batch:
            if (event.source, event.id) not in self.named:
                self.named.add((event.source, event.id))
                new.append(event)
        for on_items, run in groupby(new, key=lambda event: isinstance(event.data, ItemUpdated)):
            if on_items:
                self.prices += run
            else:
                self._take(list(run))

    def _take(self, run: Sequence[Event[Any]]) -> None:
        """Erasures come first: what is told of the time before them together with them was never known."""
        for event in run:
            at, who = micros(event.time), event.subject
            if isinstance(event.data, CustomerErased) and at > self.erased.get(who, -(2**62)):
                gone, self.souls[who] = self.souls[who].part(at)
                self.gone.append(gone)
                self.erased[who] = at
        for event in run:
            counts = micros(event.time) > self.erased.get(event.subject, -(2**62))
            if counts and not isinstance(event.data, CustomerErased):
                self.souls[event.subject].take(event)

    @property
    def everybody(self) -> list[Soul]:
        return [*self.souls.values(), *self.gone]


def quarter(at: int) -> int:
    return at // QUARTER * QUARTER


def days(first: date, last: date, zone: ZoneInfo) -> list[tuple[int, int]]:
    number = (last - first).days + 1
    return [(midnight(first + timedelta(n), zone), midnight(first + timedelta(n + 1), zone)) for n in range(number)]


def midnight(day: date, zone: ZoneInfo) -> int:
    return micros(datetime.combine(day, time(), zone))


def figures(souls: Iterable[Soul], start: int, end: int, now: int) -> dict[str, Any]:
    """The figures of the time from `start` until before `end`, with what is known at `now`."""
    until = min(end, now + 1)
    total: Counter[str] = Counter()
    for soul in souls:
        does = [event for event in soul.does if start <= quarter(micros(event.time)) < until]
        views = [event.data.dwell_seconds for event in does if event.type == "page.viewed"]
        dwells = [seconds for seconds in views if seconds is not None]
        total["page_views"] += len(views)
        total["visitors"] += bool(views)
        total["dwellers"] += bool(dwells)
        total["dwell_seconds"] += sum(dwells)
        begun = [seen for seen in soul.visits.values() if start <= min(seen) < until]
        total["visits"] += len(begun)
        total["bounces"] += sum(len(seen) == 1 for seen in begun)
        stay = soul.stay(now)
        if stay and stay[0] < until and stay[1] > start:
            total["members"] += 1
            total["active_members"] += bool(does)
        for name, number in trading(soul, stay, start, until, now).items():
            total[name] += number
    return {
        **total,
        "page_views_per_visitor": share(total["page_views"], total["visitors"]),
        "bounce_rate": share(total["bounces"], total["visits"]),
        "average_dwell_seconds": share(total["dwell_seconds"], total["dwellers"]),
        "conversion": share(total["buyers"], total["visitors"]),
        "average_order_value": total["amount"] // total["trades"] if total["trades"] else None,
        "member_activity": share(total["active_members"], total["members"]),
    }


def trading(soul: Soul, stay: tuple[int, int] | None, start: int, until: int, now: int) -> dict[str, int]:
    paid = [deal for deal in payments(soul, now) if start <= deal.at < until and deal.stands]
    done = [deal for deal in completions(soul, now) if start <= deal.at < until]
    standing_ones = [deal for deal in done if deal.stands]
    inside = [deal for deal in done if stay and stay[0] <= deal.at < stay[1]]
    return {
        "buyers": int(bool(paid)),
        "paid_trades": len(paid),
        "paid_amount": sum(deal.amount for deal in paid),
        "trading_customers": int(bool(standing_ones)),
        "trades": len(standing_ones),
        "amount": sum(deal.amount for deal in done),
        "member_trades": sum(deal.stands for deal in inside),
        "member_amount": sum(deal.amount for deal in inside),
    }


def payments(soul: Soul, now: int) -> list[Deal]:
    """Each trade at the earlier of payment and completion; of one closed before completion only the latter pays."""
    found = []
    for facts in by_trade(soul, now).values():
        paid, completed, closed = (facts.get(kind) for kind in (PAID, COMPLETED, "trade.closed"))
        if closed and paid and not (completed and completed.place < closed.place):
            paid = None
        ways = sorted(filter(None, (paid, completed)), key=lambda fact: fact.place)
        if ways:
            found.append(deal(soul, ways[0], now))
    return found


def completions(soul: Soul, now: int) -> list[Deal]:
    return [deal(soul, facts[COMPLETED], now) for facts in by_trade(soul, now).values() if COMPLETED in facts]


def by_trade(soul: Soul, now: int) -> dict[str, dict[str, Fact]]:
    found: dict[str, dict[str, Fact]] = defaultdict(dict)
    for fact in standing(soul.rest):
        if fact.trade and fact.type != REFUNDED and fact.time <= now:
            found[fact.trade][fact.type] = fact
    return found


def deal(soul: Soul, fact: Fact, now: int) -> Deal:
    back = [
        one.amount
        for one in standing(soul.rest)
        if one.type == REFUNDED and one.trade == fact.trade and one.time <= now
    ]
    return Deal(fact.time, fact.amount - sum(back), fact.amount, not (back and sum(back) >= fact.amount), fact)


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def groups(souls: Iterable[Soul], name: str, start: int, end: int, now: int, zone: ZoneInfo) -> dict[Any, Any]:
    """(visitors, buyers, trades) by gender, band of ages, fan or a region, without groups of nobody."""
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for soul in souls:
        one = figures([soul], start, end, now)
        numbers = [one.get(key, 0) for key in ("visitors", "buyers", "trades")]
        found[_value(soul, name, now, zone)] = [
            before + number for before, number in zip(found[_value(soul, name, now, zone)], numbers, strict=True)
        ]
    return {value: tuple(numbers) for value, numbers in found.items() if any(numbers)}


def _value(soul: Soul, name: str, now: int, zone: ZoneInfo) -> Any:
    if name != "age":
        return soul.known(name, now)
    years = None if soul.erased is not None else age(soul.rest, zone, now)
    if years is None or years < 0:
        return "unknown"
    return "60+" if years >= 60 else [band for youngest, band in BANDS if youngest <= years][-1]


def discount(shop: Shop, start: int, end: int, now: int) -> tuple[int, int, int, int]:
    """(paid trades, those whose prices are all known, their list amount, their paid amount)."""
    trades, priced, listed, paid = 0, 0, 0, 0
    for soul in shop.everybody:
        for one in payments(soul, now):
            if not (start <= one.at < min(end, now + 1) and one.stands):
                continue
            trades += 1
            prices = [price(shop, line.item, one.at) for line in one.fact.lines]
            if prices and None not in prices:
                priced += 1
                listed += sum((cost or 0) * line.quantity for cost, line in zip(prices, one.fact.lines, strict=True))
                paid += one.full
    return trades, priced, int(listed), paid


def price(shop: Shop, item: str | None, at: int) -> int | None:
    told = [event for event in shop.prices if event.data.item_id == item and event.data.price is not None]
    told.sort(key=lambda event: (micros(event.time), event.source, event.id))
    before = [event.data.price for event in told if micros(event.time) <= at]
    return before[-1] if before else told[0].data.price if told else None


def local(at: int, zone: ZoneInfo) -> date:
    return (EPOCH + timedelta(microseconds=at)).astimezone(zone).date()
