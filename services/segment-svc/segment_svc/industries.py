"""What a shop's industries reach by days or months, as the shop imports it, to be seen beside its own figures."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from huitou_chassis import Invalid, Model, Problem, Text, Tx
from huitou_chassis.errors import FieldError
from segment_svc import csv_texts
from segment_svc.periods import Period

MOST = 100_000
LOCK = 0x696E6473
MOST_SHOWN = 20
COLUMNS = ("industry", "period", "conversion", "dwell_seconds")
_PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")


def _period(text: str) -> str:
    try:
        if _PERIOD.fullmatch(text):
            since(text)
            return text
    except ValueError:
        pass
    raise ValueError("a month (2026-11) or a day (2026-11-01) is expected")


def since(period: str) -> date:
    """The first day of a month or day; ValueError where there is none."""
    return date.fromisoformat(period if len(period) > len("2026-11") else f"{period}-01")


class IndustryFigure(Model):
    """Of a month or a day. `conversion` is buyers by visitors, from 0 to 1; one of the two may be left out."""

    industry: Text
    period: Annotated[str, AfterValidator(_period)]
    conversion: Annotated[float | None, Field(ge=0, le=1)] = None
    dwell_seconds: Annotated[float | None, Field(ge=0, le=86_400)] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.conversion is None and self.dwell_seconds is None:
            raise ValueError("conversion or dwell_seconds is expected")
        return self


@dataclass(frozen=True)
class Industry:
    """An industry in a period or on a day."""

    industry: str
    conversion: float | None
    dwell_seconds: float | None


async def replace(tx: Tx, shop: str, figures: Sequence[IndustryFigure]) -> None:
    """The shop's table is this from now on; Invalid if a period of an industry is in it twice."""
    rows = [(shop, one.industry, since(one.period), len(one.period) == len("2026-11")) for one in figures]
    first = {row: place for place, row in reversed(list(enumerate(rows)))}
    if twice := next((place for place, row in enumerate(rows) if first[row] < place), None):
        raise Invalid(field=f"items[{twice}].period", detail="each period of an industry once")
    # Two who replace it at once do so one after the other.
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", LOCK, shop)
    await tx.execute("DELETE FROM industry_figure WHERE shop_id = $1", shop)
    await tx.execute(
        """
        INSERT INTO industry_figure (shop_id, industry, since, monthly, conversion, dwell_seconds)
        SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::bool[], $5::float8[], $6::float8[])
        """,
        *([row[column] for row in rows] for column in range(4)),
        [one.conversion for one in figures],
        [one.dwell_seconds for one in figures],
    )


async def listed(
    tx: Tx, shop: str, *, after: tuple[str, str, bool] | None, limit: int
) -> list[tuple[tuple[str, str, bool], IndustryFigure]]:
    """The table in the order of industry and period, each row with its place."""
    industry, day, monthly = after or ("", "0001-01-01", False)
    try:
        begin = date.fromisoformat(day)
    except ValueError:
        raise Invalid(field="cursor", detail="not a cursor of this list") from None
    rows = await tx.fetch(
        """
        SELECT industry, since, monthly, conversion, dwell_seconds FROM industry_figure
        WHERE shop_id = $1 AND (industry, since, monthly) > ($2, $3, $4)
        ORDER BY industry, since, monthly
        LIMIT $5
        """,
        shop,
        industry,
        begin,
        monthly,
        limit,
    )
    return [((row[0], row[1].isoformat(), row[2]), _figure(row)) for row in rows]


def _figure(row: Any) -> IndustryFigure:
    period = row["since"].isoformat()
    return IndustryFigure(
        industry=row["industry"],
        period=period[: len("2026-11")] if row["monthly"] else period,
        conversion=row["conversion"],
        dwell_seconds=row["dwell_seconds"],
    )


async def beside(tx: Tx, shop: str, period: Period) -> list[list[Industry]]:
    """The industries in the whole period, the mean of its days of which something is known, and on each of its days.

    A day has what is said of it, or else of its month.
    """
    days = [date.fromordinal(day) for day in period.days]
    rows = await tx.fetch(
        """
        SELECT industry, since, monthly, conversion, dwell_seconds FROM industry_figure
        WHERE shop_id = $1 AND since >= $2 AND since <= $3
        ORDER BY industry
        """,
        shop,
        days[0].replace(day=1),
        days[-1],
    )
    told: dict[str, dict[tuple[date, bool], Any]] = defaultdict(dict)
    for row in rows:
        told[row["industry"]][row["since"], row["monthly"]] = row
    found: list[list[Industry]] = [[] for _ in range(len(days) + 1)]
    for industry, by_period in told.items():
        daily = [_on(industry, by_period, day) for day in days]
        whole = Industry(industry, _mean(one.conversion for one in daily), _mean(one.dwell_seconds for one in daily))
        for place, one in enumerate([whole, *daily]):
            if one.conversion is not None or one.dwell_seconds is not None:
                found[place].append(one)
    return found


def _on(industry: str, told: Mapping[tuple[date, bool], Any], day: date) -> Industry:
    rows = [row for key in ((day, False), (day.replace(day=1), True)) if (row := told.get(key))]
    values = [
        next((row[name] for row in rows if row[name] is not None), None) for name in ("conversion", "dwell_seconds")
    ]
    return Industry(industry, *values)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None


def read(body: bytes) -> list[IndustryFigure]:
    """The table of a CSV file in UTF-8 or GB 18030 with these columns; a conversion may be written as 3.2%.

    Invalid for another file; a Problem that names the first bad lines.
    """
    found: list[IndustryFigure] = []
    bad: list[FieldError] = []
    for number, line in _lines(body):
        if len(found) + len(bad) >= MOST:
            raise Invalid(field="body", detail=f"at most {MOST:,} lines")
        try:
            found.append(IndustryFigure(**{name: value for name in COLUMNS if (value := _cell(name, line.get(name)))}))
        except ValidationError as error:
            for one in error.errors(include_input=False, include_url=False)[: MOST_SHOWN - len(bad)]:
                column = ".".join(map(str, one["loc"])) or "line"
                bad.append(FieldError(f"line {number}: {column}", one["msg"].removeprefix("Value error, ")))
    if bad:
        raise Problem(422, "invalid", "the file has lines that are not understood", tuple(bad))
    return found


def _lines(body: bytes) -> Iterator[tuple[int, Mapping[str | None, Any]]]:
    text = csv_texts.decoded(body, expected="a CSV file in UTF-8 or GB 18030")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if not {"industry", "period"} <= set(reader.fieldnames or ()):
            raise Invalid(field="body", detail=f"the first line names the columns {', '.join(COLUMNS)}")
        yield from ((reader.line_num, line) for line in reader)
    except csv.Error as error:
        raise Invalid(field="body", detail=f"line {reader.line_num}: no CSV: {error}") from error


def _cell(name: str, text: str | None) -> str | float | None:
    text = (text or "").strip()
    if name == "conversion" and text.endswith("%"):
        try:
            return float(text[:-1]) / 100
        except ValueError:
            return text
    return text
