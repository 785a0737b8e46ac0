"""An audience as a file."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from huitou_chassis import Ctx, Router, ShopId
from huitou_events import Id
from segment_svc import audiences, exports
from segment_svc.exports import Row

Format: TypeAlias = Literal["csv", "xlsx"]
Written: TypeAlias = Callable[[AsyncIterator[list[Row]]], AsyncIterator[bytes]]

FORMATS: dict[str, tuple[str, Written]] = {
    "csv": ("text/csv; charset=utf-8", exports.as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", exports.as_xlsx),
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {type.partition(";")[0]: BINARY for type, _ in FORMATS.values()}}
}

router = Router(tags=["audiences"])


@router.get("/audiences/{audience}/export", response_class=StreamingResponse, responses=FILES)
async def export(audience: Id, shop: ShopId, ctx: Ctx, format: Format = "csv") -> StreamingResponse:
    """A line for each member: since when and until when, every attribute, tags."""
    async with ctx.db.transaction(shop=shop) as tx:
        found = await audiences.get(tx, shop, audience)
    type, write = FORMATS[format]
    # The first part before the answer begins: what fails until then is still told by its status.
    parts = write(exports.pages(ctx, shop, audience))
    first = await anext(parts)
    name = (
        f"attachment; filename=\"{quote(found.id)}.{format}\"; filename*=UTF-8''{quote(found.name, safe='')}.{format}"
    )
    return StreamingResponse(_following(first, parts), media_type=type, headers={"Content-Disposition": name})


async def _following(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part
