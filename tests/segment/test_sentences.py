"""A rule read out: what each kind of condition says, and that what it says is not to be mistaken."""

import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_svc import chinese, conditions, english, rules
from segment_svc.nodes import EVENTS, AllOf, AnyOf, Not, Rule
from segment_svc.sentences import sentence
from segment_svc.terms import Terms
from tests import make
from tests.naive import random_rules
from tests.naive.effort import effort
from tests.segment.audience import CARTED, create
from tests.stage import Stage

TERMS = Terms(ZoneInfo("Asia/Shanghai"), "CNY", {"aud_1": "老客户"})
BOUGHT = {"event": ["trade.paid", "trade.completed"]}

SPOKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"all": []}, "任何客户", "are anybody"),
    ({"any": []}, "没有客户", "are nobody"),
    ({"attribute": "gender", "in": ["unknown", "female"]}, "性别为女或未知", "have gender female or unknown"),
    ({"attribute": "city", "in": ["杭州"]}, "城市为“杭州”", "have the city “杭州”"),
    ({"attribute": "city", "known": True}, "已知城市", "have the city on record"),
    ({"attribute": "age", "between": [18, 30]}, "年龄18岁至30岁", "have an age of 18 to 30"),
    ({"attribute": "age", "in": [18, 25, 60]}, "年龄为18岁、25岁或60岁", "have an age of 18, 25 or 60"),
    (
        {"attribute": "amount", "at_least": 50_000},
        "交易成功金额至少500元",
        "have a total of completed orders of at least CNY 500",
    ),
    (
        {"attribute": "average_order_value", "at_most": 9_905},
        "客单价至多99.05元",
        "have an average order value of at most CNY 99.05",
    ),
    (
        {"attribute": "trades", "between": [2, 2]},
        "交易成功笔数恰好2笔",
        "have a number of completed orders of exactly 2",
    ),
    (
        {"attribute": "registered_at", "at_least": "2026-01-01T00:00:00Z"},
        "注册时间不早于2026-01-01 08:00 UTC+08:00",
        "have a registration at or after 2026-01-01 08:00 UTC+08:00",
    ),
    (
        {"attribute": "last_trade_at", "between": ["2026-01-01T00:00:01Z", "2026-02-01T00:00:00.000001Z"]},
        "最近一次交易成功时间在2026-01-01 08:00:01 UTC+08:00至2026-02-01 08:00:00.000001 UTC+08:00之间（含两端）",
        "have a last completed order from 2026-01-01 08:00:01 UTC+08:00 to 2026-02-01 08:00:00.000001 UTC+08:00, "
        "both included",
    ),
    ({"attribute": "member", "is": False}, "不是会员", "are not members"),
    ({"attribute": "fan", "known": False}, "不知道是否是粉丝", "do not have whether they are fans on record"),
    ({"tag": "七夕"}, "有标签“七夕”", "have the tag “七夕”"),
    ({"tier": ["vip", "supreme"]}, "会员等级为“supreme”或“vip”", "are in tier “supreme” or “vip”"),
    ({"audience": "aud_1"}, "属于人群“老客户”", "are in the audience “老客户”"),
    (
        {"birthday": {"within_next": "7d"}},
        "今天或未来7天内过公历生日",
        "have their birthday today or within the next 7 days by the solar calendar",
    ),
    (
        {"birthday": {"within_next": "0d", "calendar": "lunar"}},
        "今天过农历生日",
        "have their birthday today by the lunar calendar",
    ),
    (
        {"rfm": {"recency": [5, 4], "monetary": [1]}},
        "RFM得分：最近消费4或5，消费金额1",
        "have scores by RFM: recency 4 or 5, monetary 1",
    ),
    (
        {"repurchase": True},
        "买过复购率高的商品，现在处于该商品的复购周期内",
        "have bought an item that is often bought again and are within its repurchase cycle now",
    ),
    ({"attribute": "loyalty_level", "at_least": 4}, "忠诚度等级至少4", "have a loyalty level of at least 4"),
    ({"event": "page.viewed"}, "任何时候，浏览页面至少1次", "viewed a page at least once at any time"),
    (
        {"event": "trade.completed", "count": {"at_least": 1, "at_most": 1}, "within": "720d"},
        "最近720天内，交易成功恰好1次",
        "completed an order exactly once within the last 720 days",
    ),
    (
        {**BOUGHT, "amount": {"at_least": 1, "at_most": 100}, "within": "36h"},
        "最近36小时内，交易成功或付款，金额合计0.01元至1元",
        "(completed an order or paid for an order) for CNY 0.01 to CNY 1 in all within the last 36 hours",
    ),
    (
        {"event": "cart.added", "days": {"at_most": 2}, "between": ["10d", "90m"]},
        "10天前至90分钟前之间，加入购物车，不同日期至多2天",
        "added to the cart on at most 2 different days between 10 days and 90 minutes ago",
    ),
    (
        {"event": "cart.added", "quantity": {"at_least": 3}, "since": "2010-01-01T00:00:00Z", "item": ["i2", "i1"]},
        "自2010-01-01 08:00 UTC+08:00起，商品“i1”或“i2”，加入购物车，件数合计至少3件",
        "added to the cart for at least 3 pieces in all since 2010-01-01 08:00 UTC+08:00 with item “i1” or “i2”",
    ),
    (
        {"event": "page.viewed", "dwell_seconds": {"at_least": 300}, "within": "7d"},
        "最近7天内，浏览页面，停留时长合计至少5分钟",
        "viewed a page for at least 5 minutes in all within the last 7 days",
    ),
    (
        {"event": "page.viewed", "dwell_seconds": {"at_least": 90, "at_most": 3600}, "category": ["shoes"]},
        "任何时候，类目“shoes”，浏览页面，停留时长合计90秒至1小时",
        "viewed a page for 90 seconds to 1 hour in all at any time in category “shoes”",
    ),
    (
        {"event": "page.viewed", "dwell_seconds": {"at_most": 0}, "within": "1d"},
        "最近1天内，浏览页面，停留时长合计至多0秒",
        "viewed a page for at most 0 seconds in all within the last 1 day",
    ),
    (
        {"event": "page.viewed", "visits": {"at_least": 3}, "within": "30d"},
        "最近30天内，浏览页面，不同访问至少3次",
        "viewed a page in at least 3 different visits within the last 30 days",
    ),
    (
        {"event": "trade.paid", "items": {"at_least": 2}, "category": ["k”1"], "within": "1d"},
        "最近1天内，类目“k””1”，付款，不同商品至少2种",
        "paid for an order for at least 2 different items within the last 1 day in category “k””1”",
    ),
    (
        {"event": "cart.added", "between": ["10d", "3d"], "unless_later": {**BOUGHT, "same": "item"}},
        "10天前至3天前之间，加入购物车至少1次，不计同时或之后交易成功或付款的同一商品",
        "added to the cart at least once between 10 days and 3 days ago "
        "not counting an item for which they then or later (completed an order or paid for an order)",
    ),
    (
        {
            "all": [
                {"event": "trade.completed", "within": "720d"},
                {"not": {"event": "trade.completed", "within": "90d"}},
                {"any": [{"event": "cart.added", "within": "30d"}, {"all": [{"tag": "a"}, {"tag": "b"}]}]},
                {"any": [{"tag": "c"}]},
            ]
        },
        "最近720天内，交易成功至少1次；且不满足（最近90天内，交易成功至少1次）；且"
        "（最近30天内，加入购物车至少1次；或（有标签“a”；且有标签“b”））；且有标签“c”",
        "completed an order at least once within the last 720 days; and are not among those who "
        "(completed an order at least once within the last 90 days); and "
        "(added to the cart at least once within the last 30 days; or (have the tag “a”; and have the tag “b”)); "
        "and have the tag “c”",
    ),
]


