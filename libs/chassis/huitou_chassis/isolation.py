"""One database and two users per service: the worker's, and the API's, which sees one shop in each transaction.

Every table with a shop_id is under row-level security: the API's user sees and writes only rows of the shop that its
transaction names (`db.py` sets it for each call). The worker's user, whose batches span shops, is exempt. Both may do
no more than they need; the audit log can be added to and read, and nothing else.
"""

import hashlib
import hmac
import os
from base64 import b64encode
from typing import Any, Literal

import asyncpg

from huitou_chassis.db import COMMAND_SECONDS, CONNECT_SECONDS, database_url
from huitou_chassis.keys import KEYS_DATABASE
from huitou_chassis.settings import Settings

User = Literal["api", "worker"]
LOCK = 0x726F6C65
ITERATIONS = 4096
SHOP = "huitou.shop"
READ_ONLY = ("chassis_version", "service_version")
WORKERS_OWN = ("inbox",)
APPEND_ONLY = ("audit",)


def role(database: str, process: User) -> str:
    """The user of one process of a service."""
    return f"{database}_{process}"


async def apply(database: str, settings: Settings) -> None:
    """Makes the users of a migrated database and gives them what they may do; safe to repeat, also at once."""
    server = settings.postgres.get_secret_value()
    passwords: dict[User, str] = {
        "api": settings.api_password.get_secret_value(),
        "worker": settings.worker_password.get_secret_value(),
    }
    connection = await _connect(server, database)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            for process, password in passwords.items():
                await _make_user(connection, role(database, process), password, exempt=process == "worker")
            await _grant(connection, database)
    finally:
        await connection.close()
    await _let_read_keys(server, role(database, "api"))


async def _connect(server: str, database: str) -> "asyncpg.Connection[Any]":
    return await asyncpg.connect(
        database_url(server, database), timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS
    )


async def _make_user(connection: "asyncpg.Connection[Any]", name: str, password: str, *, exempt: bool) -> None:
    """A user without a password stays as it is, or cannot log in."""
    there = await connection.fetchval("SELECT rolbypassrls FROM pg_roles WHERE rolname = $1", name)
    if there is None:
        await connection.execute(f'CREATE ROLE "{name}" {"BYPASSRLS" if exempt else "NOBYPASSRLS"}')
    if password:
        # Hashed here, so that no log of the server ever holds it.
        await connection.execute(f"ALTER ROLE \"{name}\" LOGIN PASSWORD '{_scram(password)}'")


async def _grant(connection: "asyncpg.Connection[Any]", database: str) -> None:
    api, worker = f'"{role(database, "api")}"', f'"{role(database, "worker")}"'
    await connection.execute(
        f"""
        REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;
        GRANT CONNECT ON DATABASE "{database}" TO {api}, {worker};
        GRANT USAGE ON SCHEMA public TO {api}, {worker};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {api}, {worker};
        GRANT INSERT ON outbox TO {api};
        """
    )
    for table, of_shops in await _tables(connection):
        await connection.execute(f'GRANT {_rights(table)} ON "{table}" TO {worker}')
        if table in READ_ONLY or (of_shops and table not in WORKERS_OWN):
            await connection.execute(f'GRANT {_rights(table)} ON "{table}" TO {api}')
        if of_shops:
            await _protect(connection, table, api)


async def _tables(connection: "asyncpg.Connection[Any]") -> list[tuple[str, bool]]:
    """Every table, and whether its rows belong to shops."""
    rows = await connection.fetch(
        """
        SELECT relname, EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'shop_id' AND NOT attisdropped
        )
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        ORDER BY relname
        """
    )
    return [(row[0], row[1]) for row in rows]


def _rights(table: str) -> str:
    if table in READ_ONLY:
        return "SELECT"
    return "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"


async def _protect(connection: "asyncpg.Connection[Any]", table: str, api: str) -> None:
    """Changes nothing where it is so already: each of these would wait for everybody who uses the table."""
    protected = await connection.fetchval(
        """
        SELECT relrowsecurity AND relforcerowsecurity
            AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'one_shop')
        FROM pg_class WHERE oid = $1::text::regclass
        """,
        f'"{table}"',
    )
    if not protected:
        mine = f"shop_id = current_setting('{SHOP}', true)"
        await connection.execute(
            f"""
            ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            DROP POLICY IF EXISTS one_shop ON "{table}";
            CREATE POLICY one_shop ON "{table}" TO {api} USING ({mine}) WITH CHECK ({mine});
            """
        )


async def _let_read_keys(server: str, api: str) -> None:
    connection = await _connect(server, KEYS_DATABASE)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            await connection.execute(
                f"""
                REVOKE ALL ON DATABASE "{KEYS_DATABASE}" FROM PUBLIC;
                GRANT CONNECT ON DATABASE "{KEYS_DATABASE}" TO "{api}";
                GRANT SELECT ON api_key TO "{api}";
                """
            )
    finally:
        await connection.close()


def _scram(password: str) -> str:
    """The password as PostgreSQL keeps it (RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *parts)
