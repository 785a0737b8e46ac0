"""The embedded PostgreSQL: its data outlives it, it needs its password, and it starts wherever it is put."""

import sys
from pathlib import Path
from subprocess import run

import asyncpg
import pytest

from huitou_local.postgres import EmbeddedPostgres
from tests.local.taking import taken


async def ask(server: EmbeddedPostgres, sql: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """In a folder that only its owner may enter."""
    tmp_path.chmod(0o700)
    return tmp_path / "postgres"


async def test_what_was_committed_is_there_after_a_stop_and_after_a_kill(home: Path) -> None:
    async with EmbeddedPostgres(home) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 1 AS number")
        port = server.port
    async with EmbeddedPostgres(home, port) as server:
        await ask(server, "INSERT INTO kept VALUES (2)")
        server.kill()
        await server.wait()
        await server.start()
        assert server.port == port
        assert await ask(server, "SELECT sum(number) FROM kept") == 3


async def test_a_taken_port_is_replaced(home: Path) -> None:
    with taken() as port:
        async with EmbeddedPostgres(home, port, fast=True) as server:
            assert server.port != port
            assert await ask(server, "SHOW listen_addresses") == "127.0.0.1"


async def test_nobody_gets_in_without_the_password(home: Path) -> None:
    async with EmbeddedPostgres(home, fast=True) as server:
        assert (home / "password").stat().st_mode & 0o777 == 0o600
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url.replace(server.password, "guess"))


async def test_it_starts_where_namespaces_are_refused(home: Path) -> None:
    program = Path(__file__).with_name("without_namespaces.py")
    ended = run([sys.executable, program, home], capture_output=True, text=True, timeout=60)  # noqa: ASYNC221
    assert ended.stdout.strip() == "1", ended.stderr
