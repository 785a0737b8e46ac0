"""Lists are paged by a cursor: where the page before ended, as a URL-safe text that callers do not look into."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from huitou_chassis.errors import Invalid

MOST = 1000
USUAL = 100
LONGEST_CURSOR = 2000
LARGEST = 2**63 - 1

T = TypeVar("T")
Row = TypeVar("Row")


class Paged(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None


class PageRequest:
    """Which page is asked for: `limit` rows that come after the key `after` (None: from the start)."""

    def __init__(self, cursor: str | None, limit: int) -> None:
        self.limit = limit
        self.after = _decoded(cursor) if cursor is not None else None

    def key(self, *kinds: type) -> list[Any] | None:
        """`after`, checked to be values of these kinds; Invalid for a cursor of another list."""
        if self.after is None:
            return None
        if len(self.after) != len(kinds) or not all(map(_is, self.after, kinds)):
            raise _not_a_cursor()
        return self.after

    def answer(self, rows: Sequence[Row], *, key: Callable[[Row], list[Any]], item: Callable[[Row], T]) -> Paged[T]:
        """A page from `limit + 1` rows in the order of `key`; the row too many shows that another page follows."""
        page = rows[: self.limit]
        more = len(rows) > self.limit
        return Paged[Any](items=[item(row) for row in page], next_cursor=_encoded(key(page[-1])) if more else None)


async def _page(
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="next_cursor of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
) -> PageRequest:
    return PageRequest(cursor, limit)


Page = Annotated[PageRequest, Depends(_page)]


def _is(value: object, kind: type) -> bool:
    """Whether the value is of this kind, and a number that a column holds."""
    return type(value) is kind and (not isinstance(value, int) or value <= LARGEST)


def _encoded(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def _decoded(cursor: str) -> list[Any]:
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise _not_a_cursor() from error
    if not isinstance(key, list):
        raise _not_a_cursor()
    return key


def _not_a_cursor() -> Invalid:
    return Invalid(field="cursor", detail="not a cursor of this list; use next_cursor of the page before as it is")
