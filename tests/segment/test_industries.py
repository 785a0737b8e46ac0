"""What the shop's industries reach, imported and shown beside its own figures."""

from typing import Any

from tests.segment.test_overviews import overview
from tests.stage import Stage


async def put_file(segment: Stage, text: str, encoding: str = "utf-8") -> Any:
    headers = {"content-type": "text/csv"}
    return await segment.put("/industry-figures/file", content=text.encode(encoding), headers=headers)


async def listed(segment: Stage) -> list[tuple[Any, ...]]:
    items = (await segment.get("/industry-figures", params={"limit": 2})).json()["items"]
    return [tuple(item.values()) for item in items]


async def test_a_day_shows_what_is_said_of_it_or_of_its_month(segment: Stage) -> None:
    items = [
        {"industry": "女装", "period": "2026-11", "conversion": 0.03, "dwell_seconds": 40},
        {"industry": "女装", "period": "2026-11-01", "conversion": 0.05},
        {"industry": "男装", "period": "2026-10", "dwell_seconds": 20},
    ]
    assert (await segment.put("/industry-figures", json={"items": items})).status_code == 204
    found = await overview(segment, **{"from": "2026-11-01"})
    assert [day["industries"] for day in found["days"]] == [
        [{"industry": "女装", "conversion": 0.05, "dwell_seconds": 40}],
        [{"industry": "女装", "conversion": 0.03, "dwell_seconds": 40}],
    ]
    assert found["total"]["industries"] == [{"industry": "女装", "conversion": 0.04, "dwell_seconds": 40}]
    assert [one["industry"] for one in (await overview(segment))["total"]["industries"]] == ["女装", "男装"]


async def test_a_table_is_replaced_by_another_or_by_a_file_and_listed_in_pages(segment: Stage) -> None:
    await segment.put("/industry-figures", json={"items": [{"industry": "a", "period": "2026-11", "conversion": 0}]})
    text = "industry,period,conversion,dwell_seconds\n女装,2026-11,3.2%,\n女装,2026-11-01,,41.5\n男装,2026-11,0.5,1\n"
    assert (await put_file(segment, text, "gb18030")).status_code == 204
    assert await listed(segment) == [("女装", "2026-11-01", None, 41.5), ("女装", "2026-11", 0.032, None)]
    page = (await segment.get("/industry-figures", params={"limit": 2})).json()
    more = (await segment.get("/industry-figures", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert ([item["industry"] for item in more["items"]], more["next_cursor"]) == (["男装"], None)
    assert (await segment.put("/industry-figures", json={"items": []})).status_code == 204
    assert await listed(segment) == []


async def test_what_cannot_be_a_figure_is_refused_with_its_place(segment: Stage) -> None:
    good = {"industry": "a", "period": "2026-11", "conversion": 0.1}
    for item, field in (
        ({**good, "period": "2026-13"}, "items[1].period"),
        ({**good, "conversion": 3.2}, "items[1].conversion"),
        ({"industry": "a", "period": "2026-10"}, "items[1]"),
        (good, "items[1].period"),
    ):
        answer = await segment.put("/industry-figures", json={"items": [good, item]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    answer = await put_file(segment, "industry,period,conversion\na,2026-11,0.1\na,11/2026,x%\n")
    fields = [error["field"] for error in answer.json()["errors"]]
    assert (answer.status_code, fields) == (422, ["line 3: period", "line 3: conversion"])
    for text in ("period,conversion\n2026-11,0.1\n", "", "industry,period,conversion\na,2026-11,0.1\na,2026-11,0.2\n"):
        assert (await put_file(segment, text)).status_code == 422
    assert await listed(segment) == []
