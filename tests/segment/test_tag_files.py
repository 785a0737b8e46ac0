"""Tags put on and taken off by files: what is read of them, how far they have come, and what a crash leaves."""

import asyncio
import io
import zipfile

import pytest

from huitou_chassis import Problem
from huitou_chassis.routing import FILE_BYTES
from huitou_events import CustomerErased
from segment_svc import tag_files, tag_jobs
from tests import make
from tests.segment.audience import after, create
from tests.stage import Stage
from tests.waiting import until

HEAD = '<?xml version="1.0"?>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(rows: str) -> bytes:
    """The smallest workbook with these rows of XML in its only sheet."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}/content-types"><Default Extension="xml" '
        f'ContentType="{kind}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{types}/relationships"><Relationship Id="r1" '
        f'Type="{RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELS}"><sheets>'
        '<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{types}/relationships"><Relationship Id="r1" '
        f'Type="{RELS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, HEAD + text)
    return body.getvalue()


def text(place: str, value: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


@pytest.mark.parametrize(
    ("body", "ids", "bad"),
    [
        (b"ada\nbo\n\nada\n", ["ada", "bo"], []),
        ('\ufeffname,customer_id\r\nx,ada\r\n"y\nz",\'bo\r\n'.encode(), ["'bo", "ada"], []),
        ("姓名;customer_id\n甲;张三\n".encode("gb18030"), ["张三"], []),
        (b"name,customer_id\nx,ada\nalone\n", ["ada"], [(3, "there is no column 2")]),
        (b"a" * 129 + b"\nb\x07c\nok", ["ok"], [(1, "an id has at most 128 characters")]),
        (b"\n", [], []),
        (workbook(f'<row r="1">{text("B1", "customer_id")}</row><row r="3">{text("B3", "ada")}</row>'), ["ada"], []),
        (workbook('<row r="1"><c r="A1"><v>42</v></c></row><row r="2"><c r="A2"><v>4.5</v></c></row>'), ["42"], [2]),
        (workbook('<row r="1"><c r="A1"><v>1234567890123456789</v></c></row>'), [], [1]),
    ],
)
def test_a_file_names_each_customer_once(body: bytes, ids: list[str], bad: list[object]) -> None:
    found = tag_files.read(body)
    assert found.ids == ids
    assert found.bad == len(found.bad_lines) >= len(bad)
    for expected, line in zip(bad, found.bad_lines, strict=False):
        assert expected in (line, line[0])


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff",
        b"PK\x03\x04 and no more",
        b'ada,"never closed' + b"x" * 200_000,
        b"a\n" * (tag_files.MOST_LINES + 1),
        workbook(f'<row r="1">{text("A1", "ada")}{text("XFD1048576", "bo")}</row>'),
    ],
)
def test_what_is_no_such_file_is_refused(body: bytes) -> None:
    with pytest.raises(Problem, match="body"):
        tag_files.read(body)


async def test_a_file_is_worked_off_in_parts_and_says_how_far_it_is(segment: Stage) -> None:
    audience = await create(segment, {"tag": "vip"})
    names = [f"c{number:05}" for number in range(tag_jobs.PART + 10)]
    await segment.put("/customers/c00001/tags/vip")
    body = "\n".join(["customer_id", *names, "", "x" * 200, names[0]]).encode()
    answer = await segment.post("/tags/vip/file", content=body, headers={"Content-Type": "text/csv"})
    job = answer.json()
    assert (answer.status_code, job["state"], job["total"], job["done"]) == (202, "running", len(names), 0)
    assert (job["lines"], job["bad"]) == (len(names) + 2, 1)
    assert job["bad_lines"] == [{"line": len(names) + 3, "reason": "an id has at most 128 characters"}]
    await tag_jobs.advance(segment.ctx)
    halfway = (await segment.get(f"/tag-jobs/{job['id']}")).json()
    assert (halfway["state"], halfway["done"], halfway["tagged"]) == ("running", tag_jobs.PART, tag_jobs.PART - 1)
    await segment.settle()
    done = (await segment.get(f"/tag-jobs/{job['id']}")).json()
    assert (done["state"], done["done"], done["tagged"]) == ("done", len(names), len(names) - 1)
    assert (await segment.get(f"/audiences/{audience}")).json()["size"] == len(names)
    assert (await segment.get("/tags/vip")).json()["customers"] == len(names)
    again = (await segment.post("/tags/vip/file?remove=true", content=b"c00000\nnobody\n")).json()
    await segment.settle()
    assert (await segment.get(f"/tag-jobs/{again['id']}")).json()["removed"] == 1
    assert (await segment.get("/customers/nobody")).status_code == 404


async def test_a_part_that_was_broken_off_is_done_once_afterwards(segment: Stage) -> None:
    await segment.put("/customers/bo/tags/other")
    job = (await segment.post("/tags/vip/file", content=b"ada\nbo\ncy\n")).json()
    async with segment.db.transaction() as tx:
        await tx.execute("SELECT FROM customer WHERE customer_id = 'bo' FOR UPDATE")
        broken = asyncio.create_task(tag_jobs.advance(segment.ctx))

        async def waits() -> bool:
            statement = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            return bool(await segment.db.pool.fetchval(statement))

        await until(waits)
        broken.cancel()
        await asyncio.wait([broken])
    assert (await segment.get(f"/tag-jobs/{job['id']}")).json()["done"] == 0
    await segment.settle()
    done = (await segment.get(f"/tag-jobs/{job['id']}")).json()
    assert (done["state"], done["done"], done["tagged"]) == ("done", 3, 3)
    assert (await segment.get("/tags/vip")).json()["customers"] == 3


async def test_who_is_erased_while_a_file_waits_is_left_out(segment: Stage) -> None:
    await segment.put("/customers/ada/tags/other")
    await segment.post("/tags/vip/file", content=b"ada\nbo\n")
    await segment.advance("1h")
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=after(hours=1)))
    await segment.settle()
    assert (await segment.get("/customers/ada")).status_code == 404
    assert (await segment.get("/tags/vip")).json()["customers"] == 1


async def test_a_tag_that_ends_stops_its_files(segment: Stage) -> None:
    await segment.put("/customers/ada/tags/vip")
    job = (await segment.post("/tags/vip/file", content=b"bo\n")).json()
    await segment.delete("/tags/vip")
    await segment.settle()
    assert (await segment.get(f"/tag-jobs/{job['id']}")).json()["state"] == "stopped"
    assert (await segment.get("/customers/bo")).status_code == 404


async def test_a_file_may_be_larger_than_other_bodies_but_not_without_end(segment: Stage) -> None:
    large = b"customer_id\n" + b"ada\n" * 400_000
    answer = await segment.post("/tags/vip/file", content=large)
    assert (answer.status_code, answer.json()["total"]) == (202, 1)
    assert (await segment.post("/tags/vip/file", content=bytes(FILE_BYTES + 1))).status_code == 413
    assert (await segment.post("/tags/vip/customers", content=large)).status_code == 413


async def test_an_empty_file_is_refused(segment: Stage) -> None:
    answer = await segment.post("/tags/vip/file", content=b"", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422
    assert "empty" in answer.text
