"""Three brokers on this machine, each a controller as well: the smallest cluster that loses one and goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from huitou_local import ports
from huitou_local.kafka import EmbeddedKafka

COPIES = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "default.replication.factor": "3",
}


class Node(EmbeddedKafka):
    """One of several: it knows the controllers of the others."""

    def __init__(self, home: Path, number: int, controllers: Sequence[int]) -> None:
        super().__init__(home, ports.free())
        self._number = number
        self._controllers = controllers

    def _cluster_id(self) -> str:
        return "huitouHuitouHuitouHuiQ"

    def _configure(self) -> None:
        super()._configure()
        broker = f"BROKER://{self.address}"
        voters = (f"{number}@{ports.HOST}:{port}" for number, port in enumerate(self._controllers, 1))
        settings = COPIES | {
            "node.id": str(self._number),
            "listeners": f"{broker},CONTROLLER://{ports.HOST}:{self._controllers[self._number - 1]}",
            "controller.quorum.voters": ",".join(voters),
        }
        properties = self.home / "server.properties"
        lines = dict(line.split("=", 1) for line in properties.read_text().splitlines())
        properties.write_text("".join(f"{name}={value}\n" for name, value in (lines | settings).items()))


class Cluster:
    """The running brokers."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes

    @property
    def address(self) -> str:
        return ",".join(node.address for node in self.nodes)

    async def in_sync(self) -> bool:
        """Whether each copy of each partition is up to date."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        try:
            await admin.start()
            described = await admin.describe_topics()
        except KafkaError:
            return False
        finally:
            await admin.close()
        partitions = [partition for topic in described for partition in topic["partitions"]]
        return all(len(partition["isr"]) == len(partition["replicas"]) for partition in partitions)


@asynccontextmanager
async def clustered(folder: Path) -> AsyncIterator[Cluster]:
    """Formatted with one cluster id, then started together: one alone has no majority."""
    controllers = [ports.free() for _ in range(3)]
    nodes = [Node(folder / f"kafka{number}", number, controllers) for number in (1, 2, 3)]
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.stop)
        await asyncio.gather(*(node.start() for node in nodes))
        yield Cluster(nodes)
