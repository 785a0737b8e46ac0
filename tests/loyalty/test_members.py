"""The members as the API shows them, and what is done to them by hand."""

from typing import Any

from tests import make
from tests.loyalty import shop
from tests.stage import Stage


async def test_members_are_listed_by_id_and_by_tier_in_pages(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    amounts = {"ada": 500, "bo": 1000, "cleo": 300, "dan": 600, "eve": 2500}
    await loyalty.deliver(
        *(make.completed(customer=name, trade=name, amount=amount) for name, amount in amounts.items())
    )
    found: list[str] = []
    following: dict[str, str] = {}
    while following or not found:
        page = (await loyalty.get("/members", params={"limit": "2", **following})).json()
        found += [member["customer_id"] for member in page["items"]]
        following = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert found == ["ada", "bo", "dan", "eve"]
    ordinary = (await loyalty.get("/members", params={"tier": "ordinary"})).json()
    assert [member["customer_id"] for member in ordinary["items"]] == ["ada", "dan"]
    assert (await loyalty.get("/members", params={"cursor": "WzFd"})).status_code == 422


async def test_a_member_is_shown_with_tier_and_figures(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(amount=1000))
    assert (await loyalty.get("/members/ada")).json() == {
        "customer_id": "ada",
        "tier": {"key": "premium", "name": "Premium", "discount": 92.5},
        "amount": 1000,
        "trades": 1,
        "points": 0,
        "joined_at": "2026-11-02T04:00:00Z",
    }
    assert (await loyalty.get("/members/bo")).status_code == 404
    assert (await loyalty.get("/members/bo/history")).status_code == 404


async def test_the_history_tells_each_step_and_why(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(
        make.completed(trade="t1", amount=500, time=make.ago(days=3)),
        make.completed(trade="t2", amount=500, time=make.ago(days=2)),
    )
    await loyalty.put("/members/ada/tier", json={"tier": "vip", "reason": "老带新3位以上"})
    *by_rule, by_hand = (await loyalty.get("/members/ada/history")).json()["items"]
    assert [(step["at"], step["before"], step["after"], step["reason"], step["trade_id"]) for step in by_rule] == [
        ("2026-10-30T04:00:00Z", None, "ordinary", "payment", "t1"),
        ("2026-10-31T04:00:00Z", "ordinary", "premium", "trade", "t2"),
    ]
    assert {step["who"] for step in by_rule} == {None}
    assert (by_hand["before"], by_hand["after"], by_hand["reason"]) == ("premium", "vip", "老带新3位以上")
    assert by_hand["who"] and by_hand["version"] == 1


async def test_a_customer_is_made_a_member_by_request_with_all_their_trades(loyalty: Stage) -> None:
    await shop.opens(loyalty, joining="by_request")
    await loyalty.deliver(make.completed(amount=1200, time=make.ago(days=3)))
    assert await shop.tier(loyalty) is None
    answer = await loyalty.post("/members", json={"customer_id": "ada"})
    assert (answer.status_code, answer.json()["tier"]["key"], answer.json()["amount"]) == (201, "premium", 1200)
    assert await shop.said(loyalty) == [("joined", "premium")]
    again = await loyalty.post("/members", json={"customer_id": "ada"})
    assert (again.status_code, again.json()["type"]) == (409, "already-member")


async def test_a_customer_who_never_bought_may_be_made_a_member(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    answer = await loyalty.post("/members", json={"customer_id": "招募/1"})
    assert (answer.status_code, answer.json()["tier"]["key"]) == (201, "ordinary")
    assert (await loyalty.get("/members/招募%2F1/history")).json()["items"][0]["reason"] == "request"


async def test_a_tier_given_by_hand_makes_a_member_and_is_never_taken_by_the_rule(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    answer = await loyalty.put("/members/ada/tier", json={"tier": "premium", "reason": "recruited at a fair"})
    assert answer.json()["tier"]["key"] == "premium"
    await loyalty.advance("1d")
    await loyalty.deliver(make.completed(amount=600, time=loyalty.clock.now()))
    assert await shop.tier(loyalty) == "premium"
    await loyalty.deliver(make.completed(trade="t0", amount=1, time=make.ago(days=9)))
    assert await shop.tier(loyalty) == "premium"
    await loyalty.advance("1d")
    await loyalty.deliver(make.completed(trade="t2", amount=1500, time=loyalty.clock.now()))
    assert await shop.tier(loyalty) == "vip"


async def test_a_tier_may_be_lowered_by_hand(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.deliver(make.completed(amount=2000, time=make.ago(days=1)))
    await loyalty.put("/members/ada/tier", json={"tier": "ordinary", "reason": "a mistake"})
    assert await shop.said(loyalty) == [("joined", "vip"), ("changed", "vip", "ordinary", "manual")]
    assert await shop.tier(loyalty) == "ordinary"


async def test_the_words_of_an_operator_stay_here(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.post("/members", json={"customer_id": "ada"})
    await loyalty.advance("1m")
    await loyalty.put("/members/ada/tier", json={"tier": "vip", "reason": "wife of Mr Wang"})
    assert "Wang" not in str(await loyalty.emitted())


async def test_what_cannot_be_done_by_hand_is_refused_with_the_reason(loyalty: Stage) -> None:
    joining = await loyalty.post("/members", json={"customer_id": "ada"})
    assert (joining.status_code, joining.json()["type"]) == (409, "no-programme")
    giving = await loyalty.put("/members/ada/tier", json={"tier": "vip", "reason": "x"})
    assert (giving.status_code, giving.json()["type"]) == (409, "no-programme")
    await shop.opens(loyalty)
    wrong_gifts: list[tuple[dict[str, Any], str]] = [
        ({"tier": "platinum", "reason": "x"}, "tier"),
        ({"tier": "vip"}, "reason"),
        ({"tier": "vip", "reason": ""}, "reason"),
        ({"tier": "vip", "reason": "x", "until": "2027"}, "until"),
    ]
    for body, field in wrong_gifts:
        answer = await loyalty.put("/members/ada/tier", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    wrong_names: list[dict[str, Any]] = [{}, {"customer_id": ""}, {"customer_id": 7}]
    for body in wrong_names:
        answer = await loyalty.post("/members", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "customer_id")
    assert (await loyalty.get("/members")).json()["items"] == []
