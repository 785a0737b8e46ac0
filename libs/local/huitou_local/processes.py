"""The processes of an installation: which there are, at which ports, and what each is told."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from huitou_chassis.db import user_url
from huitou_chassis.isolation import User, role
from huitou_chassis.settings import Settings
from huitou_local import ports
from huitou_local.child import Child
from huitou_local.home import Home

SERVICES = {"segment": 8001, "loyalty": 8002, "campaign": 8003, "notify": 8004}
OPERATOR = 8005


@dataclass(frozen=True)
class Process:
    """A process of a service or the operator, and the address at which it says that it is ready."""

    child: Child
    ready: str


@dataclass(frozen=True)
class Servers:
    """Where Kafka and PostgreSQL are: bootstrap servers, and the superuser's URL."""

    kafka: str
    postgres: str


def addresses() -> dict[str, str]:
    """The base URL of each API and of the operator, at the contract's port or a free one."""
    wanted = {**SERVICES, "operator": OPERATOR}
    return {name: f"http://{ports.HOST}:{ports.free(port)}" for name, port in wanted.items()}


def password(home: Home, service: str, process: User) -> str:
    """Of the database user of a service's process."""
    return home.secret(f"postgres_{service}_{process}")


def environment(home: Home, servers: Servers, urls: Mapping[str, str]) -> dict[str, str]:
    """What every process is told."""
    return {
        "HUITOU_KAFKA": servers.kafka,
        "HUITOU_SECRET": home.secret("secret"),
        "HUITOU_API_KEY": home.secret("api_key"),
        "HUITOU_SMS_TOKEN": home.secret("sms_token"),
        "HUITOU_SMS_URL": urls["operator"],
        "HUITOU_DEV_CLOCK": str(home.clock),
        "HUITOU_INSTANCE": "local",
        **{f"HUITOU_{name.upper()}_URL": urls[name] for name in SERVICES},
    }


def planned(home: Home, servers: Servers, urls: Mapping[str, str]) -> list[Process]:
    """An API and a worker for each service, and the operator; none is started yet."""
    shared = environment(home, servers, urls)
    found = []
    for name in SERVICES:
        port, health = port_of(urls[name]), ports.free()
        command = [sys.executable, "-m", "huitou_chassis.cli", name]
        users: dict[User, str] = {process: user(home, servers, name, process) for process in ("api", "worker")}
        api = {**shared, "HUITOU_POSTGRES": users["api"], "HUITOU_PORT": str(port)}
        worker = {**shared, "HUITOU_POSTGRES": users["worker"], "HUITOU_HEALTH_PORT": str(health)}
        found += [
            Process(child(home, f"{name}-api", [*command, "api"], api), f"{urls[name]}/readyz"),
            Process(
                child(home, f"{name}-worker", [*command, "worker"], worker),
                f"http://{ports.HOST}:{health}/readyz",
            ),
        ]
    data = home.path / "operator"
    command = [sys.executable, "-m", "huitou_local.operator", "--port", str(port_of(urls["operator"]))]
    operator = child(home, "operator", [*command, "--data", str(data)], shared)
    return [*found, Process(operator, f"{urls['operator']}/healthz")]


def user(home: Home, servers: Servers, service: str, process: User) -> str:
    """The server's address for a service's process."""
    name = role(Settings().database(service), process)
    return user_url(servers.postgres, name, password(home, service, process))


def child(home: Home, name: str, command: list[str], env: Mapping[str, str]) -> Child:
    # Killed at once without its supervisor: whatever it had in hand is done again at the next start.
    return Child(name, command, folder=home.logs, env=env, last_word=signal.SIGKILL)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