@pytest.mark.parametrize(("rule", "zh", "en"), SPOKEN)
def test_a_rule_is_read_out(rule: dict[str, Any], zh: str, en: str) -> None:
    parsed = rules.parse(rule)
    assert sentence(parsed, "zh", TERMS) == f"符合条件的客户：{zh}。"
    assert sentence(parsed, "en", TERMS) == f"Customers who {en}."


def test_the_examples_of_the_docs_are_rules_and_read_out_as_they_say() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audiences.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```json\n(.*?)^```\n\n> ([^\n]*)$", page, flags=re.MULTILINE | re.DOTALL)
    terms = Terms(ZoneInfo("Asia/Shanghai"), "CNY", {"interested": "兴趣人群"})
    assert len(examples) > 10
    for rule, spoken in examples:
        assert sentence(rules.parse(json.loads(rule)), "en", terms) == spoken


@pytest.mark.parametrize("words", [chinese, english])
def test_every_event_and_attribute_has_words(words: Any) -> None:
    assert set(EVENTS) <= set(words.EVENTS)
    assert {*conditions.TEXTS, *conditions.NUMBERS, *conditions.MOMENTS} <= set(words.ATTRIBUTES)
    assert set(conditions.FLAGS) == set(words.FLAGS)
    for names in (words.EVENTS, words.ATTRIBUTES):
        assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("currency", "amount", "zh", "en"),
    [
        ("CNY", -150, "-1.50元", "CNY -1.50"),
        ("JPY", 150, "150 JPY", "JPY 150"),
        ("KWD", 1_050, "1.050 KWD", "KWD 1.050"),
        ("EUR", 9_990, "99.90 EUR", "EUR 99.90"),
    ],
)
def test_money_is_in_the_unit_of_the_shops_currency(currency: str, amount: int, zh: str, en: str) -> None:
    rule = rules.parse({"attribute": "amount", "at_least": amount})
    terms = Terms(ZoneInfo("UTC"), currency, {})
    assert zh in sentence(rule, "zh", terms)
    assert en in sentence(rule, "en", terms)


