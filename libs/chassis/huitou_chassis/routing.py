"""One call: who calls, in which shop, in one transaction that is committed before the answer leaves.

body        over 1 MiB is refused, a file over its route's size; so are NUL and lone surrogates, with the field
caller      401 without a key, 429 beyond its rate, 404 for a shop that is not the key's, 403 for a role that may not,
            or for what belongs to no shop with a key that is not every shop's
once        a POST with an Idempotency-Key that succeeded answers the same again
noted       what changes something is in the audit log, in the same transaction
commit      before the answer; a commit that fails is a 503 or 500, never a 2xx
"""

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from huitou_chassis import audit, idempotency
from huitou_chassis.db import Tx
from huitou_chassis.errors import Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from huitou_chassis.keys import EVERY_SHOP
from huitou_chassis.keys import Caller as KeyHolder
from huitou_chassis.service import Context

SHOP = r"[a-z0-9-]{1,64}"
READING = ("GET", "HEAD")
RETRIES = 3
UNCHANGING = {"x-changes": False}
"""`openapi_extra` of a route whose calls change nothing that an operator decides: they are not in the audit log."""
FILE_BYTES = 32 * 1024 * 1024
_RATES = MovingWindowRateLimiter(MemoryStorage())
_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def context(request: Request) -> Context:
    ctx: Context = request.app.state.ctx
    return ctx


def owner_of(request: Request) -> str:
    """The shop of a call; `*`, as in keys, where the path names none."""
    shop: str = request.path_params.get("shop", EVERY_SHOP)
    return shop


# Asynchronous, all of them: FastAPI sends a plain function through a thread, which costs more than the call.
async def _ctx(request: Request) -> Context:
    return context(request)


async def _tx(request: Request) -> Tx:
    tx: Tx = request.state.tx
    return tx


async def _caller(request: Request) -> KeyHolder:
    caller: KeyHolder = request.state.caller
    return caller


async def _held(request: Request) -> Any:
    return context(request).held


async def _owner(request: Request) -> str:
    return owner_of(request)


async def _administrator(request: Request) -> KeyHolder:
    caller: KeyHolder = request.state.caller
    if caller.role != "admin":
        raise Forbidden("only a key with the role admin may do this")
    return caller


Ctx = Annotated[Context, Depends(_ctx)]
Transaction = Annotated[Tx, Depends(_tx)]
Caller = Annotated[KeyHolder, Depends(_caller)]
Administrator = Annotated[KeyHolder, Depends(_administrator)]
Held = Annotated[Any, Depends(_held)]
ShopId = Annotated[str, Path(alias="shop", pattern=f"^{SHOP}$", description="The shop's id")]
Owner = Annotated[str, Depends(_owner)]
"""The shop's id, or `*`: for routes that are there for one shop and for the installation."""


