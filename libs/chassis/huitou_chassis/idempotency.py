"""`Idempotency-Key`: a call that succeeded answers the same again, for good; a refused one may be tried again.

The scope of a key is shop, key holder and path. A claim of the key and the answer are written in the transaction of
the effect, so there is never one without the other; a second call at the same time waits for the first to end.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from huitou_chassis.errors import Problem

if TYPE_CHECKING:
    from huitou_chassis.db import Tx

LONGEST_KEY = 255


@dataclass(frozen=True, order=True)
class Scope:
    """What a key belongs to."""

    shop: str
    holder: str
    path: str
    key: str


@dataclass(frozen=True)
class Answer:
    """What was answered: HTTP status and body."""

    status: int
    body: bytes


def reused(scope: Scope) -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        f"Idempotency-Key: {scope.key!r} was used with another body; use a new key for a new request",
    )


def fingerprint(body: bytes) -> bytes:
    """16 bytes for a request's body; JSON that differs in spacing or order of fields is the same."""
    try:
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError:
        return hashlib.blake2b(body, digest_size=16).digest()
    return hashlib.blake2b(body, digest_size=16).digest()


async def claim(tx: "Tx", requests: Mapping[Scope, bytes]) -> dict[Scope, Answer | Problem]:
    """Claims keys for these requests (scope -> fingerprint); what comes back is already answered, or refused."""
    scopes = sorted(requests)
    rows = await tx.fetch(
        """
        INSERT INTO idempotency (shop_id, holder, path, key, request)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])
        ON CONFLICT DO NOTHING
        RETURNING shop_id, holder, path, key
        """,
        *_columns(scopes),
        [requests[scope] for scope in scopes],
    )
    mine = {Scope(*row.values()) for row in rows}
    known = [scope for scope in scopes if scope not in mine]
    return await _answers(tx, known, requests) if known else {}


async def store(tx: "Tx", answers: Mapping[Scope, Answer]) -> None:
    """Writes the answers under the keys claimed in this transaction."""
    scopes = sorted(answers)
    await tx.execute(
        """
        UPDATE idempotency AS kept SET status = given.status, answer = given.answer
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bytea[])
            AS given (shop_id, holder, path, key, status, answer)
        WHERE (kept.shop_id, kept.holder, kept.path, kept.key)
            = (given.shop_id, given.holder, given.path, given.key)
        """,
        *_columns(scopes),
        [answers[scope].status for scope in scopes],
        [answers[scope].body for scope in scopes],
    )


async def release(tx: "Tx", scopes: Sequence[Scope]) -> None:
    """Gives back keys claimed in this transaction whose requests were refused; they may be tried again."""
    await tx.execute(
        """
        DELETE FROM idempotency WHERE (shop_id, holder, path, key)
            IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))
        """,
        *_columns(scopes),
    )


async def _answers(tx: "Tx", scopes: Sequence[Scope], requests: Mapping[Scope, bytes]) -> dict[Scope, Answer | Problem]:
    rows = await tx.fetch(
        """
        SELECT shop_id, holder, path, key, request, status, answer FROM idempotency
        WHERE (shop_id, holder, path, key)
            IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))
        """,
        *_columns(scopes),
    )
    found: dict[Scope, Answer | Problem] = {}
    for shop, holder, path, key, request, status, answer in (row.values() for row in rows):
        scope = Scope(shop, holder, path, key)
        found[scope] = Answer(status, answer) if request == requests[scope] else reused(scope)
    return found


def _columns(scopes: Sequence[Scope]) -> tuple[list[str], list[str], list[str], list[str]]:
    return (
        [scope.shop for scope in scopes],
        [scope.holder for scope in scopes],
        [scope.path for scope in scopes],
        [scope.key for scope in scopes],
    )