@pytest.mark.parametrize("name", ["Asia/Shanghai", "America/New_York", "Pacific/Kiritimati"])
def test_moments_at_the_ends_of_the_calendar_are_read_out_too(name: str) -> None:
    for written in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"):
        rule = rules.parse({"event": "cart.added", "since": written})
        assert written[:4] in sentence(rule, "en", Terms(ZoneInfo(name), "CNY", {}))


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    berlin = Terms(ZoneInfo("Europe/Berlin"), "EUR", {})
    both = [
        sentence(rules.parse({"event": "cart.added", "since": f"2026-10-25T0{hour}:30:00Z"}), "en", berlin)
        for hour in (0, 1)
    ]
    assert ["02:30 UTC+02:00" in both[0], "02:30 UTC+01:00" in both[1]] == [True, True]


@effort(150)
@given(st.data())
def test_rules_that_differ_are_read_out_differently(data: st.DataObject) -> None:
    some = random_rules.rules(make.NOW, audiences=["aud_1", "aud_2"])
    one, other = (rules.parse(data.draw(some)) for _ in range(2))
    for language in ("zh", "en"):
        first, second = sentence(one, language, TERMS), sentence(other, language, TERMS)
        assert len(first) > 10
        assert (first == second) == (plain(one) == plain(other))


def plain(rule: Rule) -> Rule:
    """The rule without groups of one."""
    match rule:
        case AllOf(inner) | AnyOf(inner):
            parts = tuple(plain(one) for one in inner)
            return parts[0] if len(parts) == 1 else type(rule)(parts)
        case Not(one):
            return Not(plain(one))
        case _:
            return rule


async def test_an_audience_and_a_preview_say_what_they_ask_for(segment: Stage) -> None:
    inner = await create(segment, CARTED, name="加购")
    other = await create(segment, {"tag": "x"}, name="same")
    twin = await create(segment, {"tag": "y"}, name="same")
    outer = await create(segment, {"audience": inner}, name="around")
    found = (await segment.get(f"/audiences/{outer}")).json()
    assert found["sentence"] == {
        "zh": "符合条件的客户：属于人群“加购”。",
        "en": "Customers who are in the audience “加购”.",
    }
    changed = await segment.patch(f"/audiences/{outer}", json={"rule": {"any": [{"audience": other}, CARTED]}})
    assert "“same”；或" in changed.json()["sentence"]["zh"]
    tried = await segment.post("/audiences/preview", json={"rule": {"all": [{"audience": other}, {"audience": twin}]}})
    assert tried.json()["sentence"]["en"] == (
        f"Customers who are in the audience “same ({other})”; and are in the audience “same ({twin})”."
    )
    listed = (await segment.get("/audiences")).json()["items"]
    assert {row["id"]: row["sentence"]["zh"] for row in listed}["interested"] == (
        "符合条件的客户：10天前至3天前之间，加入购物车或收藏至少1次，不计同时或之后交易成功或付款的同一商品。"
    )
