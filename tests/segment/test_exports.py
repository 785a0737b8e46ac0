"""An audience as a file."""

import csv
import io
import tempfile
import tracemalloc

import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from segment_svc import exports
from segment_svc.exports import HEADER, PAGE, Sheet
from tests import make
from tests.make import ago
from tests.segment.audience import CARTED, create
from tests.stage import Stage

MANY = 10_000


def rows_of(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def fill(segment: Stage) -> str:
    audience = await create(segment, CARTED, name="加购 人群")
    await segment.deliver(
        make.customer("ada", gender="female", city="=HYPERLINK(1)", birthday="2000-01-01", phone="+8613800000000"),
        make.completed(customer="ada", amount=333, time=ago(days=1)),
        make.completed(customer="ada", trade="t2", amount=100, time=ago(days=1)),
        *(make.cart(customer=name) for name in ("ada", "+bo")),
    )
    await segment.post("/tags/vip/customers", json={"customers": ["ada"]})
    await segment.post("/tags/@old/customers", json={"customers": ["ada"]})
    await segment.put("/tags/bought", json={"description": "", "rule": {"event": "trade.completed"}})
    await segment.settle()
    return audience


async def test_a_csv_has_a_line_for_each_member(segment: Stage) -> None:
    audience = await fill(segment)
    answer = await segment.get(f"/audiences/{audience}/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    name = answer.headers["content-disposition"]
    assert name.endswith("filename*=UTF-8''%E5%8A%A0%E8%B4%AD%20%E4%BA%BA%E7%BE%A4.csv")
    head, bo, ada = rows_of(answer.content)
    assert head == list(HEADER)
    assert bo[:4] == ["'+bo", "2026-11-02T04:00:00Z", "2026-11-12T04:00:00Z", "unknown"]
    known = dict(zip(head, ada, strict=True))
    assert (known["gender"], known["city"], known["age"], known["tags"]) == (
        "female",
        "'=HYPERLINK(1)",
        "26",
        "'@old; vip",
    )
    assert (known["trades"], known["amount"], known["average_order_value"]) == ("2", "433", "216.5")
    assert (known["has_phone"], known["fan"], known["points"]) == ("true", "false", "")
    assert "13800000000" not in answer.text


async def test_a_workbook_says_the_same_with_numbers_as_numbers(segment: Stage) -> None:
    audience = await fill(segment)
    answer = await segment.get(f"/audiences/{audience}/export", params={"format": "xlsx"})
    assert answer.status_code == 200
    head, bo, ada = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert (head, bo[0]) == (list(HEADER), "'+bo")
    known = dict(zip(head, ada, strict=True))
    assert (known["city"], known["age"], known["average_order_value"]) == ("'=HYPERLINK(1)", 26, 216.5)
    assert (known["has_phone"], known["points"]) == (True, "")


def test_a_full_sheet_is_followed_by_another() -> None:
    buffer = io.BytesIO()
    book = Workbook(buffer, {"constant_memory": True})
    sheet = Sheet(book, last=2)
    sheet.add([["a", 10**15], ["b", 1], ["c" * 40_000, None]])
    book.close()
    buffer.seek(0)
    found = CalamineWorkbook.from_filelike(buffer)
    first, second = (found.get_sheet_by_index(place).to_python() for place in range(2))
    assert [row[:2] for row in first[1:]] == [["a", "1000000000000000"], ["b", 1]]
    assert [len(str(row[0])) for row in second[1:]] == [32_767]


async def test_an_empty_audience_is_a_header(segment: Stage) -> None:
    assert rows_of((await segment.get("/audiences/interested/export")).content) == [list(HEADER)]


@pytest.mark.parametrize(("path", "status"), [("aud_none/export", 404), ("interested/export?format=pdf", 422)])
async def test_what_cannot_be_exported_is_refused(segment: Stage, path: str, status: int) -> None:
    assert (await segment.get(f"/audiences/{path}")).status_code == status


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_large_export_is_whole_and_takes_little_memory(segment: Stage, format: str) -> None:
    await members_of_interested(segment)
    write = exports.as_csv if format == "csv" else exports.as_xlsx
    longest = 0
    with tempfile.TemporaryFile() as file:
        tracemalloc.start()
        async for part in write(exports.pages(segment.api, segment.shop, "interested")):
            longest = max(longest, len(part))
            file.write(part)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        file.seek(0)
        if format == "csv":
            lines = len(rows_of(file.read()))
        else:
            lines = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).height
    assert lines == MANY + 1
    assert longest < 300_000
    assert peak < 12_000_000


async def members_of_interested(segment: Stage) -> None:
    await segment.deliver(make.page(customer="c"))
    for table, columns in {
        "customer": "shop_id, customer_id, version, born_us) SELECT 's1', 'c' || n, n, 1",
        "member": "shop_id, customer_id, audience_id, since_us) SELECT 's1', 'c' || n, 'interested', 1",
    }.items():
        await segment.db.execute(f"INSERT INTO {table} ({columns} FROM generate_series(1, {MANY}) AS n")
    assert MANY > 3 * PAGE
