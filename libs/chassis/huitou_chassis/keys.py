"""API keys: random, shown once, kept as a hash, bound to shops and a role.

They live in one small database of their own that every service reads; a revoked key stops within two seconds.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from huitou_chassis.db import COMMAND_SECONDS, CONNECT_SECONDS, connected, create_database, database_url

KEYS_DATABASE = "huitou_keys"
EVERY_SHOP = "*"
REMEMBERED_SECONDS = 2.0
REMEMBERED_KEYS = 10_000
Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
LOCK = 0x6B657973
USUAL_RATE = 1000

_TABLE = """
CREATE TABLE IF NOT EXISTS api_key (
    key_id text COLLATE "C" PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    shops text[] NOT NULL CHECK (cardinality(shops) > 0),
    rate integer CHECK (rate > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
)
"""


@dataclass(frozen=True)
class Caller:
    """Who calls: the key's id and name, what it may do, in which shops ("*" is every shop), how many calls a second."""

    key_id: str
    role: Role
    shops: frozenset[str]
    rate: int | None = None
    name: str = ""

    def may_enter(self, shop: str) -> bool:
        return EVERY_SHOP in self.shops or shop in self.shops


class Keys:
    """Looks up callers by key; remembers an answer for two seconds."""

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        self._pool = pool
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

    async def caller(self, key: str) -> Caller | None:
        """The caller of a key, or None for a key that does not exist or was revoked."""
        hashed = _hash(key)
        until, caller = self._known.get(hashed, (0.0, None))
        if until > time.monotonic():
            return caller
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT key_id, role, shops, rate, name FROM api_key WHERE hash = $1 AND revoked_at IS NULL",
                hashed,
                timeout=CONNECT_SECONDS,
            )
        caller = Caller(row["key_id"], row["role"], frozenset(row["shops"]), row["rate"], row["name"]) if row else None
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        self._known[hashed] = (time.monotonic() + REMEMBERED_SECONDS, caller)
        return caller


async def prepare(server: str) -> None:
    """Creates the keys' database and table where they are missing."""
    await create_database(server, KEYS_DATABASE)
    # Services that are migrated at once all come here, and of those PostgreSQL lets only one make the table.
    await _run(server, f"DO $$ BEGIN PERFORM pg_advisory_xact_lock({LOCK}); {_TABLE}; END $$")


async def create(
    server: str, *, name: str, role: Role, shops: list[str], rate: int | None = USUAL_RATE
) -> tuple[str, str]:
    """A new key: (its id, the key itself, which is shown this once)."""
    key = f"huitou_{secrets.token_urlsafe(32)}"
    return await ensure(server, key, name=name, role=role, shops=shops, rate=rate), key


async def ensure(
    server: str,
    key: str,
    *,
    name: str = "installation",
    role: Role = "admin",
    shops: list[str] | None = None,
    rate: int | None = None,
) -> str:
    """Registers a given key if it is not there yet; returns its id. Without a rate it may call as often as it likes."""
    await prepare(server)
    key_id = f"key_{secrets.token_hex(6)}"
    rows = await _run(
        server,
        """
        INSERT INTO api_key (key_id, hash, name, role, shops, rate) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (hash) DO UPDATE SET name = api_key.name
        RETURNING key_id
        """,
        key_id,
        _hash(key),
        name,
        role,
        shops or [EVERY_SHOP],
        rate,
    )
    return str(rows[0]["key_id"])


async def revoke(server: str, key_id: str) -> bool:
    """True if there was such a key in use."""
    rows = await _run(
        server,
        "UPDATE api_key SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id",
        key_id,
    )
    return bool(rows)


async def listed(server: str) -> list[asyncpg.Record]:
    """key_id, name, role, shops, rate, created_at and revoked_at of every key, oldest first."""
    await prepare(server)
    return await _run(
        server,
        "SELECT key_id, name, role, shops, rate, created_at, revoked_at FROM api_key ORDER BY created_at, key_id",
    )


async def _run(server: str, sql: str, *args: Any) -> list[asyncpg.Record]:
    url = database_url(server, KEYS_DATABASE)
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS)
    try:
        return await connection.fetch(sql, *args)
    finally:
        await connection.close()


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
