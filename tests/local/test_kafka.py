"""The embedded Kafka: its records outlive it, and it keeps its port."""

from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from huitou_local.kafka import EmbeddedKafka
from tests.local.taking import taken

TOPIC = "kept"


async def make_topic(server: EmbeddedKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=server.address)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()


async def send(server: EmbeddedKafka, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=server.address, acks="all")
    await producer.start()
    await producer.send_and_wait(TOPIC, value)
    await producer.stop()


async def read(server: EmbeddedKafka, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=server.address, auto_offset_reset="earliest")
    await consumer.start()
    values = [(await consumer.getone()).value for _ in range(count)]
    await consumer.stop()
    return values


async def test_records_are_there_after_a_stop_and_after_a_kill(tmp_path: Path) -> None:
    with taken() as other:
        server = EmbeddedKafka(tmp_path / "kafka", other)
        async with server:
            port = server.port
            assert port != other
            await make_topic(server)
            await send(server, b"before the stop")
    async with EmbeddedKafka(tmp_path / "kafka", port) as server:
        await send(server, b"before the kill")
        server.kill()
        await server.wait()
        await server.start()
        assert server.port == port
        assert await read(server, 2) == [b"before the stop", b"before the kill"]
