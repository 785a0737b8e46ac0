"""Calls on the table of what a shop's industries reach."""

import asyncio
from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from huitou_chassis import Model, Page, Paged, Router, ShopId, Transaction, Tx, once, takes_file
from segment_svc import industries
from segment_svc.industries import IndustryFigure

MOST_AT_ONCE = 10_000

router = Router(tags=["figures"])


class IndustryIn(Model):
    items: Annotated[list[IndustryFigure], Field(max_length=MOST_AT_ONCE)]


@router.put("/industry-figures", status_code=204)
async def replace(body: IndustryIn, shop: ShopId, tx: Transaction) -> None:
    """The whole table is replaced."""
    await industries.replace(tx, shop, body.items)


@router.put("/industry-figures/file", status_code=204, openapi_extra=takes_file("text/csv"))
async def replace_by_file(shop: ShopId, request: Request) -> Response:
    """The whole table is replaced by a CSV file, in UTF-8 or GB 18030, of up to 100,000 lines, whose first line names
    the columns `industry`, `period`, `conversion` and `dwell_seconds`."""
    found = await asyncio.to_thread(industries.read, await request.body())

    async def work(tx: Tx) -> Response:
        await industries.replace(tx, shop, found)
        return Response(status_code=204)

    return await once(request, work)


@router.get("/industry-figures")
async def listed(shop: ShopId, page: Page, tx: Transaction) -> Paged[IndustryFigure]:
    key = page.key(str, str, bool)
    after = (key[0], key[1], key[2]) if key else None
    rows = await industries.listed(tx, shop, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda row: list(row[0]), item=lambda row: row[1])
