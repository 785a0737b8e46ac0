"""Addresses and secrets, read once from the environment (prefix HUITOU_) and handed down."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every process needs to know. Thresholds and policies are rows in a database, never here."""

    model_config = SettingsConfigDict(env_prefix="HUITOU_", extra="ignore", frozen=True)

    kafka: str = "127.0.0.1:9092"
    postgres: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/postgres")
    api_password: SecretStr = SecretStr("")
    worker_password: SecretStr = SecretStr("")
    databases: str = "huitou"
    secret: SecretStr = SecretStr("")
    api_key: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = 8000
    health_port: int = 0
    instance: str = "0"
    services: str = "segment,loyalty,campaign,notify"
    segment_url: str = "http://127.0.0.1:8001"
    loyalty_url: str = "http://127.0.0.1:8002"
    campaign_url: str = "http://127.0.0.1:8003"
    notify_url: str = "http://127.0.0.1:8004"
    otlp: str = ""
    dev_clock: Path | None = None
    failpoints: Path | None = None
    batch: int = 2000
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
