"""The desk where customers claim coupons: claims that arrive together are one transaction.

One writer per process takes what has come while it was committing. Each claim gets its own answer; a batch that cannot
be committed keeps nothing and answers everybody that they may come again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import structlog

from campaign_svc import claims
from campaign_svc.answers import ClaimOut
from campaign_svc.claims import Wish
from campaign_svc.life import Refused
from campaign_svc.models import Claim
from huitou_chassis import Conflict, Context, Database, NotFound, Problem, Tx, Unavailable, idempotency, tracing
from huitou_chassis.batch import TRANSIENT
from huitou_chassis.idempotency import Answer, Scope
from huitou_events import Trace

BATCH = 200
MOST_WAITING = 10_000
ATTEMPTS = 5

log = structlog.get_logger()


@dataclass(frozen=True)
class Asked:
    """A call for a claim; with an Idempotency-Key, its scope and the fingerprint of the body."""

    wish: Wish
    scope: Scope | None = None
    fingerprint: bytes = b""
    trace: Trace | None = field(default_factory=tracing.current, compare=False)


@dataclass(frozen=True)
class Settled:
    """The answer of a call; `repeated` if it was given before to the same key."""

    answer: Answer
    repeated: bool = False


Outcome = Settled | Problem


@asynccontextmanager
async def open_desk(ctx: Context) -> AsyncIterator["ClaimDesk"]:
    """A desk with its writer, for as long as the process serves; what waits at the end is still settled."""
    desk = ClaimDesk(ctx.db)
    writer = asyncio.create_task(desk.run())
    try:
        yield desk
    finally:
        await desk.close()
        await writer


class ClaimDesk:
    """Takes calls, and settles those that wait together."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[tuple[Asked, asyncio.Future[Outcome]]] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def ask(self, asked: Asked) -> Settled:
        """The answer once it is committed; a Problem for a refusal, Unavailable when it could not be committed."""
        if self._closed or len(self._waiting) >= MOST_WAITING:
            raise Unavailable("too many claims wait; try again soon")
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answered))
        self._wake.set()
        outcome = await answered
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Settles batches until the desk is closed and nobody waits."""
        while self._waiting or not self._closed:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._next_batch()
            with tracing.linked("claims", (asked.trace for asked, _ in batch)):
                outcomes = await self._settle_safely([asked for asked, _ in batch])
            for (_, answered), outcome in zip(batch, outcomes, strict=True):
                if not answered.done():
                    answered.set_result(outcome)

    def _next_batch(self) -> list[tuple[Asked, asyncio.Future[Outcome]]]:
        """Of one shop, since a transaction of the API sees one."""
        batch: list[tuple[Asked, asyncio.Future[Outcome]]] = []
        scopes: set[Scope] = set()
        later: list[tuple[Asked, asyncio.Future[Outcome]]] = []
        while self._waiting and len(batch) < BATCH:
            asked, answered = self._waiting.popleft()
            if answered.done():
                # Who has gone away before the batch began has not been promised anything.
                continue
            another_shop = bool(batch) and asked.wish.shop != batch[0][0].wish.shop
            if another_shop or asked.scope in scopes:
                # A call that repeats the key of one in this batch is answered by what that one leaves behind.
                later.append((asked, answered))
                continue
            if asked.scope is not None:
                scopes.add(asked.scope)
            batch.append((asked, answered))
        self._waiting.extendleft(reversed(later))
        return batch

    async def _settle_safely(self, batch: Sequence[Asked]) -> list[Outcome]:
        for _ in range(ATTEMPTS):
            try:
                async with self._db.transaction(shop=batch[0].wish.shop) as tx:
                    return await settle(tx, batch)
            except asyncpg.TransactionRollbackError as error:
                log.info("claims are settled again", error=type(error).__name__, claims=len(batch))
            except TRANSIENT as error:
                log.warning("claims not settled", error=type(error).__name__, claims=len(batch))
                break
            except Exception:
                log.exception("claims not settled", claims=len(batch))
                if len(batch) == 1:
                    break
                # One of them spoils the others: each is tried alone.
                return [outcome for asked in batch for outcome in await self._settle_safely([asked])]
        return [Unavailable("the claim was not made; try again") for _ in batch]


async def settle(tx: Tx, batch: Sequence[Asked]) -> list[Outcome]:
    """The outcome of each call, in this transaction; no key comes twice."""
    keyed = {asked.scope: asked.fingerprint for asked in batch if asked.scope is not None}
    known = await idempotency.claim(tx, keyed) if keyed else {}
    fresh = [asked for asked in batch if asked.scope is None or asked.scope not in known]
    issued = await claims.issue(tx, [asked.wish for asked in fresh]) if fresh else []
    made = [(asked.scope, _outcome(claim, tx.us)) for asked, claim in zip(fresh, issued, strict=True)]
    kept = {scope: outcome.answer for scope, outcome in made if scope and isinstance(outcome, Settled)}
    if kept:
        await idempotency.store(tx, kept)
    if refused := [scope for scope, _ in made if scope and scope not in kept]:
        await idempotency.release(tx, refused)
    new = iter(made)
    return [
        _repeated(known[asked.scope]) if asked.scope is not None and asked.scope in known else next(new)[1]
        for asked in batch
    ]


def _outcome(claim: Claim | Refused, us: int) -> Outcome:
    if isinstance(claim, Claim):
        return Settled(Answer(201, ClaimOut.of(claim, us).model_dump_json().encode()))
    if claim.type == "not-found":
        return NotFound(claim.detail)
    return Conflict(claim.type, claim.detail)


def _repeated(known: Answer | Problem) -> Outcome:
    return known if isinstance(known, Problem) else Settled(known, repeated=True)
