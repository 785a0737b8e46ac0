"""An audience as a file: a line for each member with what is known of them, however many there are.

Members are read page by page, each in a transaction of its own, so that a slow reader holds none: who is a member all
the while is in the file once; of who comes or leaves meanwhile that is not said.
"""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import IO, TypeAlias

import numpy as np
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from huitou_chassis import Context
from segment_svc import members, roster, rules
from segment_svc.customers import Customer
from segment_svc.people import People
from segment_svc.portraits import ATTRIBUTES, portrait, written
from segment_svc.roster import Roster
from segment_svc.view import View

Row: TypeAlias = list[object]

HEADER = ("customer_id", "since", "until", *ATTRIBUTES, "tags")
PAGE = 1_000
BOM = "\ufeff"
RISKY = ("=", "+", "-", "@", "\t", "\r")
LONGEST_CELL = 32_767
LAST_ROW = 1_048_575
EXACT = 10**15
CHUNK = 1 << 16


async def pages(ctx: Context, shop: str, audience: str) -> AsyncIterator[list[Row]]:
    """The members in the order of their ids, at least one page; money in the minor unit, moments in RFC 3339."""
    after = ""
    while True:
        async with ctx.db.transaction(shop=shop) as tx:
            there = (await roster.read(tx, [shop]))[shop]
            found = await members.known(tx, there, audience, after=after, limit=PAGE, keep=False)
            people = [customer for _, customer in found]
            at = np.array([max(tx.us, customer.evaluated or tx.us) for customer in people], np.int64)
        known = portrait(View(People.of([customer.person for customer in people], there.timezone), at)) if found else {}
        yield [
            [
                text(member.customer),
                written(member.since),
                written(member.until),
                *(_cell(known[name][place]) for name in ATTRIBUTES),
                text("; ".join(sorted(customer.person.tags | _kept(customer, there)))),
            ]
            for place, (member, customer) in enumerate(found)
        ]
        if len(found) < PAGE:
            return
        after = found[-1][0].customer


def _kept(customer: Customer, there: Roster) -> set[str]:
    """The customer's tags that rules keep."""
    return {
        audience.removeprefix(rules.kept(""))
        for audience in customer.members
        if rules.is_kept(audience) and audience in there.rules
    }


def text(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(RISKY) else value


def _cell(value: object) -> object:
    return text(value) if isinstance(value, str) else value


async def as_csv(rows: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    """UTF-8 with the mark by which spreadsheets know it."""
    head = BOM + _lines([HEADER])
    async for page in rows:
        yield (head + _lines([[_plain(value) for value in row] for row in page])).encode()
        head = ""


def _lines(rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _plain(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


async def as_xlsx(rows: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    """A workbook, whose parts lie in temporary files until it is whole; further sheets where one is full."""
    with tempfile.TemporaryFile() as file:
        await _write(file, rows)
        file.seek(0)
        while part := await asyncio.to_thread(file.read, CHUNK):
            yield part


async def _write(file: IO[bytes], rows: AsyncIterator[list[Row]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        book = Workbook(file, {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False})
        book.use_zip64()
        sheet = Sheet(book)
        async for page in rows:
            # Compressing and formatting would hold up everybody else's calls.
            await asyncio.to_thread(sheet.add, page)
        await asyncio.to_thread(book.close)


class Sheet:
    """The sheet that is being filled, and the next one when it is full."""

    def __init__(self, book: Workbook, last: int = LAST_ROW) -> None:
        self._book = book
        self._last = last
        self._sheet, self._row = self._begin(), 1

    def _begin(self) -> Worksheet:
        sheet = self._book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        return sheet

    def add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if self._row > self._last:
                self._sheet, self._row = self._begin(), 1
            for column, value in enumerate(row):
                self._put(column, value)
            self._row += 1

    def _put(self, column: int, value: object) -> None:
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, column, value)
        elif isinstance(value, int | float) and abs(value) < EXACT:
            self._sheet.write_number(self._row, column, value)
        elif value is not None:
            self._sheet.write_string(self._row, column, str(value)[:LONGEST_CELL])
