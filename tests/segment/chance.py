"""Random customers and rules, made so that moments coincide, trades meet their refunds and windows close."""

import random
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from huitou_events import micros
from segment_svc.nodes import BEHAVIOURS, OF_VIEWS, REFUND, TRADES, VIEW, Cycles
from segment_svc.people import Change, Line, Occurrence
from tests.naive.birthdays import CALENDARS
from tests.segment.interpreter import Customer

Node: TypeAlias = dict[str, object]
CARTS = ["cart.added", "cart.added", "favourite.added"]
VIEWS = [VIEW] * 4
MEASURES = ["count", "amount", "quantity", "items", "days"]
DAY = 86_400_000_000
NOW = micros(datetime(2026, 3, 10, 12, tzinfo=UTC))
EARLY, MIDDLE, LATE = "2026-02-10T12:00:00Z", "2026-02-20T12:00:00Z", "2026-03-01T12:00:00Z"
TEXTS = {"gender": ["female", "male", "unknown", None], "city": ["杭州", "上海", None], "tier": ["vip", "base", None]}
BIRTHDAYS = ["2000-02-29", "1990-03-12", "2008-03-08", "--03-11", None, "2030-01-01", "1996-11-01", "1990-03-30"]


def customer(rng: random.Random, zone: ZoneInfo) -> Customer:
    found = [occurrence(rng, number) for number in range(rng.choice([0, 3, 12, 25]))]
    altered = sorted((change(rng) for _ in range(rng.choice([0, 2, 6]))), key=lambda one: one.at)
    return Customer(found, altered, frozenset(rng.sample(["a", "b"], rng.randint(0, 2))), zone)


def line(rng: random.Random) -> Line:
    item = rng.choice(["i1", "i2", "i3", "i3"])
    return Line(item, rng.choice(["k1", "k2", None]), rng.randint(1, 3), rng.choice([0, 10, 25, 70]))


def when(rng: random.Random) -> int:
    """Rough moments, so that many coincide; now and then in the future."""
    at = NOW - rng.randint(-4, 40) * DAY
    return at if rng.random() < 0.6 else at + rng.randint(-DAY, DAY)


def occurrence(rng: random.Random, number: int) -> Occurrence:
    kind = rng.choice([*TRADES, *TRADES, REFUND, REFUND, *CARTS, *VIEWS])
    at, source, id = when(rng), rng.choice(["a", "b"]), f"e{number}"
    if kind in BEHAVIOURS:
        one = line(rng) if rng.random() < 0.8 else Line(None)
        dwell, visit = rng.choice([0, 0, 30, 60, 95]), rng.choice(["v1", "v2", "v3", None])
        return Occurrence(at, kind, source, id, one.amount, lines=(one,), dwell=dwell, visit=visit)
    trade = f"t{rng.randint(1, 5)}"
    lines = tuple(line(rng) for _ in range(rng.choice([0, 1, 2, 3])))
    if kind == REFUND:
        amount = rng.choice([0, 10, 33, 50, 200])
        return Occurrence(
            at, kind, source, id, amount, trade, f"r{rng.randint(1, 6)}", lines if rng.random() < 0.5 else ()
        )
    amount = sum(one.amount for one in lines) if rng.random() < 0.7 else rng.randint(0, 150)
    return Occurrence(at, kind, source, id, amount, trade, lines=lines)


def change(rng: random.Random) -> Change:
    name = rng.choice(
        ["gender", "city", "tier", "birthday", "has_phone", "member", "points", "registered_at", "recency", "frequency"]
    )
    if name in ("recency", "frequency"):
        return Change(when(rng), name, rng.choice([1, 3, 5, None]))
    if name in TEXTS:
        return Change(when(rng), name, rng.choice(TEXTS[name]))
    if name == "birthday":
        return Change(when(rng), name, rng.choice(BIRTHDAYS))
    if name == "points":
        return Change(when(rng), name, rng.choice([-5, 0, 100, None]))
    if name == "registered_at":
        return Change(when(rng), name, rng.choice([NOW - 30 * DAY, NOW, None]))
    return Change(when(rng), name, rng.choice([True, False]))


