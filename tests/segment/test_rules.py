"""The rule language: what it understands, and what it says where it does not."""

import pytest

from segment_svc import rules
from segment_svc.nodes import Aged, AllOf, Attribute, Bounds, InAudience, Not, Occurred, OneOf, Scored, Since, Tagged
from segment_svc.rules import RuleError

DAY = 86_400_000_000


def error(rule: object) -> RuleError:
    with pytest.raises(RuleError) as caught:
        rules.parse(rule)
    return caught.value


def test_a_rule_is_read_whole() -> None:
    rule = {
        "all": [
            {"attribute": "age", "between": [18, 30]},
            {"not": {"tag": "七夕活动招募会员"}},
            {
                "event": "cart.added",
                "days": {"at_most": 3},
                "between": ["10d", "72h"],
                "item": ["i9"],
                "unless_later": {"event": ["trade.paid"], "same": "item"},
            },
        ]
    }
    assert rules.parse(rule) == AllOf(
        (
            Attribute("age", Bounds(18, 30)),
            Not(Tagged("七夕活动招募会员")),
            Occurred(
                frozenset({"cart.added"}),
                "days",
                Bounds(at_most=3),
                Aged(10 * DAY, 3 * DAY),
                items=frozenset({"i9"}),
                unless_later=frozenset({"trade.paid"}),
            ),
        )
    )


def test_a_condition_without_a_measure_asks_for_at_least_one_event_ever() -> None:
    assert rules.parse({"event": "page.viewed"}) == Occurred(frozenset({"page.viewed"}), "count", Bounds(at_least=1))


def test_equal_rules_are_equal_and_hash_alike() -> None:
    first = rules.parse({"event": ["cart.added", "page.viewed"], "within": "24h"})
    second = rules.parse({"within": "1d", "event": ["page.viewed", "cart.added"], "count": {"at_least": 1}})
    assert first == second
    assert hash(first) == hash(second)


