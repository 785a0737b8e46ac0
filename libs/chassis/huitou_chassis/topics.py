"""The topics of the contract on a broker: made where they are missing, with a topic of dead letters beside each."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from huitou_chassis.security import kafka_options
from huitou_chassis.settings import Settings
from huitou_events import TOPICS, Topic

PARTITIONS = 4
RECORD_BYTES = 2 * 1024 * 1024
DEAD_LETTER_BYTES = 4 * 1024 * 1024
ROOM = 8192
"""Bytes for what a dead letter or a replay adds to a record, and for the frame around it."""
DAY_MS = 86_400_000


async def create(settings: Settings, *, partitions: int = PARTITIONS, replication: int = 1) -> list[str]:
    """Creates what is missing and returns its names; KafkaError if the broker refuses."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        there = set(await admin.list_topics())
        wanted = [topic for topic in _topics(partitions, replication) if topic.name not in there]
        if wanted:
            answer = await admin.create_topics(wanted)
            for name, code, *_ in answer.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise for_code(code)(f"topic {name} could not be made")
        return [topic.name for topic in wanted]
    finally:
        await admin.close()


async def missing(settings: Settings, names: list[str]) -> list[str]:
    """Those of the topics that the broker does not have; KafkaError if it cannot be reached."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        return sorted(set(names) - set(await admin.list_topics()))
    finally:
        await admin.close()


def _topics(partitions: int, replication: int) -> list[NewTopic]:
    made = []
    # Acknowledged by two, a record outlives the loss of one.
    copies = {"min.insync.replicas": "2"} if replication > 2 else {}
    for topic in TOPICS.values():
        made.append(NewTopic(topic.name, partitions, replication, topic_configs=copies | topic_config(topic)))
        letters = copies | topic_config(topic, dead_letters=True)
        made.append(NewTopic(topic.dlq, 1, replication, topic_configs=letters))
    return made


def topic_config(topic: Topic, *, dead_letters: bool = False) -> dict[str, str]:
    """How the broker keeps the topic, or its dead letters."""
    days = topic.retention_days
    return {
        # By arrival: a shop's events of years ago would be deleted as they come if their own time counted.
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(days * DAY_MS if days else -1),
        "max.message.bytes": str(DEAD_LETTER_BYTES if dead_letters else RECORD_BYTES),
    }
