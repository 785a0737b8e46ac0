"""PostgreSQL: a pool with deadlines everywhere, and the transaction that handlers, jobs and calls are given.

Every wait is bounded: connecting, acquiring, each command, idle transactions. Only this module commits.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL

import asyncpg
import orjson
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.sql import ClauseElement

from huitou_chassis import outbox, shops, telemetry, tracing
from huitou_chassis.outbox import Message
from huitou_chassis.shops import Shop
from huitou_events import Event, Fact, Trace, micros

if TYPE_CHECKING:
    from huitou_chassis.service import Context

CONNECT_SECONDS = 5
ACQUIRE_SECONDS = 5
COMMAND_SECONDS = 30
CALL_COMMAND_SECONDS = 10
IDLE_SECONDS = 10
PING_SECONDS = 2
_NAMESPACE = hashlib.sha1(NAMESPACE_URL.bytes, usedforsecurity=False)
_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]
Statement = str | ClauseElement
Work: TypeAlias = "Callable[[Tx, list[Any]], Awaitable[None]]"


class Tx:
    """One transaction: one moment of the domain clock, the statements, and what it says when it commits."""

    def __init__(
        self, connection: "asyncpg.pool.PoolConnectionProxy[Any]", ctx: "Context", shop: str | None = None
    ) -> None:
        self.connection = connection
        self._of_one_shop = shop is not None
        self.ctx = ctx
        self.clock = ctx.clock
        self.settings = ctx.settings
        self.now: datetime = ctx.clock.now()
        self.us: int = micros(self.now)
        self.rejected: list[tuple[Event[Any], str, str]] = []
        self._said: list[Message] = []
        self._last: dict[Work, list[Any]] = {}
        self._source = f"urn:huitou:{ctx.service.name}"
        self._trace: Trace | None = None
        self._traced = False

    @property
    def trace(self) -> Trace | None:
        """The context of this transaction's work, None where nothing is traced."""
        if not self._traced:
            self._trace, self._traced = tracing.current(), True
        return self._trace

    async def fetch(self, statement: Statement, *args: Any) -> list[asyncpg.Record]:
        sql, values = _compiled(statement, args)
        return await self.connection.fetch(sql, *values)

    async def fetchrow(self, statement: Statement, *args: Any) -> asyncpg.Record | None:
        sql, values = _compiled(statement, args)
        return await self.connection.fetchrow(sql, *values)

    async def fetchval(self, statement: Statement, *args: Any) -> Any:
        sql, values = _compiled(statement, args)
        return await self.connection.fetchval(sql, *values)

    async def execute(self, statement: Statement, *args: Any) -> str:
        sql, values = _compiled(statement, args)
        return await self.connection.execute(sql, *values)

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        await self.connection.executemany(sql, rows)

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows to the table in their order; what is there already is an error."""
        if not self._of_one_shop:
            await self.connection.copy_records_to_table(table, records=rows, columns=columns)
            return
        # PostgreSQL does not COPY into tables of which a user sees the rows of one shop only.
        places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
        await self.connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)

    async def shops(self, ids: Iterable[str]) -> dict[str, Shop]:
        """The settings of these shops, defaults where none were ever given."""
        return await shops.read(self, ids)

    def emit(
        self,
        fact: Fact,
        *,
        shop: str,
        because: Event[Any] | str,
        about: str = "",
        time: datetime | None = None,
    ) -> str:
        """Says the fact when this commits; returns its event id.

        The id follows from its cause, so doing the work again says nothing new. `because` is the event that caused
        it, or a text that names subject and moment; `about` tells several facts of one type and cause apart. `time`
        is the cause's, or now. Where nothing is traced the cause's trace is handed on.
        """
        trace = self._trace if self._traced else self.trace
        if isinstance(because, Event):
            cause = f"{because.source}\n{because.id}"
            time = time or because.time
            trace = trace or because.trace
        else:
            cause = because
        id = _derived_id("\n".join((shop, cause, fact.type, about)))
        event = Event(id, self._source, shop, time or self.now, fact, trace)
        self._said.append(Message(event.topic, event.key, event.encode()))
        return id

    def send(self, message: Message) -> None:
        """Sends a record as it is when this commits; for dead letters and replays."""
        self._said.append(message)

    def do_last(self, work: Work, item: object) -> None:
        """Before this commits, `work` is called once with all items that were handed in for it.

        For what many transactions write at once: done together and at the end, it is locked in order, and for a moment.
        Several works go by their names, so that no two transactions wait for each other.
        """
        self._last.setdefault(work, []).append(item)

    def reject(self, event: Event[Any], reason: str, detail: str) -> None:
        """Makes a dead letter of this event alone; the rest of the batch goes on."""
        self.rejected.append((event, reason, detail))

    async def flush(self) -> None:
        last, self._last = self._last, {}
        for work, items in sorted(last.items(), key=lambda one: (one[0].__module__, one[0].__qualname__)):
            await work(self, items)
        said, self._said = self._said, []
        await outbox.put(self, said)


class Database:
    """The pool of one process for one database."""

    def __init__(self, pool: "asyncpg.Pool[Any]", ctx: "Context") -> None:
        self.pool = pool
        self._ctx = ctx

    @asynccontextmanager
    async def transaction(self, *, shop: str | None = None) -> AsyncIterator[Tx]:
        """Commits at the end of the block, with everything that was said; rolls back when it raises.

        A process of the API sees the rows of `shop` and no others (`isolation.py`).
        """
        async with connected(self.pool) as connection:
            try:
                # In one message: naming the shop costs no way to the server and back. It ends with the transaction.
                await connection.execute(
                    "BEGIN" if shop is None else f"BEGIN; SET LOCAL huitou.shop = {_literal(shop)}"
                )
                tx = Tx(connection, self._ctx, shop)
                yield tx
                await tx.flush()
            except TimeoutError:
                # Thrown away with its connection: who does not answer would not answer a ROLLBACK either.
                raise
            except BaseException:
                # A connection that is gone has rolled back already.
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """The rows of one statement that is a transaction of its own."""
        async with connected(self.pool) as connection:
            return await connection.fetch(sql, *args)

    async def execute(self, sql: str, *args: Any) -> None:
        """One statement that is a transaction of its own."""
        async with connected(self.pool) as connection:
            await connection.execute(sql, *args)

    async def ping(self) -> None:
        """Asks the server for its time, within 2 s; how far ours is from it is in the metrics."""
        began = time.time()
        async with connected(self.pool, PING_SECONDS) as connection:
            there = await connection.fetchval(
                "SELECT extract(epoch FROM clock_timestamp())::float8", timeout=PING_SECONDS
            )
        telemetry.CLOCK_SKEW.set((began + time.time()) / 2 - there)


@asynccontextmanager
async def connected(
    pool: "asyncpg.Pool[Any]", seconds: float = ACQUIRE_SECONDS
) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[Any]"]:
    """One connection of the pool, waited for so long at most.

    When the server does not answer in time it is thrown away: giving it back would wait for that server again.
    """
    async with pool.acquire(timeout=seconds) as connection:
        try:
            yield connection
        except TimeoutError:
            connection.terminate()
            raise


async def open_pool(url: str, *, size: int, name: str, command_seconds: float = COMMAND_SECONDS) -> "asyncpg.Pool[Any]":
    """A pool on `url`; asyncpg's errors or OSError when the server cannot be reached."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=command_seconds,
        init=_prepare,
        server_settings={
            "application_name": name,
            "statement_timeout": f"{command_seconds}s",
            # A worker that stands still must not hold its locks for long: others take over its customers.
            "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        },
    )


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


def user_url(server: str, user: str, password: str) -> str:
    """The address of the same server for another user."""
    parts = urlsplit(server)
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{parts.netloc.rpartition('@')[2]}"))


def database_url(server: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


async def create_database(server: str, database: str) -> None:
    """Creates the database if it is not there; safe when several processes do it at once."""
    connection = await asyncpg.connect(server, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            return
        try:
            await connection.execute(f"CREATE DATABASE \"{database}\" TEMPLATE template0 ENCODING 'UTF8'")
        except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            return
    finally:
        await connection.close()


def _derived_id(cause: str) -> str:
    """A UUID of version 5, without the objects that the standard library makes on the way."""
    named = _NAMESPACE.copy()
    named.update(cause.encode())
    digest = named.digest()
    text = digest[:16].hex()
    variant = "89ab"[digest[8] >> 4 & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


async def _prepare(connection: "asyncpg.Connection[Any]") -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
        )


def _compiled(statement: Statement, args: tuple[Any, ...]) -> tuple[str, Sequence[Any]]:
    if isinstance(statement, str):
        return statement, args
    made = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    params = made.params or {}
    return str(made), [params[name] for name in getattr(made, "positiontup", None) or ()]
