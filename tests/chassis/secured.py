"""Servers that speak TLS: a broker with users, and a door before PostgreSQL."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from huitou_local import ports
from huitou_local.child import Child
from huitou_local.kafka import EmbeddedKafka
from tests.certificates import Authority

USER, PASSWORD = "shop", "a password of shop"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class SecuredKafka(EmbeddedKafka):
    """Two doors more: `login` wants TLS and a user by SCRAM, `mutual` wants a certificate."""

    def __init__(self, home: Path, authority: Authority) -> None:
        super().__init__(home)
        self._authority = authority
        self.login = f"{ports.HOST}:{ports.free()}"
        self.mutual = f"{ports.HOST}:{ports.free()}"

    async def add_user(self) -> None:
        await self._run("format", "--add-config", f"SCRAM-SHA-512=[password={PASSWORD}]")

    async def _run(self, name: str, *options: str) -> None:
        command = [*await self._java(), "kafka.admin.ConfigCommand", "--bootstrap-server", self.address, "--alter"]
        command += ["--entity-type", "users", "--entity-name", USER, *options]
        child = await Child(name, command, folder=self.home).start()
        assert await child.wait() == 0, child.last_words()

    def _configure(self) -> None:
        super()._configure()
        file = self.home / "server.properties"
        written = dict(line.split("=", 1) for line in file.read_text().splitlines())
        doors = f",LOGIN://{self.login},MUTUAL://{self.mutual}"
        written["listeners"] += doors
        written["advertised.listeners"] += doors
        written["listener.security.protocol.map"] += ",LOGIN:SASL_SSL,MUTUAL:SSL"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        written |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._authority.signed("broker").both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.file),
            "listener.name.mutual.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.login.scram-sha-512.sasl.jaas.config": scram,
        }
        file.write_text("".join(f"{name}={value}\n" for name, value in written.items()))


@asynccontextmanager
async def behind_tls(server: str, authority: Authority) -> AsyncIterator[str]:
    """The server's URL through a door that speaks TLS as PostgreSQL does, and nothing else."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pair = authority.signed("postgres")
    context.load_cert_chain(pair.certificate, pair.key)
    parts = urlsplit(server)

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(len(SSL_REQUEST)) != SSL_REQUEST:
            writer.close()
            return
        writer.write(b"S")
        await writer.drain()
        try:
            await writer.start_tls(context)
        except OSError:
            return
        inside = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_pump(reader, inside[1]), _pump(inside[0], writer))

    door = await asyncio.start_server(enter, ports.HOST, 0)
    try:
        port = door.sockets[0].getsockname()[1]
        user = parts.netloc.rpartition("@")[0]
        yield parts._replace(netloc=f"{user}@{ports.HOST}:{port}").geturl()
    finally:
        door.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        return
    finally:
        sink.close()