def rule(rng: random.Random, depth: int = 2) -> Node:
    """A rule of the language, not too deep."""
    kind = rng.choice(["all", "any", "not", "leaf", "leaf"]) if depth else "leaf"
    if kind == "leaf":
        return rng.choice([attribute, event, event, event, mark])(rng)
    if kind == "not":
        return {"not": rule(rng, depth - 1)}
    return {kind: [rule(rng, depth - 1) for _ in range(rng.randint(0, 3))]}


def mark(rng: random.Random) -> Node:
    near = {"within_next": rng.choice(["0d", "36h", "7d", "30d", "366d"]), "calendar": rng.choice(CALENDARS)}
    marks: list[Node] = [
        {"tag": "a"},
        {"tier": ["vip"]},
        {"tier": ["base", "none"]},
        {"birthday": near},
        scores(rng),
        {"repurchase": True},
    ]
    return rng.choice(marks)


def cycles(rng: random.Random) -> Cycles:
    low = {item: rng.randint(0, 12) for item in rng.sample(["i1", "i2", "i3", "i9"], 3)}
    return Cycles.of({item: (days, days + rng.randint(0, 9)) for item, days in low.items()})


def scores(rng: random.Random) -> Node:
    named = rng.sample(["recency", "frequency"], rng.randint(1, 2))
    return {"rfm": {name: rng.sample([1, 3, 5], rng.randint(1, 2)) for name in named}}


def event(rng: random.Random) -> Node:
    viewed = rng.random() < 0.3
    found: Node = {"event": [VIEW] if viewed else rng.sample([*TRADES, REFUND, *CARTS], rng.randint(1, 3))}
    if rng.random() < 0.8:
        measure = rng.choice([*MEASURES, *OF_VIEWS * 3] if viewed else MEASURES)
        most = 200 if measure in ("amount", "dwell_seconds") else 4
        low = rng.randint(0, most)
        ends: list[Node] = [{"at_least": low}, {"at_most": low}, {"at_least": low, "at_most": low + most // 4}]
        found[measure] = rng.choice(ends)
    old, new = sorted([rng.randint(0, 40), rng.randint(0, 40)], reverse=True)
    windows: list[Node] = [{}, {"within": f"{old}d"}, {"between": [f"{old}d", f"{new}d"]}, {"since": MIDDLE}]
    found |= rng.choice(windows)
    if rng.random() < 0.3:
        found["item"] = rng.sample(["i1", "i2", "i3", "i9"], 2)
    if rng.random() < 0.2:
        found["category"] = ["k1"]
    if rng.random() < 0.4:
        bought = ["trade.paid", "trade.completed"]
        later = rng.choice([bought, bought[:1], ["cart.added", "trade.created"], [REFUND]])
        found["unless_later"] = {"event": later, "same": "item"}
    return found


def attribute(rng: random.Random) -> Node:
    low = rng.randint(0, 4)
    trade_at = rng.choice(["first_trade_at", "last_trade_at"])
    tests: dict[str, list[Node]] = {
        "trades": [{"at_least": low}, {"at_most": low}, {"between": [low, low + 1]}, {"in": [low, low + 2]}],
        "amount": [{"at_least": 60}, {"at_most": 35}, {"between": [0, 120]}, {"in": [70, 35, 0]}],
        "average_order_value": [{"at_least": 60}, {"at_most": 35}, {"between": [20, 47]}, {"in": [70, 35, 0]}],
        "age": [{"between": [18, 25]}, {"at_most": 30}, {"at_least": 26}, {"in": [18, 36]}, {"known": low < 2}],
        "points": [{"at_least": 0}, {"in": [100]}, {"at_most": 0}, {"known": low < 2}],
        trade_at: [{"at_least": MIDDLE}, {"at_most": MIDDLE}, {"between": [EARLY, LATE]}, {"known": low < 2}],
        "registered_at": [{"at_least": MIDDLE}, {"at_most": MIDDLE}],
        "gender": [{"in": rng.sample(["female", "male", "unknown"], 2)}, {"known": low < 2}],
        "city": [{"in": ["杭州", "nowhere"]}, {"known": low < 2}],
        "has_phone": [{"is": low < 2}, {"known": True}],
        "member": [{"is": low < 2}],
    }
    name = rng.choice(sorted(tests))
    return {"attribute": name, **rng.choice(tests[name])}
