"""The operator as a program of its own, as `make up` starts it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from huitou_local.ports import free
from tests.notify.world import TOKEN
from tests.waiting import until


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Runs it with its messages in `folder`; gives a client of it."""
    port = free()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "huitou_local.operator", "--port", str(port), "--data", str(folder)),
        env={**os.environ, "HUITOU_SMS_TOKEN": TOKEN},
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/healthz")).is_success
                except httpx2.TransportError:
                    return False

            await until(answers)
            yield client
    finally:
        process.terminate()
        await process.wait()
