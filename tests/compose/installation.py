"""The compose file as an operator runs it, under a name, ports and secrets of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from huitou_local import ports
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SERVICES = ("segment", "loyalty", "campaign", "notify")
COMMAND_SECONDS = 500


def program() -> list[str]:
    """Compose as a plugin or as a program of its own; skips the test where there is none, or no engine."""
    if shutil.which("docker") is None or _run(["docker", "info"]).returncode:
        pytest.skip("no Docker engine answers; install one, or start it")
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not _run([*command, "version"]).returncode:
            return command
    pytest.skip("no docker-compose is installed")


class Installation:
    """`docker-compose up` of one project; `endpoints` are where it is reached from outside."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._program = program()
        self._file = folder / "env"
        subprocess.run([sys.executable, ROOT / "deploy" / "dotenv.py", self._file], check=True)
        self.values = dict(re.findall(r"^(\w+)=(.*)$", self._file.read_text(), re.MULTILINE))
        self.values |= {port: str(ports.free()) for port in self.values if port.endswith("_PORT")}
        self._file.write_text("".join(f"{name}={value}\n" for name, value in self.values.items()))
        self.endpoints = {name: f"http://127.0.0.1:{self.values[f'{name.upper()}_PORT']}" for name in SERVICES}
        self.endpoints["api_key"] = self.values["HUITOU_API_KEY"]

    def compose(self, *command: str) -> str:
        """The output of `docker-compose COMMAND`; AssertionError with its errors if it fails."""
        options = ["--project-name", self.name, "--env-file", str(self._file), "--project-directory", str(ROOT)]
        files = ["--file", str(ROOT / "docker-compose.yml")]
        done = _run([*self._program, *options, *files, *command], cwd=ROOT)
        assert not done.returncode, f"docker-compose {' '.join(command)}: {done.stderr[-3000:]}"
        return done.stdout

    def publish(self, file: Path) -> "subprocess.Popen[str]":
        """`huitou publish FILE`, as a shop system outside does it."""
        security = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": "huitou"}
        env = _environment() | {
            "HUITOU_KAFKA": f"localhost:{self.values['KAFKA_PORT']}",
            "HUITOU_KAFKA_SECURITY": json.dumps(security | {"password": self.values["KAFKA_PASSWORD"]}),
        }
        command = [sys.executable, "-m", "huitou_chassis.cli", "publish", str(file)]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)

    def inspect(self, service: str, what: str) -> str:
        """What the engine knows of a service's container; `what` is its template, such as .RestartCount."""
        container = self.compose("ps", "--quiet", service).strip()
        return _run(["docker", "inspect", "--format", f"{{{{{what}}}}}", container]).stdout.strip()

    def kill(self, service: str) -> None:
        """SIGKILL from outside: a kill by the engine would tell it not to start the container again."""
        os.kill(int(self.inspect(service, ".State.Pid")), signal.SIGKILL)

    async def ready(self) -> None:
        async with httpx2.AsyncClient(timeout=5) as client:

            async def all_of_them() -> bool:
                health = [self.inspect(f"{name}-worker", ".State.Health.Status") for name in SERVICES]
                return await _answer(client, self.endpoints) and set(health) == {"healthy"}

            await until(all_of_them, within=120, every=1)


async def _answer(client: httpx2.AsyncClient, endpoints: dict[str, str]) -> bool:
    try:
        return all([(await client.get(f"{endpoints[name]}/readyz")).status_code == 200 for name in SERVICES])
    except httpx2.TransportError:
        return False


def _environment() -> dict[str, str]:
    """Variables of the shell go before those of the file; the installation's own are not to be overridden."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("HUITOU_", "KAFKA_"))}


def _run(command: list[str], cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, env=_environment(), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
