"""The HTTP application of a service: its routes under a shop, problem documents, health, readiness, metrics, docs."""

import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitou_chassis import audit_api, devclock, documents, letters_api, settings_api, telemetry, tracing
from huitou_chassis.batch import TRANSIENT
from huitou_chassis.errors import FieldError, Problem
from huitou_chassis.routing import file_bytes, in_shop
from huitou_chassis.service import Context

if TYPE_CHECKING:
    from huitou_chassis.consumer import Consumer

BODY_BYTES = 1024 * 1024
INSTALLATION = "/v1"
PREFIX = f"{INSTALLATION}/shops/{{shop}}"
UNTRACED: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own spans hold paths and queries, and errors with their text: there may be a customer in them."""

log = structlog.get_logger()


def application(ctx: Context) -> FastAPI:
    """The API of one service."""
    app = FastAPI(title=ctx.service.title, version="1.0.0", redoc_url=None, telemetry=UNTRACED)
    app.state.ctx = ctx
    for router in (settings_api.router, *ctx.service.routers):
        app.include_router(router, prefix=PREFIX)
    for router in (audit_api.router, letters_api.router):
        app.include_router(router, prefix=PREFIX, dependencies=[Depends(in_shop)])
        app.include_router(router, prefix=INSTALLATION)
    if ctx.clock.settable:
        app.include_router(devclock.router)
    _add_health(app, ctx)
    _add_problems(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Measured)
    documents.complete(app)
    return app


def health_application(ctx: Context, consumer: "Consumer") -> FastAPI:
    """What a worker answers: health (it gets on), readiness and metrics."""
    app = FastAPI(title=f"{ctx.service.title}: worker", openapi_url=None, telemetry=UNTRACED)
    app.state.ctx = ctx
    _add_health(app, ctx, consumer)
    _add_problems(app)
    return app


class BodyLimit:
    """Refuses a body over 1 MiB, or over what its route takes as a file, as soon as it is known to be that large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            most = file_bytes(scope) or BODY_BYTES
            if size > most:
                raise HTTPException(413, f"a body has at most {most} bytes")
            return message

        await self._app(scope, limited, send)


class Measured:
    """Observes how long each call took, by route and status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("/v1/"):
            with tracing.serving(scope["method"], scope["headers"]) as answered:
                await self._answer(scope, receive, send, answered)
        else:
            await self._answer(scope, receive, send, tracing.unobserved)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, answered: tracing.Answered) -> None:
        # An error that nobody answers passes here on its way to the 500 that is made of it.
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            answered(route, status)
            telemetry.REQUESTS.labels(scope["method"], route, status).observe(time.perf_counter() - began)


def _add_health(app: FastAPI, ctx: Context, consumer: "Consumer | None" = None) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> JSONResponse:
        if consumer is not None and consumer.progress.stalled(ctx.settings.stall_seconds):
            return JSONResponse({"status": "records wait and none are taken", "service": ctx.service.name}, 503)
        return JSONResponse({"status": "ok", "service": ctx.service.name})

    @app.get("/readyz", tags=["health"])
    async def readyz() -> JSONResponse:
        try:
            await ctx.db.ping()
        except (*TRANSIENT, asyncpg.PostgresError):
            return JSONResponse({"status": "waiting for PostgreSQL"}, 503)
        if consumer is not None and not consumer.ready.is_set():
            return JSONResponse({"status": "waiting for partitions"}, 503)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _add_problems(app: FastAPI) -> None:
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_refused)
    for transient in TRANSIENT:
        app.exception_handler(transient)(_unavailable)
    app.exception_handler(asyncpg.DataError)(_unstorable)
    app.exception_handler(Exception)(_failed)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    again = error.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    headers = {"Retry-After": "1"} if again else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return document(error.status, error.type, error.detail, error.errors, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = tuple(FieldError(_field(item["loc"]), item["msg"]) for item in error.errors()[:20])
    detail = "; ".join(f"{item.field}: {item.message}" for item in found)
    return document(422, "invalid", detail, found)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    names = {400: "not-json", 404: "no-such-path", 405: "no-such-method", 413: "too-large"}
    kind = names.get(error.status_code, re.sub(r"\W+", "-", HTTPStatus(error.status_code).phrase.lower()))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": documents.allowed(request.app, request.scope)}
    return document(error.status_code, kind, str(error.detail), headers=headers)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.warning("call not served", path=request.url.path, error=type(error).__name__)
    detail = "the database does not answer in time; try again"
    return document(503, "unavailable", detail, headers={"Retry-After": "1"})


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    log.warning("call refused by the database", path=request.url.path, error=type(error).__name__)
    return document(422, "invalid", "a value cannot be stored; look at lengths and ranges in /docs")


async def _failed(request: Request, error: Exception) -> JSONResponse:
    log.error("call failed", path=request.url.path, exc_info=error)
    return document(500, "internal", "this is our fault; the log of the service says more")


def document(
    status: int,
    type: str,
    detail: str,
    errors: tuple[FieldError, ...] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An RFC 9457 problem document; `errors` names each wrong field."""
    body: dict[str, Any] = {
        "type": type,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _field(location: tuple[int | str, ...]) -> str:
    """("body", "rule", "all", 0) -> rule.all[0]; a body that is no JSON has a position instead of a field."""
    if len(location) == 2 and isinstance(location[1], int):
        return f"{location[0]}: at character {location[1]}"
    path = ""
    for step in location[1:]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.lstrip(".") or str(location[0])
