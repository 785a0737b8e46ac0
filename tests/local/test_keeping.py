"""Programs that are kept running, and what remains of them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from huitou_local.child import Child, born
from huitou_local.keeping import kept
from tests.waiting import until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)",
]


async def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, folder=tmp_path)
    async with kept([child]):
        first = child.pid
        child.kill()

        async def another() -> bool:
            return child.pid not in (None, first)

        await until(another)
    assert child.pid is None


async def test_nothing_is_left_when_the_work_fails(tmp_path: Path) -> None:
    children = [Child(f"sleeper{n}", SLEEP, folder=tmp_path) for n in range(3)]
    pids: list[int | None] = []
    with pytest.raises(ValueError, match="on purpose"):
        async with kept(children):
            pids = [child.pid for child in children]
            raise ValueError("on purpose")
    assert [born(pid or 0) for pid in pids] == [0, 0, 0]


async def test_one_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = await Child("deaf", DEAF, folder=tmp_path).start()

    async def deaf() -> bool:
        return "1" in child.log.read_text()

    await until(deaf)
    await child.stop(grace=0.3)
    assert not child.running


async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from huitou_local.child import Child\n"
        "async def main():\n"
        f"    child = await Child('sleeper', {SLEEP!r}, folder=Path({str(tmp_path)!r})).start()\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    # It is itself only when the command has taken the launcher's place.
    await until(lambda: is_running(pid, "time.sleep"))
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until(lambda: is_gone(pid))


async def is_running(pid: int, text: str) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_text()
    return text in command and "tether" not in command


async def is_gone(pid: int) -> bool:
    return born(pid) == 0
