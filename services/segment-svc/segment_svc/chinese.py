"""The conditions of a rule in Chinese, each as what is true of a customer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from segment_svc.conditions import MOMENTS
from segment_svc.nodes import (
    Aged,
    Attribute,
    Birthday,
    Bounds,
    Condition,
    InAudience,
    InTier,
    Is,
    Known,
    Occurred,
    OneOf,
    Repurchase,
    Scored,
    Since,
    Tagged,
    Window,
)
from segment_svc.terms import MONEY, Terms, dwell, length, quoted

EVENTS = {
    "trade.created": "下单",
    "trade.paid": "付款",
    "trade.completed": "交易成功",
    "trade.closed": "交易关闭",
    "trade.refunded": "退款",
    "cart.added": "加入购物车",
    "cart.removed": "移出购物车",
    "favourite.added": "收藏",
    "favourite.removed": "取消收藏",
    "page.viewed": "浏览页面",
    "shop.followed": "关注店铺",
    "shop.unfollowed": "取消关注店铺",
    "customer.signed_in": "签到",
    "poster.shown": "看到海报",
    "poster.clicked": "点击海报",
    "coupon.claimed": "领取优惠券",
    "coupon.locked": "下单锁定优惠券",
    "coupon.redeemed": "使用优惠券",
    "coupon.released": "退回优惠券",
    "coupon.expired": "优惠券过期",
    "message.suppressed": "消息未予发送",
    "message.sent": "消息已发送",
    "message.delivered": "收到消息",
    "message.failed": "消息发送失败",
    "message.clicked": "点击消息",
    "recipient.opted_out": "退订消息",
}
ATTRIBUTES = {
    "gender": "性别",
    "age": "年龄",
    "country": "国家",
    "province": "省份",
    "city": "城市",
    "language": "语言",
    "source": "来源",
    "registered_at": "注册时间",
    "points": "积分",
    "trades": "交易成功笔数",
    "amount": "交易成功金额",
    "average_order_value": "客单价",
    "first_trade_at": "首次交易成功时间",
    "last_trade_at": "最近一次交易成功时间",
    "consumption_level": "消费层级",
    "loyalty_level": "忠诚度等级",
}
FLAGS = {
    "has_phone": ("有手机号", "没有手机号"),
    "sms_consent": ("同意接收短信", "未同意接收短信"),
    "member": ("是会员", "不是会员"),
    "fan": ("是粉丝", "不是粉丝"),
}
GENDERS = {"female": "女", "male": "男", "unknown": "未知"}
SCORES = {"recency": "最近消费", "frequency": "消费频率", "monetary": "消费金额"}
CALENDARS = {"solar": "公历", "lunar": "农历"}
UNITS = {"d": "天", "h": "小时", "m": "分钟"}
DWELL_UNITS = {"hour": "小时", "minute": "分钟", "second": "秒"}
COUNTED = {"age": "岁", "trades": "笔", "points": "分"}


def condition(rule: Condition, terms: Terms) -> str:
    """What is true of a customer; it holds no semicolon but in quotes."""
    match rule:
        case Attribute():
            return _attribute(rule, terms)
        case Tagged(tag):
            return f"有标签{quoted(tag)}"
        case InTier(tiers):
            return f"会员等级为{_either(map(quoted, sorted(tiers)))}"
        case InAudience(audience):
            return f"属于人群{terms.audience(audience)}"
        case Repurchase():
            return "买过复购率高的商品，现在处于该商品的复购周期内"
        case Scored():
            return f"RFM得分：{'，'.join(_score(name, values) for name, values in rule.given)}"
        case Birthday(within, calendar):
            ahead = f"或未来{_length(within)}内" if within else ""
            return f"今天{ahead}过{CALENDARS[calendar]}生日"
        case Occurred():
            return _occurred(rule, terms)
        case _:
            assert_never(rule)


def _attribute(rule: Attribute, terms: Terms) -> str:
    name, test = rule.name, rule.test
    match test:
        case Known(known):
            what = f"是否{FLAGS[name][0]}" if name in FLAGS else ATTRIBUTES[name]
            return f"{'已知' if known else '不知道'}{what}"
        case Is(value):
            return FLAGS[name][0 if value else 1]
        case OneOf(values):
            return f"{ATTRIBUTES[name]}为{_one_of(name, values, terms)}"
        case Bounds() if name in MOMENTS:
            return f"{ATTRIBUTES[name]}{_period(test, terms)}"
        case Bounds():
            return f"{ATTRIBUTES[name]}{_bounds(test, _number(name, terms))}"
        case _:
            assert_never(test)


def _one_of(name: str, values: frozenset[str] | frozenset[int], terms: Terms) -> str:
    numbers = sorted(value for value in values if isinstance(value, int))
    if numbers:
        return _either(map(_number(name, terms), numbers))
    texts = sorted(value for value in values if isinstance(value, str))
    return _either(map(GENDERS.__getitem__ if name == "gender" else quoted, texts))


def _score(name: str, values: frozenset[int]) -> str:
    return f"{SCORES[name]}{_either(map(str, sorted(values)))}"


def _occurred(rule: Occurred, terms: Terms) -> str:
    parts = [_window(rule.window, terms)]
    if rule.items is not None:
        parts.append(f"商品{_either(map(quoted, sorted(rule.items)))}")
    if rule.categories is not None:
        parts.append(f"类目{_either(map(quoted, sorted(rule.categories)))}")
    parts.append(_either(EVENTS[event] for event in sorted(rule.events)) + _measured(rule, terms))
    if rule.unless_later is not None:
        later = _either(EVENTS[event] for event in sorted(rule.unless_later))
        parts.append(f"不计同时或之后{later}的同一商品")
    return "，".join(parts)


def _measured(rule: Occurred, terms: Terms) -> str:
    if rule.measure == "count":
        return _bounds(rule.bounds, lambda number: f"{number}次")
    if rule.measure == "amount":
        return f"，金额合计{_bounds(rule.bounds, _money(terms))}"
    if rule.measure == "quantity":
        return f"，件数合计{_bounds(rule.bounds, lambda number: f'{number}件')}"
    if rule.measure == "items":
        return f"，不同商品{_bounds(rule.bounds, lambda number: f'{number}种')}"
    if rule.measure == "dwell_seconds":
        return f"，停留时长合计{_bounds(rule.bounds, _dwell)}"
    if rule.measure == "visits":
        return f"，不同访问{_bounds(rule.bounds, lambda number: f'{number}次')}"
    return f"，不同日期{_bounds(rule.bounds, lambda number: f'{number}天')}"


def _window(window: Window, terms: Terms) -> str:
    match window:
        case None:
            return "任何时候"
        case Since(since):
            return f"自{terms.moment(since)}起"
        case Aged(oldest, 0):
            return f"最近{_length(oldest)}内"
        case Aged(oldest, newest):
            return f"{_length(oldest)}前至{_length(newest)}前之间"
        case _:
            assert_never(window)


def _bounds(bounds: Bounds, written: Callable[[int], str]) -> str:
    low, high = bounds.at_least, bounds.at_most
    if low is not None and low == high:
        return f"恰好{written(low)}"
    if low is not None and high is not None:
        return f"{written(low)}至{written(high)}"
    return f"至多{written(high)}" if high is not None else f"至少{written(low or 0)}"


def _period(bounds: Bounds, terms: Terms) -> str:
    low, high = bounds.at_least, bounds.at_most
    if low is not None and high is not None:
        return f"在{terms.moment(low)}至{terms.moment(high)}之间（含两端）"
    return f"不晚于{terms.moment(high)}" if high is not None else f"不早于{terms.moment(low or 0)}"


def _number(name: str, terms: Terms) -> Callable[[int], str]:
    return _money(terms) if name in MONEY else lambda number: f"{number}{COUNTED.get(name, '')}"


def _money(terms: Terms) -> Callable[[int], str]:
    return lambda amount: f"{terms.money(amount)}{'元' if terms.currency == 'CNY' else f' {terms.currency}'}"


def _length(span: int) -> str:
    number, unit = length(span)
    return f"{number}{UNITS[unit]}"


def _dwell(seconds: int) -> str:
    number, unit = dwell(seconds)
    return f"{number}{DWELL_UNITS[unit]}"


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{'、'.join(first)}或{last}" if first else last
