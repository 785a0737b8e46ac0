"""Places where a process kills itself when told to, so that tests can die between any two steps.

A test puts a file named `{service}.{point}` into the folder HUITOU_FAILPOINTS; the first process to reach that point
takes the file away and dies by SIGKILL. Without the setting nothing is looked at.
"""

import os
import signal
from pathlib import Path

POINTS = ("before-commit", "after-commit", "before-offsets", "after-offsets", "after-send")


class Failpoints:
    def __init__(self, folder: Path | None, service: str) -> None:
        self._folder = folder
        self._service = service

    def reach(self, point: str) -> None:
        if self._folder is None:
            return
        try:
            (self._folder / f"{self._service}.{point}").unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
