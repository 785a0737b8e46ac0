"""Why somebody is in an audience: every node tells its value, what it measured and until when it stays so."""

from zoneinfo import ZoneInfo

from segment_svc import rules
from segment_svc.explain import why
from segment_svc.people import Change, History, Line, Occurrence, Person, changes
from tests.segment.chance import DAY, NOW

SHANGHAI = ZoneInfo("Asia/Shanghai")
ADA = Person(
    History.of(
        [
            Occurrence(NOW - 20 * DAY, "trade.completed", "oms", "e1", 100, "t1", lines=(Line("i1", amount=100),)),
            Occurrence(NOW - 2 * DAY, "trade.completed", "oms", "e2", 51, "t2", lines=(Line("i2", amount=51),)),
            Occurrence(NOW - DAY, "trade.refunded", "oms", "e3", 1, "t2", "r1"),
        ]
    ),
    changes(
        [
            Change(NOW - 90 * DAY, "birthday", "2000-03-12"),
            Change(NOW - 90 * DAY, "registered_at", NOW - 90 * DAY),
            Change(NOW - 9 * DAY, "city", "杭州"),
            Change(NOW - 9 * DAY, "tier", "vip"),
            Change(NOW - 9 * DAY, "member", True),
            Change(NOW + 9 * DAY, "city", "上海"),
        ]
    ),
    frozenset({"七夕活动招募会员"}),
)


def node(rule: object) -> dict[str, object]:
    return why(rules.parse(rule), ADA, SHANGHAI, NOW)


def test_a_condition_on_events_tells_what_it_measured_and_until_when_it_holds() -> None:
    assert node({"event": "trade.completed", "amount": {"at_least": 60}, "within": "30d"}) == {
        "event": ["trade.completed"],
        "amount": {"at_least": 60},
        "within": "30d",
        "value": True,
        "measured": 150,
        "until": "2026-03-20T12:00:00Z",
    }


def test_dwell_and_visits_tell_how_much_was_seen_and_until_when() -> None:
    seen = [(6, "v1", 200), (2, "v1", 60), (1, "v2", 0), (1, None, 50)]
    views = [
        Occurrence(NOW - days * DAY, "page.viewed", "app", f"e{place}", lines=(Line(None),), dwell=dwell, visit=visit)
        for place, (days, visit, dwell) in enumerate(seen)
    ]
    person = Person(History.of(views), changes([]))
    for measure, least, found, until in (
        ("dwell_seconds", 300, 310, "2026-03-11T12:00:00Z"),
        ("visits", 2, 2, "2026-03-15T12:00:00Z"),
    ):
        rule = {"event": "page.viewed", measure: {"at_least": least}, "within": "7d"}
        told = why(rules.parse(rule), person, SHANGHAI, NOW)
        assert told == {**rule, "event": ["page.viewed"], "value": True, "measured": found, "until": until}


def test_every_node_of_a_tree_is_explained() -> None:
    tree = node({"all": [{"any": [{"tag": "七夕活动招募会员"}, {"tag": "b"}]}, {"not": {"tier": ["vip"]}}]})
    assert tree == {
        "all": [
            {
                "any": [
                    {"tag": "七夕活动招募会员", "value": True, "until": None},
                    {"tag": "b", "value": False, "until": None},
                ],
                "value": True,
                "until": None,
            },
            {
                "not": {"tier": ["vip"], "value": True, "measured": "vip", "until": None},
                "value": False,
                "until": None,
            },
        ],
        "value": False,
        "until": None,
    }


def test_attributes_tell_their_value() -> None:
    told = {
        "age": 25,
        "amount": 150,
        "average_order_value": 75,
        "city": "杭州",
        "country": None,
        "first_trade_at": "2026-02-18T12:00:00Z",
        "gender": "unknown",
        "has_phone": False,
        "last_trade_at": "2026-03-08T12:00:00Z",
        "member": True,
        "points": None,
        "registered_at": "2025-12-10T12:00:00Z",
        "trades": 2,
    }
    assert {name: node({"attribute": name, "known": True})["measured"] for name in told} == told


def test_a_birthday_ends_an_age_at_midnight_of_the_zone() -> None:
    assert node({"attribute": "age", "at_most": 25})["until"] == "2026-03-11T16:00:00Z"


def test_a_nested_audience_is_explained_with_its_rule() -> None:
    rule = rules.parse({"audience": "a1"})
    expanded = rules.expand(rule, {"a1": rules.parse({"attribute": "city", "in": ["杭州"]})})
    inner = {"attribute": "city", "in": ["杭州"], "value": True, "measured": "杭州", "until": "2026-03-19T12:00:00Z"}
    assert why(expanded, ADA, SHANGHAI, NOW) == {
        "audience": "a1",
        "rule": inner,
        "value": True,
        "until": "2026-03-19T12:00:00Z",
    }


def test_what_is_told_can_be_read_again() -> None:
    rule = {
        "event": ["cart.added", "favourite.added"],
        "items": {"at_least": 1, "at_most": 9},
        "between": ["36h", "90m"],
        "item": ["i1"],
        "category": ["k1"],
        "unless_later": {"event": ["trade.paid"], "same": "item"},
    }
    told = node(rule)
    assert {name: told[name] for name in rule} == rule