def test_a_moment_is_read_with_its_offset() -> None:
    rule = rules.parse({"event": "cart.added", "since": "2010-01-01T08:00:00+08:00"})
    assert isinstance(rule, Occurred)
    assert rule.window == Since(1_262_304_000_000_000)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ([], "rule"),
        (None, "rule"),
        ({}, "rule"),
        ({"colour": "red"}, "rule"),
        ({"all": {}}, "rule.all"),
        ({"all": [{"tag": "a"}, 7]}, "rule.all[1]"),
        ({"all": [], "any": []}, "rule.any"),
        ({"not": [{"tag": "a"}]}, "rule.not"),
        ({"not": {"any": [{"all": [{"event": "trade.lost"}]}]}}, "rule.not.any[0].all[0].event"),
        ({"event": "trade.paid", "where": 1}, "rule.where"),
        ({"event": []}, "rule.event"),
        ({"event": [1]}, "rule.event[0]"),
        ({"event": "member.joined"}, "rule.event"),
        ({"event": "trade.paid", "count": {"at_least": 1}, "amount": {"at_least": 1}}, "rule.amount"),
        ({"event": "trade.paid", "count": 1}, "rule.count"),
        ({"event": "cart.added", "visits": {"at_least": 1}}, "rule.visits"),
        ({"event": ["page.viewed", "cart.added"], "dwell_seconds": {"at_least": 1}}, "rule.dwell_seconds"),
        ({"event": "page.lost", "visits": {"at_least": 1}}, "rule.event"),
        ({"event": "page.viewed", "dwell_seconds": {"at_least": "5m"}}, "rule.dwell_seconds.at_least"),
        ({"event": "page.viewed", "dwell_seconds": {"at_least": 1}, "visits": {"at_least": 1}}, "rule.visits"),
        ({"event": "trade.paid", "count": {}}, "rule.count"),
        ({"event": "trade.paid", "count": {"more": 1}}, "rule.count.more"),
        ({"event": "trade.paid", "count": {"at_least": 1.5}}, "rule.count.at_least"),
        ({"event": "trade.paid", "count": {"at_least": True}}, "rule.count.at_least"),
        ({"event": "trade.paid", "count": {"at_least": -1}}, "rule.count.at_least"),
        ({"event": "trade.paid", "count": {"at_least": 10**30}}, "rule.count.at_least"),
        ({"event": "trade.paid", "count": {"at_least": float("inf")}}, "rule.count.at_least"),
        ({"event": "trade.paid", "count": {"at_least": 3, "at_most": 2}}, "rule.count"),
        ({"event": "trade.paid", "within": "30"}, "rule.within"),
        ({"event": "trade.paid", "within": 30}, "rule.within"),
        ({"event": "trade.paid", "within": "1.5d"}, "rule.within"),
        ({"event": "trade.paid", "within": "99999999999d"}, "rule.within"),
        ({"event": "trade.paid", "within": "1d", "since": "2026-01-01T00:00:00Z"}, "rule.since"),
        ({"event": "trade.paid", "between": ["3d"]}, "rule.between"),
        ({"event": "trade.paid", "between": ["3d", "10d"]}, "rule.between"),
        ({"event": "trade.paid", "between": ["3d", "x"]}, "rule.between[1]"),
        ({"event": "trade.paid", "since": "2026-01-01"}, "rule.since"),
        ({"event": "trade.paid", "since": "2026-02-30T00:00:00Z"}, "rule.since"),
        ({"event": "trade.paid", "since": 0}, "rule.since"),
        ({"event": "trade.paid", "item": "i1"}, "rule.item"),
        ({"event": "trade.paid", "item": []}, "rule.item"),
        ({"event": "trade.paid", "category": [None]}, "rule.category[0]"),
        ({"event": "cart.added", "unless_later": "trade.paid"}, "rule.unless_later"),
        ({"event": "cart.added", "unless_later": {"event": "trade.paid"}}, "rule.unless_later.same"),
        ({"event": "cart.added", "unless_later": {"event": "x", "same": "item"}}, "rule.unless_later.event"),
        ({"attribute": "shoe_size", "at_least": 40}, "rule.attribute"),
        ({"attribute": 3, "at_least": 40}, "rule.attribute"),
        ({"attribute": "age"}, "rule"),
        ({"attribute": "age", "is": True}, "rule.is"),
        ({"attribute": "age", "at_least": "18"}, "rule.at_least"),
        ({"attribute": "age", "between": [30, 18]}, "rule.between"),
        ({"attribute": "age", "at_least": 1, "in": [1]}, "rule.at_least"),
        ({"attribute": "age", "older": 1}, "rule.older"),
        ({"attribute": "gender", "in": ["男"]}, "rule.in"),
        ({"attribute": "gender", "at_least": 1}, "rule.at_least"),
        ({"attribute": "member", "is": "yes"}, "rule.is"),
        ({"attribute": "member", "in": [True]}, "rule.in"),
        ({"attribute": "registered_at", "at_least": 5}, "rule.at_least"),
        ({"attribute": "city", "known": 1}, "rule.known"),
        ({"tag": ""}, "rule.tag"),
        ({"tag": "a\x00b"}, "rule.tag"),
        ({"tag": "a\ud800"}, "rule.tag"),
        ({"tag": "a", "is": True}, "rule.is"),
        ({"tier": "vip"}, "rule.tier"),
        ({"audience": ["a"]}, "rule.audience"),
        ({"birthday": "7d"}, "rule.birthday"),
        ({"birthday": {}}, "rule.birthday"),
        ({"birthday": {"within_next": 7}}, "rule.birthday.within_next"),
        ({"birthday": {"within_next": "367d"}}, "rule.birthday.within_next"),
        ({"birthday": {"within_next": "7d", "calendar": "hebrew"}}, "rule.birthday.calendar"),
        ({"birthday": {"within_next": "7d", "within": "7d"}}, "rule.birthday.within"),
        ({"birthday": {"within_next": "7d"}, "known": True}, "rule.known"),
        ({"repurchase": False}, "rule.repurchase"),
        ({"repurchase": True, "item": ["i1"]}, "rule.item"),
        ({"rfm": {}}, "rule.rfm"),
        ({"rfm": [5]}, "rule.rfm"),
        ({"rfm": {"recency": []}}, "rule.rfm.recency"),
        ({"rfm": {"recency": [5, 6]}}, "rule.rfm.recency[1]"),
        ({"rfm": {"monetary": [True]}}, "rule.rfm.monetary[0]"),
        ({"rfm": {"age": [5]}}, "rule.rfm.age"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(rule: object, path: str) -> None:
    assert error(rule).path == path


def test_dwell_and_visits_are_those_of_views_of_pages_alone() -> None:
    for measure in ("dwell_seconds", "visits"):
        rule = rules.parse({"event": ["page.viewed"], measure: {"at_most": 3}, "item": ["i1"]})
        assert rule == Occurred(frozenset({"page.viewed"}), measure, Bounds(at_most=3), items=frozenset({"i1"}))
        said = error({"any": [{"event": ["cart.added", "page.viewed"], measure: {"at_most": 3}}]})
        assert said.path == f"rule.any[0].{measure}"
        assert '{"event": "page.viewed"} is expected' in said.message


def test_scores_are_read() -> None:
    rule = rules.parse({"rfm": {"recency": [4, 5], "monetary": [5]}})
    assert rule == Scored(recency=frozenset({4, 5}), monetary=frozenset({5}))
    assert rules.reads(rule).attributes == {"recency", "monetary"}


def test_a_rule_has_at_most_32_levels_and_200_conditions() -> None:
    rule: object = {"tag": "a"}
    for _ in range(31):
        rule = {"not": rule}
    rules.parse(rule)
    assert "32 levels" in error({"not": rule}).message
    many = {"any": [{"all": [{"tag": "a"}] * 100}, {"all": [{"tag": "b"}] * 100}]}
    rules.parse(many)
    assert "200 conditions" in error({"any": [many, {"tag": "c"}]}).message


def test_a_rule_tells_what_it_reads() -> None:
    bought = {"event": "trade.paid"}
    later = {"event": "cart.added", "unless_later": {"event": ["trade.paid"], "same": "item"}}
    rest = [{"attribute": "age", "at_least": 18}, {"tier": ["vip"]}, {"tag": "a"}, {"audience": "b"}]
    read = rules.reads(rules.parse({"any": [bought, later, *rest]}))
    assert read.events == {"trade.paid", "trade.refunded", "cart.added", "trade.completed", "trade.closed"}
    assert read.attributes == {"birthday", "tier"}
    assert read.tags == {"a"}
    assert read.audiences == {"b"}
    assert read.tiers
    trades = rules.reads(rules.parse({"attribute": "trades", "at_least": 1}))
    assert trades.events == {"trade.completed", "trade.refunded"}


def test_audiences_in_a_rule_are_filled_in() -> None:
    inner = rules.parse({"attribute": "city", "in": ["杭州"]})
    expanded = rules.expand(rules.parse({"not": {"audience": "a"}}), {"a": inner})
    assert expanded == Not(InAudience("a", Attribute("city", OneOf(frozenset({"杭州"})))))
    assert rules.reads(expanded).attributes == {"city"}


def test_an_audience_that_contains_itself_is_refused_with_the_way_round() -> None:
    lookup = {"a": rules.parse({"not": {"audience": "b"}}), "b": rules.parse({"any": [{"audience": "a"}]})}
    with pytest.raises(RuleError, match="a -> b -> a") as caught:
        rules.expand(rules.parse({"all": [{"audience": "a"}]}), lookup)
    assert caught.value.path.startswith("rule.all[0].audience")
    with pytest.raises(RuleError, match="no audience 'c'"):
        rules.expand(rules.parse({"audience": "c"}), lookup)


def test_a_small_rule_cannot_stand_for_a_huge_one() -> None:
    lookup = {"a0": rules.parse({"tag": "a"})}
    for number in range(1, 40):
        lookup[f"a{number}"] = rules.parse({"all": [{"audience": f"a{number - 1}"}] * 2})
    with pytest.raises(RuleError, match="at most 2000 conditions"):
        rules.expand(rules.parse({"audience": "a39"}), lookup)
