"""Files of customers: CSV in UTF-8 or GB 18030, or the first sheet of an XLSX workbook, one customer a line."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from huitou_chassis import Invalid
from segment_svc import csv_texts

HEADER = "customer_id"
MOST_LINES = 1_000_000
MOST_SHOWN = 100
LONGEST_ID = 128
UNPACKED_BYTES = 512 * 1024 * 1024
MOST_CELLS = 20_000_000
EXACT = 10**15
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,10})["']""")
Line = tuple[int, Sequence[Any]]


@dataclass(frozen=True)
class Customers:
    """What a file names: each customer once, sorted; how many lines name somebody or are bad; why the first bad are."""

    ids: list[str]
    lines: int
    bad: int
    bad_lines: list[tuple[int, str]]


def read(body: bytes) -> Customers:
    """Invalid for what is no such file, or has more lines than `MOST_LINES`."""
    if not body:
        raise Invalid(field="body", detail="the file is empty")
    if body[:4] == b"PK\x03\x04":
        return _gathered(*_with_column(_sheet(body)))
    return _gathered(*_csv(body))


def _gathered(lines: Iterable[Line], column: int) -> Customers:
    ids: set[str] = set()
    bad_lines: list[tuple[int, str]] = []
    count = bad = 0
    for number, cells in lines:
        id, reason = _id(cells[column]) if column < len(cells) else ("", f"there is no column {column + 1}")
        if id == reason == "":
            continue
        count += 1
        if count > MOST_LINES:
            raise Invalid(field="body", detail=f"a file has at most {MOST_LINES:,} lines")
        if not reason:
            ids.add(id)
            continue
        bad += 1
        if len(bad_lines) < MOST_SHOWN:
            bad_lines.append((number, reason))
    return Customers(sorted(ids), count, bad, bad_lines)


def _id(cell: Any) -> tuple[str, str]:
    """The customer's id, or why there is none; neither for an empty cell."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return "", "" if cell is None else f"an id is expected, not a {type(cell).__name__}"
    if isinstance(cell, int | float):
        if not abs(cell) < EXACT or cell != int(cell):
            return "", "a number that a spreadsheet may have rounded: the column has to be text"
        return str(int(cell)), ""
    id = cell.strip()
    if len(id) > LONGEST_ID:
        return "", f"an id has at most {LONGEST_ID} characters"
    return ("", "an id has no control characters") if _CONTROL.search(id) else (id, "")


def _csv(body: bytes) -> tuple[Iterator[Line], int]:
    text = csv_texts.decoded(body, expected="a CSV file in UTF-8 or GB 18030, or an XLSX workbook,")
    first = text.partition("\n")[0].strip("\r")
    for delimiter in ",;\t":
        names = [name.strip().strip('"') for name in first.split(delimiter)]
        if HEADER in names:
            lines = _rows(text, delimiter)
            next(lines)
            return lines, names.index(HEADER)
    return _rows(text, ","), 0


def _rows(text: str, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise Invalid(field="body", detail=f"line {reader.line_num}: no CSV: {error}") from error


def _with_column(lines: Iterator[Line]) -> tuple[Iterator[Line], int]:
    """The lines after the header and the column that it names, or all lines and the first column."""
    first = next(lines, None)
    if first is None:
        return iter(()), 0
    names = [name.strip() if isinstance(name, str) else "" for name in first[1]]
    if HEADER in names:
        return lines, names.index(HEADER)
    return _after(first, lines), 0


def _after(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _sheet(body: bytes) -> Iterator[Line]:
    try:
        _check_size(body)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (CalamineError, zipfile.BadZipFile, NotImplementedError, IndexError) as error:
        raise Invalid(field="body", detail=f"no XLSX workbook: {error}") from error
    return enumerate(rows, start=1)


def _check_size(body: bytes) -> None:
    """A small file may unpack to a huge one, and one cell far away make a huge table of nothing."""
    with zipfile.ZipFile(io.BytesIO(body)) as parts:
        if sum(part.file_size for part in parts.infolist()) > UNPACKED_BYTES:
            raise Invalid(field="body", detail=f"a workbook unpacks to at most {UNPACKED_BYTES:,} bytes")
        for part in parts.infolist():
            if part.filename.endswith(".xml"):
                places = _PLACE.findall(parts.read(part))
                rows = max((int(row) for _, row in places), default=0)
                columns = max((_number(name) for name in {name for name, _ in places}), default=0)
                if rows * columns > MOST_CELLS:
                    raise Invalid(field="body", detail=f"a sheet spans at most {MOST_CELLS:,} cells")


def _number(column: bytes) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in column:
        number = number * 26 + letter - ord("A") + 1
    return number
