"""What was fetched, on its way through transactions.

A lane is one partition number of all topics: the key decides it, so one customer's records of every topic come in one
transaction, in their order. What comes for a lane while it is busy waits, and is taken together when the lane is free:
the processor works for one lane while the database does for another. Free lanes with few records share a transaction,
and wait for one that is under way, since a transaction costs much whatever its size.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from aiokafka import ConsumerRecord, TopicPartition

from huitou_chassis import telemetry
from huitou_chassis.batch import process
from huitou_chassis.fencing import Epochs, Place
from huitou_chassis.pace import Pace
from huitou_chassis.precedence import Fetched
from huitou_chassis.record import Record
from huitou_chassis.service import Context

WORTHWHILE = 500
"""So many records are worth a transaction of their own."""
BREATH_SECONDS = 0.1


class Lanes:
    """The lanes of one client, worked at by tasks of a group; `taking` is told of what is next, `taken` once it is
    committed."""

    def __init__(
        self,
        ctx: Context,
        group: asyncio.TaskGroup,
        taking: Callable[[Fetched], None],
        taken: Callable[[Fetched], Awaitable[None]],
    ) -> None:
        self._ctx = ctx
        self._group = group
        self._taking = taking
        self._taken = taken
        self._pace = Pace(ctx.settings.batch)
        self._waiting: dict[int, list[ConsumerRecord]] = {}
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._left = asyncio.Event()

    @property
    def room(self) -> int:
        """For how many records more there is room: each lane may have a transaction's worth waiting."""
        lanes = len(self._waiting.keys() | self._busy.keys()) or 1
        return max(0, lanes * self._pace.size - sum(map(len, self._waiting.values())))

    @property
    def busy(self) -> bool:
        return bool(self._busy)

    async def until_wanted(self) -> None:
        """Returns when there is room for more; not at once while lanes are busy: bit by bit, fetching costs more."""
        if self._busy:
            self._left.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), BREATH_SECONDS)
        while not self.room:
            self._left.clear()
            await self._left.wait()

    def add(self, records: Iterable[ConsumerRecord], epochs: Epochs) -> None:
        """Has the records taken, in their order, as soon as their lanes are free."""
        for record in records:
            self._waiting.setdefault(record.partition, []).append(record)
        self._start(epochs)

    def clear(self) -> None:
        """Forgets what waits: whoever has the partitions now fetches it again."""
        self._waiting.clear()
        self._left.set()

    async def at_rest(self) -> None:
        """Returns when nothing is under way."""
        while self._busy:
            await asyncio.wait(set(self._busy.values()))

    def _start(self, epochs: Epochs) -> None:
        free = {lane: len(records) for lane, records in self._waiting.items() if lane not in self._busy}
        if self._busy and sum(free.values()) < WORTHWHILE:
            return
        for lanes in _together(free):
            records = [record for lane in lanes for record in self._next(lane, self._pace.size // len(lanes))]
            task = self._group.create_task(self._take(lanes, records, epochs))
            self._busy |= dict.fromkeys(lanes, task)
        self._left.set()

    def _next(self, lane: int, most: int) -> list[ConsumerRecord]:
        waiting = self._waiting.pop(lane)
        if len(waiting) > most:
            self._waiting[lane] = waiting[most:]
        return waiting[:most]

    async def _take(self, lanes: Sequence[int], records: Sequence[ConsumerRecord], epochs: Epochs) -> None:
        began = time.perf_counter()
        batch: dict[TopicPartition, list[ConsumerRecord]] = defaultdict(list)
        for record in records:
            batch[TopicPartition(record.topic, record.partition)].append(record)
        try:
            self._taking(batch)
            theirs = {place: epochs[place] for place in (Place(*one) for one in batch)}
            await process(self._ctx, [Record.of(record) for record in records], theirs)
            took = time.perf_counter() - began
            telemetry.BATCH_SECONDS.observe(took)
            self._pace.note(len(records), took)
            await self._taken(batch)
        finally:
            for lane in lanes:
                del self._busy[lane]
        self._start(epochs)


def _together(lanes: Mapping[int, int]) -> list[list[int]]:
    """The lanes of each transaction, by how many records wait for each lane."""
    numbers = sorted(lanes)
    transactions = max(1, min(len(numbers), sum(lanes.values()) // WORTHWHILE))
    return [numbers[start::transactions] for start in range(transactions)] if numbers else []
