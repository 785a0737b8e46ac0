"""Addresses and secrets, read once from the environment (prefix HUITOU_) and handed down."""

import socket
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from huitou_chassis.security import KafkaSecurity

PREFIX = "HUITOU_"


class Settings(BaseSettings):
    """What every process needs to know. Thresholds and policies are rows in a database, never here.

    An empty variable is as good as none.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka: str = "127.0.0.1:9092"
    kafka_security: KafkaSecurity | None = None
    postgres: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/postgres")
    api_password: SecretStr = SecretStr("")
    worker_password: SecretStr = SecretStr("")
    databases: str = "huitou"
    secret: SecretStr = SecretStr("")
    api_key: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = 8000
    health_port: int = 0
    instance: str = Field(default_factory=socket.gethostname)
    """The worker's name in its group: no two at once have the same, and each keeps its own when it starts again."""
    services: str = "segment,loyalty,campaign,notify"
    segment_url: str = "http://127.0.0.1:8001"
    loyalty_url: str = "http://127.0.0.1:8002"
    campaign_url: str = "http://127.0.0.1:8003"
    notify_url: str = "http://127.0.0.1:8004"
    otlp: str = ""
    dev_clock: Path | None = None
    failpoints: Path | None = None
    batch: int = 10_000
    grace_seconds: float = 8
    stall_seconds: float = 120
    pool: int = 10

    def database(self, service: str) -> str:
        """The name of a service's database on the server."""
        return f"{self.databases}_{service}"

    @property
    def service_names(self) -> list[str]:
        """All services of this installation."""
        return [name.strip() for name in self.services.split(",")]

    @property
    def groups(self) -> list[str]:
        """Their consumer groups."""
        return [f"{name}-worker" for name in self.service_names]
