"""What every call may answer besides its success, in the OpenAPI document; FastAPI knows of its own 422 only."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Scope

PROBLEM = {
    "type": "object",
    "description": "RFC 9457; `type` is stable, `errors` names each wrong field",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
REFUSALS = (400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 503)
METHODS = ("get", "put", "post", "patch", "delete")


def complete(app: FastAPI) -> None:
    """Adds the problems to every operation of the app's document."""
    made = app.openapi
    answers = {str(status): _answer(status) for status in REFUSALS}

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = PROBLEM
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for path in found["paths"].values():
                for method in path.keys() & set(METHODS):
                    path[method]["responses"] |= answers
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def allowed(app: FastAPI, scope: Scope) -> str:
    """The methods that this path takes, for the header `Allow`; Starlette names those of its first route only."""
    found: set[str] = set()
    for route in app.routes:
        if route.matches(scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(found))


def _answer(status: int) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": HTTPStatus(status).phrase, "content": problem}
