"""Random rules, histories and arrivals that like to stand exactly on the edges of windows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import strategies as st

from huitou_events import (
    Consent,
    CustomerUpdated,
    Event,
    Fact,
    Line,
    MemberJoined,
    MembershipEnded,
    PointsChanged,
    TierChanged,
    TradeClosed,
    TradeCompleted,
    TradeCreated,
    TradePaid,
    TradeRefunded,
)
from huitou_events import behaviour as behaviours
from tests.naive.audiences import duration
from tests.naive.tiers import Tier

ZONES = ["Asia/Shanghai", "Europe/London", "America/New_York", "Pacific/Chatham"]
ITEMS, CATEGORIES = ["i1", "i2", "i3"], ["k1", "k2"]
TAGS, TIERS = ["vip-day", "七夕"], ["ordinary", "premium", "vip", "supreme"]
WINDOWS = ["90m", "1d", "3d", "10d", "30d"]
# Tiers and the figures of trades begin with 2010.
BEGINNING = [datetime(2009, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2010, 1, 1, tzinfo=UTC)]
TRADE_TYPES = ["trade.created", "trade.paid", "trade.completed", "trade.closed"]
TRADE_FACTS: list[Any] = [TradeCreated, TradePaid, TradeCompleted, TradeClosed]
BEHAVIOUR_FACTS: list[Any] = [
    behaviours.CartAdded,
    behaviours.CartRemoved,
    behaviours.FavouriteAdded,
    behaviours.PageViewed,
]
BEHAVIOUR_TYPES = [fact.type for fact in BEHAVIOUR_FACTS]
TEXTS = {
    "gender": ["female", "male", "unknown"],
    "country": ["CN", "GB"],
    "province": ["Zhejiang"],
    "city": ["Hangzhou", "London"],
    "language": ["zh", "en"],
    "source": ["import", "shop"],
}
# Noon, local midnights, the ends of summer time in London and New York, and 1 March of a common year.
ANCHORS = [
    datetime(2026, 11, 1, 12, tzinfo=UTC),
    datetime(2026, 11, 1, 16, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2027, 3, 1, 0, tzinfo=UTC),
]


def times(anchor: datetime, *, ahead: bool = True) -> st.SearchStrategy[datetime]:
    """Moments around an anchor: whole windows before or after it, at most a microsecond beside."""
    spans = [timedelta(0), *(timedelta(microseconds=duration(window)) for window in WINDOWS)]
    back = st.tuples(st.sampled_from(spans), st.sampled_from(spans)).map(lambda pair: -pair[0] - pair[1])
    away = st.one_of(back, st.sampled_from(spans), st.timedeltas(timedelta(-45), timedelta(5))) if ahead else back
    beside = st.sampled_from([0, 0, 0, -1, 1]).map(lambda n: timedelta(microseconds=n))
    return st.tuples(away, beside).map(lambda pair: anchor + pair[0] + pair[1])


def money() -> st.SearchStrategy[int]:
    return st.sampled_from([0, 1, 33, 50, 50, 100, 100, 101, 3_000_000_019, 2**53 - 1])


def lines() -> st.SearchStrategy[list[Line]]:
    line = st.builds(
        Line,
        item_id=st.sampled_from(ITEMS),
        category_id=st.sampled_from([*CATEGORIES, None]),
        quantity=st.integers(0, 3),
        amount=money(),
    )
    return st.lists(line, max_size=3)


def trades(customer: str) -> st.SearchStrategy[Fact]:
    """One step of one of a few trades of the customer."""
    names = st.sampled_from(["t1", "t2", "t3"]).map(lambda name: f"{customer}-{name}")
    step = st.sampled_from(TRADE_FACTS).flatmap(
        lambda kind: st.builds(
            kind,
            customer_id=st.just(customer),
            trade_id=names,
            amount=money(),
            currency=st.just("CNY"),
            items=lines(),
        )
    )
    refund = st.builds(
        TradeRefunded,
        customer_id=st.just(customer),
        trade_id=names,
        refund_id=st.sampled_from(["r1", "r2"]),
        amount=money(),
        items=lines(),
    )
    return st.one_of(step, step, refund)


def behaviour(customer: str) -> st.SearchStrategy[Fact]:
    return st.sampled_from(BEHAVIOUR_FACTS).flatmap(
        lambda kind: st.builds(
            kind,
            customer_id=st.just(customer),
            item_id=st.sampled_from([*ITEMS, None]),
            category_id=st.sampled_from([*CATEGORIES, None]),
            quantity=st.integers(0, 2),
            amount=st.sampled_from([0, 50]),
            visit_id=st.sampled_from(["v1", "v2", None]),
            dwell_seconds=st.sampled_from([0, 1, 50, None]),
        )
    )


@st.composite
def updates(draw: st.DrawFn, customer: str, anchor: datetime) -> Fact:
    """A word on some fields of the customer, null among them."""
    fields: dict[str, st.SearchStrategy[Any]] = {name: st.sampled_from(texts) for name, texts in TEXTS.items()}
    fields["birthday"] = birthdays(anchor)
    fields["phone"] = st.just("+8613800000000")
    fields["registered_at"] = times(anchor)
    fields["consent"] = st.builds(Consent, sms=st.booleans(), source=st.just("form"))
    names = draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3, unique=True))
    return CustomerUpdated(customer_id=customer, **{name: draw(st.one_of(st.none(), fields[name])) for name in names})


def birthdays(anchor: datetime) -> st.SearchStrategy[str]:
    near = st.integers(-2, 35).map(lambda days: (anchor + timedelta(days)).date())
    dated = st.tuples(near, st.sampled_from([1996, 2000, 2001, 2008])).map(lambda pair: f"{pair[1]}-{pair[0]:%m-%d}")
    return st.one_of(dated, st.sampled_from(["2000-02-29", "2008-02-29", "--03-01"]))


def standings(customer: str) -> st.SearchStrategy[Fact]:
    """What loyalty-svc says of the customer."""
    tiers = st.sampled_from(TIERS)
    return st.one_of(
        st.builds(MemberJoined, customer_id=st.just(customer), tier=tiers),
        st.builds(TierChanged, customer_id=st.just(customer), before=tiers, after=tiers, reason=st.just("trade")),
        st.builds(MembershipEnded, customer_id=st.just(customer)),
        st.builds(
            PointsChanged,
            customer_id=st.just(customer),
            delta=st.just(1),
            balance=st.sampled_from([0, 9, 10]),
            reason=st.just("trade"),
        ),
        st.builds(behaviours.ShopFollowed, customer_id=st.just(customer)),
        st.builds(behaviours.ShopUnfollowed, customer_id=st.just(customer)),
    )


@st.composite
def histories(
    draw: st.DrawFn,
    customer: str,
    anchor: datetime,
    *,
    shop: str = "s1",
    only_trades: bool = False,
    most: int = 12,
) -> list[Event[Any]]:
    """Events of one customer, each once; some at the very same time."""
    facts = trades(customer)
    if not only_trades and draw(st.integers(0, 3)):
        facts = st.one_of(facts, facts, behaviour(customer), updates(customer, anchor), standings(customer))
    moments = st.one_of(*[times(anchor)] * 7, st.sampled_from(BEGINNING))
    drawn = draw(st.lists(st.tuples(facts, moments, st.sampled_from("ab")), max_size=most))
    return [
        Event.of(fact, shop=shop, source=f"urn:shop:{shop}:{source}", time=time, id=f"{customer}-{source}{number}")
        for number, (fact, time, source) in enumerate(drawn)
    ]


@st.composite
def arrivals(draw: st.DrawFn, events: Sequence[Event[Any]]) -> list[list[Event[Any]]]:
    """The events in any order, some twice, also within one batch; split into batches."""
    again = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    order = draw(st.permutations([*events, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=3)))
    edges = [0, *cuts, len(order)]
    return [list(order[start:end]) for start, end in pairwise(edges) if start < end]


@st.composite
def programmes(draw: st.DrawFn) -> tuple[Tier, ...]:
    """One to four tiers, each reached by an amount, a number of trades, or either."""
    by_amount, by_trades = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    steps = st.lists(st.sampled_from([1, 49, 50, 51, 100]), min_size=4, max_size=4)
    amounts, numbers = accumulate(draw(steps)), range(draw(st.integers(1, 2)), 9)
    tiers = [
        Tier(key, amount if by_amount else None, number if by_trades else None)
        for key, amount, number in zip(TIERS, amounts, numbers, strict=False)
    ]
    return tuple(tiers[: draw(st.integers(1, len(tiers)))])
