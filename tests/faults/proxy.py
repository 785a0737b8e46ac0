"""A way through which a test can spoil the traffic to a server: toxiproxy where Go can build it, else a stand-in.

https://github.com/Shopify/toxiproxy: a `timeout` toxic of 0 ms lets nothing through and closes nothing: a black hole.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import httpx2

from huitou_local import ports
from tests.waiting import until

TOXIPROXY = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
BUILD_SECONDS = 300


class Proxy(Protocol):
    """Lets everything through until it is told otherwise."""

    port: int

    async def hole(self) -> None:
        """Nothing comes through any more; connections stay open, and new ones are taken."""

    async def delay(self, seconds: float) -> None:
        """What the server says comes that much later."""

    async def heal(self) -> None:
        """As at first."""


@asynccontextmanager
async def proxied(upstream: int, folder: Path) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of this machine; its program is built once into the folder."""
    program = await _toxiproxy(folder)
    if program is None:
        standin = StandIn(upstream)
        async with standin.serving():
            yield standin
        return
    api = ports.free()
    server = await asyncio.create_subprocess_exec(
        program, "-host", ports.HOST, "-port", str(api), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://{ports.HOST}:{api}") as client:
            toxi = Toxiproxy(client, ports.free())
            await until(partial(toxi.made, upstream))
            yield toxi
    finally:
        server.terminate()
        await server.wait()


class Toxiproxy:
    """One proxy of a running toxiproxy."""

    def __init__(self, client: httpx2.AsyncClient, port: int) -> None:
        self.port = port
        self._client = client

    async def made(self, upstream: int) -> bool:
        """False while the program does not answer yet."""
        body = {"name": "it", "listen": f"{ports.HOST}:{self.port}", "upstream": f"{ports.HOST}:{upstream}"}
        try:
            answer = await self._client.post("/proxies", json=body)
        except httpx2.TransportError:
            return False
        answer.raise_for_status()
        return True

    async def hole(self) -> None:
        for stream in ("upstream", "downstream"):
            await self._add({"type": "timeout", "name": stream, "stream": stream, "attributes": {"timeout": 0}})

    async def delay(self, seconds: float) -> None:
        await self._add({"type": "latency", "attributes": {"latency": int(seconds * 1000)}})

    async def heal(self) -> None:
        (await self._client.post("/reset")).raise_for_status()

    async def _add(self, toxic: dict[str, object]) -> None:
        (await self._client.post("/proxies/it/toxics", json=toxic)).raise_for_status()


class StandIn:
    """The same in this process."""

    def __init__(self, upstream: int) -> None:
        self.port = ports.free()
        self._upstream = upstream
        self._open = asyncio.Event()
        self._open.set()
        self._delay = 0.0
        self._streams: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._join, ports.HOST, self.port)
        try:
            yield
        finally:
            server.close()
            self._close()

    async def hole(self) -> None:
        self._open.clear()

    async def delay(self, seconds: float) -> None:
        self._delay = seconds

    async def heal(self) -> None:
        # As toxiproxy does: what was held back is lost with its connections.
        if not self._open.is_set():
            self._close()
        self._delay = 0.0
        self._open.set()

    def _close(self) -> None:
        for stream in self._streams:
            stream.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(ports.HOST, self._upstream)
        self._streams |= {writer, to_server}
        await asyncio.gather(self._copy(reader, to_server, False), self._copy(from_server, writer, True))
        self._streams -= {writer, to_server}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delayed: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._open.wait()
                if delayed:
                    await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()
        writer.close()


async def _toxiproxy(folder: Path) -> str | None:
    program = shutil.which("toxiproxy-server") or str(folder / "server")
    if Path(program).exists():
        return program
    go = shutil.which("go")
    if go is None:
        return None
    env = os.environ | {"GOBIN": str(folder)}
    building = await asyncio.create_subprocess_exec(
        go, "install", TOXIPROXY, env=env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await asyncio.wait_for(building.wait(), BUILD_SECONDS)
    except TimeoutError:
        building.kill()
    return program if Path(program).exists() else None
