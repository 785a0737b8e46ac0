"""Audiences against each other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_svc.memory import Roll, Rolls
from segment_svc.overlaps import LOW, regions
from tests import make
from tests.naive.effort import effort
from tests.segment.audience import CARTED, create
from tests.stage import Stage

VIEWED = {"event": "page.viewed"}


async def overlap(segment: Stage, *audiences: str) -> dict[str, Any]:
    answer = await segment.get("/audiences/overlap", params={"audiences": ",".join(audiences)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_overlap_tells_every_part(segment: Stage) -> None:
    await segment.deliver(*(make.cart(customer=name) for name in "abcd"), *(make.page(customer=name) for name in "cde"))
    carted, viewed = await create(segment, CARTED), await create(segment, VIEWED)
    expected = {
        "union": 5,
        "parts": [
            {"audiences": [carted], "size": 4, "only": 2},
            {"audiences": [viewed], "size": 3, "only": 1},
            {"audiences": [carted, viewed], "size": 2, "only": 2},
        ],
    }
    assert await overlap(segment, carted, viewed) == expected
    assert await overlap(segment, carted, viewed) == expected
    await segment.deliver(make.page(customer="a"))
    assert (await overlap(segment, carted, viewed))["parts"][2]["size"] == 3
    of_three = await overlap(segment, carted, viewed, "interested")
    assert [part["size"] for part in of_three["parts"]] == [4, 4, 0, 3, 0, 0, 0]


@pytest.mark.parametrize(
    ("audiences", "status"),
    [
        ("interested", 422),
        ("interested,interested", 422),
        ("a,b,c,d,e,f", 422),
        ("interested,aud_none", 404),
        ("", 422),
    ],
)
async def test_an_overlap_is_of_two_to_five_audiences(segment: Stage, audiences: str, status: int) -> None:
    answer = await segment.get("/audiences/overlap", params={"audiences": audiences})
    assert answer.status_code == status
    assert status == 404 or answer.json()["errors"][0]["field"] == "audiences"


@effort(50)
@given(st.lists(st.sets(st.integers(-(2**63), 2**63 - 1).map(lambda one: one >> LOW)), min_size=2, max_size=5))
def test_regions_are_those_of_sets(groups: list[set[int]]) -> None:
    found = regions([np.array(sorted(group), np.int64) for group in groups])
    for mask in range(1, 1 << len(groups)):
        inside = [group for place, group in enumerate(groups) if mask >> place & 1]
        outside = [group for place, group in enumerate(groups) if not mask >> place & 1]
        assert found[mask] == len(set.intersection(*inside).difference(*outside))


def test_rolls_are_remembered_up_to_a_bound_and_the_oldest_go_first() -> None:
    rolls = Rolls(bound=5)
    for name in ("a", "b", "c"):
        rolls.keep(("s", name), Roll(1, np.arange(2)))
        rolls.recall(("s", "a"))
    assert [rolls.recall(("s", name)) is not None for name in ("a", "b", "c")] == [True, False, True]
