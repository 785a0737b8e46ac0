"""A program that we run: apart from the terminal, its output in a file, gone when we are gone."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import structlog

from huitou_local import tether

LOG_BYTES = 20 * 1024 * 1024

log = structlog.get_logger(__name__)


class Child:
    """One program, which may be started again after it has ended.

    `last_word` is the signal that it gets when this process dies without stopping it; `owned` is the folder
    of a program that refuses to be root. Start it on the main thread: the death of the thread counts.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[object],
        *,
        folder: Path,
        env: Mapping[str, str] | None = None,
        last_word: signal.Signals = signal.SIGKILL,
        owned: Path | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = folder / f"{name}.log"
        self.env = {**os.environ, **(env or {})}
        self.last_word = last_word
        self.owned = owned
        self.process: asyncio.subprocess.Process | None = None
        self._pidfile = folder / f"{name}.pid"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.running and self.process else None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> Self:
        await self.end_leftover()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *[sys.executable, "-I", "-S", tether.__file__],
                *[str(int(self.last_word)), str(os.getpid()), str(self.owned or "")],
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.env,
                start_new_session=True,
            )
        self._pidfile.write_text(f"{self.process.pid} {born(self.process.pid)}")
        return self

    async def wait(self) -> int:
        """The exit status, negative for a signal."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        status = await self.process.wait()
        self._pidfile.unlink(missing_ok=True)
        return status

    async def stop(self, word: signal.Signals = signal.SIGTERM, grace: float = 10) -> None:
        """Ask it to end; kill it when `grace` seconds were not enough."""
        if not self.running:
            return
        self.tell(word)
        try:
            await asyncio.wait_for(self.wait(), grace)
        except TimeoutError:
            log.warning("killed, it did not stop", process=self.name, seconds=grace)
            self.tell(signal.SIGKILL)
            await self.wait()

    def tell(self, word: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            # It may have ended a moment ago.
            with suppress(ProcessLookupError):
                self.process.send_signal(word)

    def kill(self) -> None:
        self.tell(signal.SIGKILL)

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " | ".join(lines[-5:]) or "no output"

    async def end_leftover(self) -> None:
        """End what an earlier run left: it died with its parent, and may not be quite finished with that."""
        try:
            pid, birth = (int(word) for word in self._pidfile.read_text().split())
        except (FileNotFoundError, ValueError):
            return
        deadline = time.monotonic() + 10
        while born(pid) == birth:
            late = time.monotonic() > deadline
            try:
                os.kill(pid, signal.SIGKILL if late else self.last_word)
            except ProcessLookupError:
                break
            await asyncio.sleep(0.1)
        self._pidfile.unlink(missing_ok=True)


def born(pid: int) -> int:
    """When a process began, in clock ticks since boot; 0 for none and for a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
