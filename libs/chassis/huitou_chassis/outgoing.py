"""HTTP calls to others, each measured by whom it goes to and how it ended."""

import time
from collections.abc import Mapping
from typing import Any

import httpx2

from huitou_chassis import telemetry, tracing

CONNECTIONS = 20
_TO = "huitou.to"


def to(name: str) -> dict[str, str]:
    """The extension that names whom a call goes to: one of a few, never a customer or shop."""
    return {_TO: name}


class Client(httpx2.AsyncClient):
    """Calls of which each ends within `timeout` seconds; say `extensions=to(NAME)` with each."""

    def __init__(self, *, timeout: float, base_url: str = "", headers: Mapping[str, str] | None = None) -> None:
        limits = httpx2.Limits(max_connections=CONNECTIONS)
        super().__init__(timeout=timeout, base_url=base_url, headers=headers, limits=limits)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        began, status = time.perf_counter(), "cancelled"
        try:
            with tracing.calling(request.extensions.get(_TO, "other"), request.method, request.headers):
                response = await super().send(request, **options)
            status = str(response.status_code)
            return response
        except httpx2.TransportError as error:
            status = type(error).__name__
            raise
        finally:
            telemetry.CALLS.labels(request.extensions.get(_TO, "other"), status).observe(time.perf_counter() - began)
