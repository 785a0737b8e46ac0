"""Audiences as segment-svc knows them: how large one is, and who is in it."""

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from pydantic import ConfigDict, ValidationError

from huitou_chassis import Context, Invalid, Model, Unavailable
from huitou_events import Id, Moment

PAGE = 1000
M = TypeVar("M", bound=Model)


class Audience(Model):
    """An audience by its id; its members are all known once it is live."""

    model_config = ConfigDict(extra="ignore")

    id: Id
    size: int
    state: str

    @property
    def live(self) -> bool:
        return self.state == "live"


class Member(Model):
    """A customer, and the moment from which on they are in the audience."""

    model_config = ConfigDict(extra="ignore")

    customer_id: Id
    since: Moment


class Members(Model):
    """A page of members in a stable order."""

    model_config = ConfigDict(extra="ignore")

    items: list[Member]
    next_cursor: str | None


@dataclass(frozen=True)
class Gone:
    """The audience is not there (any more)."""


async def get(ctx: Context, shop: str, audience_id: str) -> Audience:
    """Invalid, naming `audience`, for an unknown one; Unavailable when segment-svc does not answer."""
    response = await ctx.call("segment", "GET", _path(shop, audience_id))
    if response.status_code == 404:
        raise Invalid(field="audience", detail=f"no audience {audience_id!r}; segment's GET /audiences lists them")
    return _read(Audience, response.status_code, response.content)


async def members(ctx: Context, shop: str, audience_id: str, cursor: str | None) -> Members | Gone:
    """The page that begins at the cursor; Unavailable when segment-svc does not answer."""
    params: dict[str, str | int] = {"limit": PAGE} if cursor is None else {"limit": PAGE, "cursor": cursor}
    response = await ctx.call("segment", "GET", f"{_path(shop, audience_id)}/members", params=params)
    if response.status_code == 404:
        return Gone()
    return _read(Members, response.status_code, response.content)


def _path(shop: str, audience_id: str) -> str:
    return f"/v1/shops/{shop}/audiences/{quote(audience_id, safe='')}"


def _read(kind: type[M], status: int, body: bytes) -> M:
    if status != 200:
        raise Unavailable(f"segment answers {status}; try again soon")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Unavailable("segment answers what is not understood; try again soon") from error
