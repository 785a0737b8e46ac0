"""Records that wait for others: of topics whose handlers need what other topics said before.

Topics are fetched side by side, so a record may come before one of another topic that was published earlier. A record
that must not waits with its partition until its lane has read the other topics up to where they ended when it came.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError

ENDS_SECONDS = 10
POSITION_SECONDS = 0.2

Fetched = Mapping[TopicPartition, list[ConsumerRecord]]


class Held(NamedTuple):
    """Records of one partition, and the offsets that others have to reach before."""

    records: list[ConsumerRecord]
    until: Mapping[TopicPartition, int]


class Precedence:
    """What one client has fetched and not taken, by partition; `after` names the topics that a topic comes after."""

    def __init__(self, after: Mapping[str, Sequence[str]]) -> None:
        self._after = after
        self._held: dict[TopicPartition, Held] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def clear(self) -> None:
        """Forgets what is held: whoever has the partitions now fetches it again."""
        self._held.clear()

    def order(self, place: TopicPartition) -> tuple[bool, TopicPartition]:
        """Sorts the partitions of a lane: those that come after others are last."""
        return place.topic in self._after, place

    async def sift(self, consumer: AIOKafkaConsumer, fetched: Fetched) -> Fetched:
        """What may be taken now: what has to wait is put aside, and what has waited long enough is added."""
        ready = {place: records for place, records in fetched.items() if place.topic not in self._after}
        await self._hold(consumer, {place: fetched[place] for place in fetched.keys() - ready.keys()})
        for place, held in list(self._held.items()):
            if await _reached(consumer, held.until):
                ready[place] = held.records
                del self._held[place]
                consumer.resume(place)
        return ready

    async def _hold(self, consumer: AIOKafkaConsumer, fetched: Fetched) -> None:
        mine = consumer.assignment()
        late = fetched.keys() & mine
        earlier = {place: self._earlier(place) & mine for place in late}
        ends: Mapping[TopicPartition, int] = {}
        if asked := set().union(*earlier.values()):
            try:
                ends = await asyncio.wait_for(consumer.end_offsets(sorted(asked)), ENDS_SECONDS)
            except TimeoutError as error:
                raise KafkaTimeoutError("where the topics end was not told in time") from error
        for place in late:
            consumer.pause(place)
            self._held[place] = Held(fetched[place], {other: ends[other] for other in earlier[place]})

    def _earlier(self, place: TopicPartition) -> set[TopicPartition]:
        return {TopicPartition(topic, place.partition) for topic in self._after[place.topic]}


async def _reached(consumer: AIOKafkaConsumer, until: Mapping[TopicPartition, int]) -> bool:
    for place, end in until.items():
        try:
            position = await asyncio.wait_for(consumer.position(place), POSITION_SECONDS)
        except TimeoutError:
            return False
        if position < end:
            return False
    return True
