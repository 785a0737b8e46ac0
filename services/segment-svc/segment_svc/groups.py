"""Groups by hand: a tag of the group's own, and an audience of those who have it."""

from collections.abc import Sequence

from huitou_chassis import Conflict, Tx
from segment_svc import audiences, roster, tag_definitions, tags
from segment_svc.audiences import Audience


async def create(tx: Tx, shop: str, *, name: str, ids: Sequence[str], by: str) -> Audience:
    """An audience of these customers, who have the tag of the same name; Conflict if that is there already."""
    await roster.alter(tx, shop)
    if await tag_definitions.exists(tx, shop, name):
        raise Conflict("name-taken", f"there is a tag {name!r} already; an audience of its customers is a rule away")
    await tag_definitions.define(tx, shop, name, description=None, colour=None, rule=None)
    if ids:
        await tags.put(tx, shop, name, ids, by=by, how="bulk")
    return await audiences.create(tx, shop, name=name, rule={"tag": name})
