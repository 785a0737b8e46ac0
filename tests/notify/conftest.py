"""notify-svc beside a real operator program: the service's API is served, so that receipts can come in."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn
from pydantic import SecretStr

from huitou_chassis import http
from huitou_chassis.db import database_url
from huitou_events import micros
from huitou_local.ports import free
from notify_svc.main import service
from tests import make
from tests.notify.program import running
from tests.notify.world import TOKEN, Desk, World
from tests.stage import Stage, empty, prepare, stage
from tests.waiting import until

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def operator_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The operator program, as `make up` starts it."""
    async with running(tmp_path_factory.mktemp("operator")) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
async def desk(operator_url: str) -> AsyncIterator[Desk]:
    """The operator's desk, with nothing left of what other tests told it to do."""
    async with httpx2.AsyncClient(base_url=operator_url, timeout=10) as client:
        opened = Desk(client)
        await opened.behave()
        yield opened


@pytest.fixture(scope="session")
async def served(postgres: str, operator_url: str) -> AsyncIterator[Stage]:
    """notify-svc that sends to the operator and is called back by it."""
    await prepare(service, postgres, "notify_served")
    port = free()
    settings: dict[str, Any] = {
        "sms_url": operator_url,
        "sms_token": SecretStr(TOKEN),
        "sms_timeout_s": 1.0,
        "sms_backoff_s": 0.0,
        "sms_attempts": 6,
        "notify_url": f"http://127.0.0.1:{port}",
    }
    async with stage(service, postgres, "notify_served", **settings) as opened:
        server = uvicorn.Server(uvicorn.Config(http.application(opened.api), port=port, log_level="warning"))
        serving = asyncio.create_task(server.serve())
        await until(lambda: _started(server))
        try:
            yield opened
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
async def world(served: Stage, postgres: str, desk: Desk) -> World:
    """The same service with empty tables: a new database for each of these many tests takes too long."""
    await empty(database_url(postgres, "notify_served_notify"))
    served.clock.at = micros(make.NOW)
    return World(served, desk, next(_numbers))


async def _started(server: uvicorn.Server) -> bool:
    return server.started
