"""How Kafka is spoken to: encrypted or not, and as whom. Every client takes `kafka_options` for it and nothing else."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from aiokafka.client import collect_hosts
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import BaseModel, ConfigDict, FilePath, SecretStr, ValidationError, model_validator

if TYPE_CHECKING:
    from huitou_chassis.settings import Settings

KNOCK_MS = 5000


class KafkaSecurity(BaseModel):
    """The value of HUITOU_KAFKA_SECURITY. Files are PEM; without `ca_file` the system's authorities are trusted."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None

    @model_validator(mode="before")
    @classmethod
    def _object(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError("not a JSON object")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """What a protocol needs is there, and nothing that it would ignore."""
        login, files = ("mechanism", "username", "password"), ("ca_file", "cert_file", "key_file")
        sasl, encrypted = self.protocol.startswith("SASL"), self.protocol.endswith("SSL")
        missing = [name for name in login if sasl and getattr(self, name) is None]
        ignored = [name for name in login if not sasl and getattr(self, name) is not None]
        ignored += [name for name in files if not encrypted and getattr(self, name) is not None]
        if self.key_file is not None and self.cert_file is None:
            missing.append("cert_file")
        if missing:
            raise ValueError(f"{', '.join(missing)}: needed here")
        if ignored:
            raise ValueError(f"{', '.join(ignored)}: has no meaning with {self.protocol}")
        return self

    @property
    def encrypted(self) -> bool:
        return self.protocol.endswith("SSL")


def kafka_options(settings: "Settings") -> dict[str, Any]:
    """What a client of aiokafka is given to reach the brokers; OSError for a file that is no certificate or key."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka}
    security = settings.kafka_security
    if security is None:
        return options
    options["security_protocol"] = security.protocol
    if security.encrypted:
        options["ssl_context"] = _tls(security)
    if security.mechanism and security.password:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value()
    return options


async def why(settings: "Settings", error: BaseException) -> str:
    """An error's reason in words.

    A client that reaches no broker raises KafkaConnectionError whatever the reason; a wrong password or an unknown
    authority is found out here, by connecting once more.
    """
    if isinstance(error, KafkaConnectionError):
        options = kafka_options(settings)
        for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
            try:
                connection = await create_conn(host, port, request_timeout_ms=KNOCK_MS, **options)
            except (OSError, KafkaError, TimeoutError) as found:
                return _words(f"{host}:{port}", found)
            connection.close()
    return str(error) or type(error).__name__


def settings_error(error: ValidationError, prefix: str) -> str:
    """Which variables are wrong and why, without their values."""
    return "; ".join(f"{_variable(prefix, item['loc'])}: {item['msg']}" for item in error.errors(include_input=False))


def _tls(security: KafkaSecurity) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=_path(security.ca_file))
    if security.cert_file is not None:
        context.load_cert_chain(security.cert_file, security.key_file)
    return context


def _path(file: Path | None) -> str | None:
    return str(file) if file else None


def _words(place: str, error: Exception) -> str:
    return f"{place}: {str(error) or type(error).__name__}"


def _variable(prefix: str, location: Sequence[int | str]) -> str:
    name, *fields = (str(step) for step in location)
    return ".".join((prefix + name.upper(), *fields))
