"""notify-svc beside a real operator program: the service's API is served, so that receipts can come in."""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn
from pydantic import SecretStr

from huitou_chassis import http
from huitou_local.ports import free
from notify_svc.main import service
from tests.conftest import Stages
from tests.notify.world import TOKEN, Desk, World
from tests.stage import stage
from tests.waiting import until

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def operator_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The operator program, as `make up` starts it."""
    port = free()
    process = subprocess.Popen(
        [sys.executable, "-m", "huitou_local.operator", "--port", str(port)]
        + ["--data", str(tmp_path_factory.mktemp("operator"))],
        env={**os.environ, "HUITOU_SMS_TOKEN": TOKEN},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient() as client:
            await until(lambda: _answers(client, url))
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def desk(operator_url: str) -> AsyncIterator[Desk]:
    """The operator's desk, with nothing left of what other tests told it to do."""
    async with httpx2.AsyncClient(base_url=operator_url, timeout=10) as client:
        opened = Desk(client)
        await opened.behave()
        yield opened


@pytest.fixture
async def world(stages: Stages, postgres: str, desk: Desk) -> AsyncIterator[World]:
    """notify-svc that sends to the operator and is called back by it."""
    async with stages("notify"):
        pass  # makes the template database that the stage below is copied from
    number, port = next(_numbers), free()
    settings: dict[str, Any] = {
        "sms_url": str(desk.client.base_url).rstrip("/"),
        "sms_token": SecretStr(TOKEN),
        "sms_timeout_s": 1.0,
        "sms_backoff_s": 0.0,
        "sms_attempts": 4,
        "notify_url": f"http://127.0.0.1:{port}",
    }
    async with stage(service, postgres, f"notify{number}", **settings) as opened:
        server = uvicorn.Server(uvicorn.Config(http.application(opened.ctx), port=port, log_level="warning"))
        serving = asyncio.create_task(server.serve())
        await until(lambda: _started(server))
        try:
            yield World(opened, desk, number)
        finally:
            server.should_exit = True
            await serving


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/healthz")).is_success
    except httpx2.TransportError:
        return False


async def _started(server: uvicorn.Server) -> bool:
    return server.started
