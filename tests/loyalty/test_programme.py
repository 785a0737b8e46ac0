"""The programme: what may be put in force, and what is refused with its field."""

from typing import Any

from tests.loyalty import shop
from tests.stage import Stage


async def test_a_programme_is_answered_as_it_was_given(loyalty: Stage) -> None:
    given = shop.programme(shop.ORDINARY, {**shop.PREMIUM, "discount": 92.5, "points_rate": 1.5})
    answer = await loyalty.put("/programme", json=given)
    assert answer.json() == {**given, "version": 1, "in_force_from": "2010-01-01T00:00:00Z"}
    assert (await loyalty.get("/programme")).json() == answer.json()


async def test_each_change_is_a_version_in_force_from_the_call(loyalty: Stage) -> None:
    await shop.opens(loyalty, shop.ORDINARY)
    await loyalty.advance("1d")
    await shop.opens(loyalty, shop.ORDINARY, shop.PREMIUM)
    programme = (await loyalty.get("/programme")).json()
    assert (programme["version"], programme["in_force_from"]) == (2, "2026-11-03T04:00:00Z")


async def test_the_same_programme_again_is_no_new_version(loyalty: Stage) -> None:
    await shop.opens(loyalty)
    await loyalty.advance("1d")
    await shop.opens(loyalty)
    assert (await loyalty.get("/programme")).json()["version"] == 1


async def test_a_shop_without_a_programme_answers_404(loyalty: Stage) -> None:
    assert (await loyalty.get("/programme")).status_code == 404


FIVE = [{**shop.ORDINARY, "key": f"k{number}", "amount": number, "trades": number} for number in range(1, 6)]


WRONG: list[tuple[dict[str, Any], str]] = [
    (shop.programme(*FIVE), "tiers"),
    ({**shop.programme(), "tiers": []}, "tiers"),
    (shop.programme({**shop.ORDINARY, "amount": 0}), "tiers[0].amount"),
    (shop.programme({**shop.ORDINARY, "trades": 0}), "tiers[0].trades"),
    (shop.programme({**shop.ORDINARY, "amount": -1}), "tiers[0].amount"),
    (shop.programme({**shop.ORDINARY, "amount": 1.5}), "tiers[0].amount"),
    (shop.programme({**shop.ORDINARY, "amount": "500"}), "tiers[0].amount"),
    (shop.programme({**shop.ORDINARY, "amount": None, "trades": None}), "tiers[0]"),
    (shop.programme({**shop.ORDINARY, "discount": 92.55}), "tiers[0].discount"),
    (shop.programme({**shop.ORDINARY, "discount": 0}), "tiers[0].discount"),
    (shop.programme({**shop.ORDINARY, "discount": 100.1}), "tiers[0].discount"),
    (shop.programme({**shop.ORDINARY, "discount": True}), "tiers[0].discount"),
    (shop.programme({**shop.ORDINARY, "colour": "red"}), "tiers[0].colour"),
    (shop.programme({**shop.ORDINARY, "name": ""}), "tiers[0].name"),
    (shop.programme(shop.ORDINARY, {**shop.PREMIUM, "key": "ordinary"}), "tiers[1].key"),
    (shop.programme(shop.ORDINARY, {**shop.PREMIUM, "amount": 50_000}), "tiers[1].amount"),
    (shop.programme(shop.ORDINARY, {**shop.PREMIUM, "trades": 1}), "tiers[1].trades"),
    (shop.programme(joining="paid"), "joining"),
    (shop.programme(joining="whenever"), "joining"),
    (shop.programme(mode={"kind": "term", "months": 12}), "mode.kind"),
    (shop.programme(mode={"kind": "rolling", "months": 12}), "mode.kind"),
    (shop.programme(mode={"kind": "official", "months": 12}), "mode.months"),
    (shop.programme(colour="red"), "colour"),
]


async def test_a_wrong_programme_is_refused_with_the_field(loyalty: Stage) -> None:
    for body, field in WRONG:
        answer = await loyalty.put("/programme", json=body)
        assert answer.status_code == 422, body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await loyalty.get("/programme")).status_code == 404


async def test_a_threshold_is_compared_with_the_nearest_tier_below_that_has_one(loyalty: Stage) -> None:
    tiers = [
        {**shop.ORDINARY, "trades": None},
        {**shop.PREMIUM, "amount": None},
        {**shop.PREMIUM, "key": "vip", "amount": 50_000, "trades": None},
    ]
    answer = await loyalty.put("/programme", json=shop.programme(*tiers))
    assert answer.json()["errors"] == [
        {"field": "tiers[2].amount", "message": "must be above 50000, that of the tier below"}
    ]
