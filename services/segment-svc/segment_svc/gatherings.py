"""What is known of a period, gathered and worked out: one period at a time in each process."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from huitou_chassis import Tx
from huitou_chassis.db import Database
from segment_svc import crowds, ledgers, sheets
from segment_svc.crowds import Crowd
from segment_svc.ledgers import Ledger
from segment_svc.periods import Period
from segment_svc.sheets import People, Span

Found = TypeVar("Found")
Work: TypeAlias = Callable[[Ledger, Crowd, Period], Found]
# A year of a million customers takes some hundred MB while it is worked out.
_TURNS: WeakKeyDictionary[Database, asyncio.Semaphore] = WeakKeyDictionary()


async def gathered(tx: Tx, shop: str, period: Period, work: Work[Found]) -> Found:
    """What `work` makes of what happened and of the shop's customers, beside the other calls of the process."""
    async with turn(tx):
        spans, people = await sheets.spans(tx, shop, period), await sheets.people(tx, shop)
        return await asyncio.to_thread(_work_out, spans, people, period, work)


def turn(tx: Tx) -> asyncio.Semaphore:
    """What lets one call of the process after the other do this."""
    return _TURNS.setdefault(tx.ctx.db, asyncio.Semaphore(1))


def _work_out(spans: Sequence[Span], people: Sequence[People], period: Period, work: Work[Found]) -> Found:
    return work(ledgers.ledger(spans, period), crowds.crowd(people), period)
