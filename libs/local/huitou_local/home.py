"""The folder in which an installation on this machine keeps everything: data, logs, secrets, addresses."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Busy(Exception):
    """Another supervisor runs on this home."""


class Home:
    """The folder named by HUITOU_HOME, or `.huitou` in the working folder; only its owner may enter."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs = self.path / "logs"
        self.clock = self.path / "clock"
        self.endpoints = self.path / "endpoints.json"

    @classmethod
    def found(cls) -> "Home":
        return cls(Path(os.environ.get("HUITOU_HOME") or ".huitou"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for one supervisor; raises Busy if another has it."""
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise Busy(
                    f"{self.path} is in use by process {file.read().strip()}; stop that one first, "
                    "or set HUITOU_HOME to another folder"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            # What a killed supervisor announced holds no longer.
            self.endpoints.unlink(missing_ok=True)
            yield

    def secret(self, name: str) -> str:
        """A random secret of the installation, made when it is first asked for."""
        path = self.path / "secrets" / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            keep(path, secrets.token_urlsafe(32))
        return path.read_text()

    @contextmanager
    def announced(self, endpoints: Mapping[str, str]) -> Iterator[None]:
        """The addresses lie in endpoints.json for as long as they hold."""
        keep(self.endpoints, json.dumps(endpoints, indent=2) + "\n")
        try:
            yield
        finally:
            self.endpoints.unlink(missing_ok=True)


def keep(path: Path, secret: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    beside.rename(path)
