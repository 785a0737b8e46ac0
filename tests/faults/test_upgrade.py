"""The code before the last change of a schema works on the new schema, as it has to while an upgrade rolls."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

import httpx2
import pytest

from huitou_chassis.db import user_url
from huitou_chassis.isolation import User, role
from huitou_local import ports
from tests.collector import Collector
from tests.faults.conftest import Measured
from tests.faults.rig import NAME, Rig
from tests.flow import shop as shops
from tests.flow.platform import Platform
from tests.history import archive, git
from tests.notify import program
from tests.notify.world import TOKEN
from tests.stage import KEY, PASSWORD, SECRET, prepare
from tests.waiting import until

SERVICES = ["segment", "loyalty", "campaign", "notify"]
OURS = ["libs/events", "libs/chassis", "libs/local", *(f"services/{name}-svc" for name in SERVICES)]
CUSTOMERS = range(1, 21)


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """What the repository held before the last commit that changed a schema."""
    last = git("log", "-1", "--format=%H", "--", "*/versions/*.py").decode().strip()
    folder = tmp_path / "before"
    with archive(f"{last}^") as files:
        files.extractall(folder, filter="data")
    return folder


async def test_the_code_before_does_the_main_job_on_the_new_schema(
    rig: Rig, before: Path, tmp_path: Path, measured: Measured
) -> None:
    for plugin in entry_points(group="huitou.services"):
        await prepare(plugin.load(), rig.postgres.url, NAME)
    async with AsyncExitStack() as stack:
        operator = await stack.enter_async_context(program.running(tmp_path / "operator"))
        urls = {name: f"http://{ports.HOST}:{ports.free()}" for name in SERVICES}
        urls["operator"] = str(operator.base_url).rstrip("/")
        for name in SERVICES:
            for kind in ("api", "worker"):
                await stack.enter_async_context(_running(rig, before, name, kind, urls))
        headers = {"Authorization": f"Bearer {KEY}"}
        client = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
        await _does_the_main_job(Platform(tmp_path, {**urls, "kafka": rig.kafka.address}, client, Collector("")))
    measured(
        "18 the schema is newer than the code",
        "the services of the commit before the last change of a schema, on the migrated databases",
        f"{len(CUSTOMERS)} customers found, written to once and counted",
    )


async def _does_the_main_job(platform: Platform) -> None:
    shop, now = "upgrade", await platform.now()
    audience = await shops.opened(platform, shop)
    await platform.publish([event for number in CUSTOMERS for event in shops.customer(shop, number, now)])

    async def found() -> bool:
        members = await platform.items("segment", shop, f"/audiences/{audience}/members")
        joined = await platform.items("loyalty", shop, "/members")
        return len(members) == len(joined) == len(CUSTOMERS)

    await until(found, within=60)
    # What the code before did not know yet: that jobs come after what is said of their customers.
    await until(lambda: _known(platform, shop), within=60)
    plan = await shops.plan(platform, shop, audience, coupon_id=await shops.coupon(platform, shop))

    async def over() -> bool:
        seen = await shops.effects(platform, shop, plan)
        return bool(seen["reached"] == seen["claimed"] == len(CUSTOMERS))

    await until(over, within=60)
    assert len(await platform.messages()) == len(CUSTOMERS)


async def _known(platform: Platform, shop: str) -> bool:
    asked = [platform.call("GET", "notify", shop, f"/customers/c{number}/contact") for number in CUSTOMERS]
    return all(answer.status_code == 200 for answer in await asyncio.gather(*asked))


@asynccontextmanager
async def _running(rig: Rig, before: Path, name: str, kind: User, urls: Mapping[str, str]) -> AsyncIterator[None]:
    """A process of a service, made of the code in the folder `before`; ready."""
    port = int(urls[name].rpartition(":")[2]) if kind == "api" else ports.free()
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(before / folder) for folder in OURS),
        "HUITOU_KAFKA": rig.kafka.address,
        "HUITOU_POSTGRES": user_url(rig.postgres.url, role(f"{NAME}_{name}", kind), PASSWORD),
        "HUITOU_DATABASES": NAME,
        "HUITOU_SECRET": SECRET,
        "HUITOU_API_KEY": KEY,
        "HUITOU_INSTANCE": "0",
        "HUITOU_DEV_CLOCK": str(before / "clock"),
        "HUITOU_SMS_URL": urls["operator"],
        "HUITOU_SMS_TOKEN": TOKEN,
        "HUITOU_PORT" if kind == "api" else "HUITOU_HEALTH_PORT": str(port),
        **{f"HUITOU_{other.upper()}_URL": urls[other] for other in SERVICES},
    }
    where = [sys.executable, "-c", "import huitou_chassis; print(huitou_chassis.__file__)"]
    told = await asyncio.to_thread(subprocess.check_output, where, env=env, cwd=before)
    assert told.decode().startswith(str(before)), "another code than that of before would run"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "huitou_chassis.cli", name, kind), env=env, cwd=before
    )
    try:
        async with httpx2.AsyncClient() as client:

            async def ready() -> bool:
                assert process.returncode is None, f"{name} {kind} ended"
                try:
                    return (await client.get(f"http://{ports.HOST}:{port}/readyz")).is_success
                except httpx2.TransportError:
                    return False

            await until(ready, within=60)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)
