"""What takes seconds to count: begun once however often it is asked for, kept for a while, given up in time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import structlog

from huitou_chassis.db import Database

if TYPE_CHECKING:
    from segment_svc.nodes import Rule
    from segment_svc.previews import Preview, Sample

Key: TypeAlias = "tuple[str, Hashable, Rule]"
KEPT_SECONDS = 30
AT_ONCE = 1
MOST = 4
"""So many counts of a shop are under way or wait; when one more is asked for, the oldest is given up."""
MOST_SAMPLES = 16
"""Each takes about 11 MB where customers have ten events."""

log = structlog.get_logger()


class Counting:
    """The counts of a process, each known by its shop and what is counted."""

    def __init__(self) -> None:
        self._running = asyncio.Semaphore(AT_ONCE)
        self._tasks: OrderedDict[Key, asyncio.Task[Preview]] = OrderedDict()
        self._done: OrderedDict[Key, tuple[float, Preview]] = OrderedDict()
        self._samples: OrderedDict[str, tuple[float, Sample]] = OrderedDict()

    def remembered(self, shop: str) -> Sample | None:
        """The part of a shop's customers by which the rules tried within half a minute are estimated."""
        _forget(self._samples)
        found = self._samples.get(shop)
        return None if found is None else found[1]

    def remember(self, shop: str, sample: Sample) -> None:
        self._samples[shop] = (time.monotonic(), sample)
        self._samples.move_to_end(shop)
        while len(self._samples) > MOST_SAMPLES:
            self._samples.popitem(last=False)

    async def ask(self, key: Key, count: Callable[[], Awaitable[Preview]], *, wait: float) -> Preview | None:
        """The count if it was finished within the last seconds or is within `wait` seconds; else it is begun."""
        if (known := self._known(key)) is not None:
            return known
        task = self._tasks.get(key) or self._begin(key, count)
        if wait:
            with suppress(TimeoutError, asyncio.CancelledError):
                return await asyncio.wait_for(asyncio.shield(task), wait)
        return None

    def _known(self, key: Key) -> Preview | None:
        _forget(self._done)
        found = self._done.get(key)
        return None if found is None else found[1]

    def _begin(self, key: Key, count: Callable[[], Awaitable[Preview]]) -> asyncio.Task[Preview]:
        of_shop = [one for one in self._tasks if one[0] == key[0]]
        for one in of_shop[: len(of_shop) - MOST + 1]:
            self._tasks.pop(one).cancel()
        task = self._tasks[key] = asyncio.create_task(self._count(key, count))
        task.add_done_callback(lambda done: self._finish(key, done))
        return task

    async def _count(self, key: Key, count: Callable[[], Awaitable[Preview]]) -> Preview:
        async with self._running:
            return await count()

    def _finish(self, key: Key, task: asyncio.Task[Preview]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if task.cancelled():
            return
        if error := task.exception():
            log.warning("not counted", shop=key[0], error=repr(error))
            return
        self._done[key] = (time.monotonic(), task.result())
        self._done.move_to_end(key)


def _forget(kept: OrderedDict[Any, tuple[float, Any]]) -> None:
    """Lets go of what was kept for long enough, the oldest first."""
    oldest = time.monotonic() - KEPT_SECONDS
    while kept and next(iter(kept.values()))[0] < oldest:
        kept.popitem(last=False)


_COUNTINGS: WeakKeyDictionary[Database, Counting] = WeakKeyDictionary()


def of(db: Database) -> Counting:
    """The counts of this process for the database."""
    return _COUNTINGS.setdefault(db, Counting())