async def authenticate(request: Request) -> KeyHolder:
    """The caller by `Authorization: Bearer KEY`; Unauthenticated without one in use, TooMany beyond its rate."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("send `Authorization: Bearer KEY`; `huitou keys create` makes a key")
    caller = await context(request).keys.caller(key.strip())
    if caller is None:
        raise Unauthenticated("this key does not exist or was revoked; `huitou keys list` shows the keys in use")
    if caller.rate is not None and not await _RATES.hit(RateLimitItemPerSecond(caller.rate), caller.key_id):
        raise TooMany(f"this key may make {caller.rate} calls a second; come again in a second")
    return caller


class Route(APIRoute):
    """A route under a shop."""

    def get_route_handler(self) -> Endpoint:
        endpoint = super().get_route_handler()
        transactional = _takes_tx(self.dependant)

        async def answer(request: Request) -> Response:
            request.state.caller = caller = await authenticate(request)
            _admit(request, caller)
            body = await request.body()
            if file_bytes(request.scope) is None:
                _check_text(body)
            if not transactional:
                return await endpoint(request)
            return await _in_transaction(request, endpoint)

        return answer


def Router(*, tags: list[str] | None = None) -> APIRouter:
    """A router whose paths are mounted under /v1/shops/{shop}."""
    return APIRouter(route_class=Route, tags=list(tags or []))


def takes_file(*types: str) -> dict[str, Any]:
    """`openapi_extra` of a route whose body is a file of one of these media types, of up to 32 MiB, and no JSON."""
    content = {type: {"schema": {"type": "string", "format": "binary"}} for type in types}
    return {"x-file-bytes": FILE_BYTES, "requestBody": {"required": True, "content": content}}


def file_bytes(scope: Mapping[str, Any]) -> int | None:
    """How large a file the route of a call takes; None for a route that takes none."""
    extra = getattr(scope.get("route"), "openapi_extra", None) or {}
    size: int | None = extra.get("x-file-bytes")
    return size


async def in_shop(shop: ShopId) -> None:
    """The dependency that documents the shop in the paths of a router whose routes take their `Owner`."""


def _takes_tx(dependant: Dependant) -> bool:
    return any(sub.call is _tx or _takes_tx(sub) for sub in dependant.dependencies)


def _admit(request: Request, caller: KeyHolder) -> None:
    shop = request.path_params.get("shop")
    if shop is None:
        if EVERY_SHOP not in caller.shops:
            raise Forbidden("only a key of every shop may do this")
    elif not re.fullmatch(SHOP, shop):
        raise Invalid(field="shop", detail="1 to 64 of a-z, 0-9 and -")
    elif not caller.may_enter(shop):
        raise NotFound(f"no shop {shop!r} for this key")
    if caller.role == "viewer" and request.method not in READING:
        raise Forbidden("this key may only read; a key with the role operator may do this")
    for name, value in (*request.path_params.items(), *request.query_params.items()):
        if "\0" in str(value):
            raise Invalid(field=name, detail="the character NUL is not allowed")


def _check_text(body: bytes) -> None:
    """PostgreSQL cannot keep NUL, UTF-8 cannot carry a lone surrogate."""
    if not _ESCAPES.search(body):
        return
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(field="body", detail=f"not JSON in UTF-8: {error.msg}") from error
    path = _path_of_nul(value)
    if path is not None:
        raise Invalid(field=path or "body", detail="the character NUL is not allowed")


def _path_of_nul(value: object, path: str = "") -> str | None:
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        steps = [(f"{path}.{name}".lstrip("."), part) for name, part in value.items()]
        if any("\0" in name for name in value):
            return path
    elif isinstance(value, list):
        steps = [(f"{path}[{place}]", part) for place, part in enumerate(value)]
    else:
        return None
    return next((found for step, part in steps if (found := _path_of_nul(part, step)) is not None), None)


async def _in_transaction(request: Request, endpoint: Endpoint) -> Response:
    async def work(tx: Tx) -> Response:
        request.state.tx = tx
        return await endpoint(request)

    for attempt in range(RETRIES):
        try:
            return await once(request, work)
        except asyncpg.TransactionRollbackError:
            if attempt == RETRIES - 1:
                raise
    raise AssertionError("unreachable")


async def once(request: Request, work: Callable[[Tx], Awaitable[Response]]) -> Response:
    """Does the work of a call in a transaction, once for its Idempotency-Key, and puts it into the audit log.

    For routes with a transaction this happens by itself; others have something to do before, outside of any.
    """
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    async with context(request).db.transaction(shop=owner_of(request)) as tx:
        if key is None:
            response = await work(tx)
            await note(request, tx, response.status_code)
            return response
        scope = scope_of(request, key)
        known = await idempotency.claim(tx, {scope: idempotency.fingerprint(await request.body())})
        if scope in known:
            return replay(known[scope])
        response = await work(tx)
        answer = idempotency.Answer(response.status_code, bytes(response.body))
        await idempotency.store(tx, {scope: answer})
        await note(request, tx, response.status_code)
        return response


async def note(request: Request, tx: Tx, status: int) -> None:
    """Puts a call that changed something into the audit log. For routes with a transaction this happens by itself."""
    route, caller = request.scope["route"], request.state.caller
    if request.method in READING or (route.openapi_extra or {}).get("x-changes") is False:
        return
    body = audit.written(await request.body())
    entry = audit.Entry(tx.us, caller.key_id, caller.role, request.method, request.url.path, status, body)
    await audit.note(tx, owner_of(request), entry)


def scope_of(request: Request, key: str) -> idempotency.Scope:
    """The scope of this call's key; Invalid for one that is empty, too long, or has odd characters."""
    if not 1 <= len(key) <= idempotency.LONGEST_KEY or not key.isprintable():
        raise Invalid(field="Idempotency-Key", detail="1 to 255 printable characters")
    caller: KeyHolder = request.state.caller
    return idempotency.Scope(owner_of(request), caller.key_id, request.url.path, key)


def replay(answer: idempotency.Answer | Exception) -> Response:
    """The answer given before, byte for byte; raises the refusal of a key that was used with another body."""
    if isinstance(answer, Exception):
        raise answer
    return Response(answer.body, answer.status, {"Idempotency-Replayed": "true"}, media_type="application/json")
