"""Each service's schema: the chassis' own tables first, then the service's, each under a version table of its own."""

from importlib.resources import files
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from huitou_chassis import isolation, keys
from huitou_chassis.db import COMMAND_SECONDS, CONNECT_SECONDS, create_database, database_url
from huitou_chassis.service import Service
from huitou_chassis.settings import Settings

LOCK = 0x6D696772


class Behind(Exception):
    """The database has not been migrated to what this code needs."""


async def migrate(service: Service, settings: Settings) -> None:
    """Creates the service's database and users where they are missing and brings them to the newest version.

    Done by an administrator, who may create them. Safe to repeat.
    """
    server = settings.postgres.get_secret_value()
    await keys.prepare(server)
    await create_database(server, settings.database(service.name))
    url = database_url(server, settings.database(service.name))
    # asyncpg reads the address itself: SQLAlchemy does not know what it may say of TLS.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=pool.NullPool,
        async_creator=lambda: asyncpg.connect(url, timeout=CONNECT_SECONDS),
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade, service)
            await connection.commit()
    finally:
        await engine.dispose()
    await isolation.apply(settings.database(service.name), settings)


async def check(service: Service, settings: Settings) -> None:
    """Behind if the database is not at the newest version; asyncpg's errors or OSError if it cannot be asked."""
    url = database_url(settings.postgres.get_secret_value(), settings.database(service.name))
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS)
    try:
        for table, scripts in _scripts(service).items():
            there = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
            version = await connection.fetchval(f"SELECT version_num FROM {table}") if there else None
            known = {script.revision for script in scripts.walk_revisions()}
            # A newer version than this code knows is a rolling upgrade's, and served.
            if version is None or (version in known and version != scripts.get_current_head()):
                raise Behind(
                    f"database {settings.database(service.name)} is behind; run `huitou {service.name} migrate`"
                )
    finally:
        await connection.close(timeout=2)


def _scripts(service: Service) -> dict[str, ScriptDirectory]:
    return {
        "chassis_version": ScriptDirectory.from_config(_config("huitou_chassis.base_migrations")),
        "service_version": ScriptDirectory.from_config(_config(service.migrations)),
    }


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(str(files(package)))))
    return config


def _upgrade(connection: Connection, service: Service) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    for table, scripts in _scripts(service).items():
        context = EnvironmentContext(
            Config(), scripts, fn=lambda revision, _, s=scripts: s._upgrade_revs("head", revision)
        )
        with context:
            context.configure(connection=connection, version_table=table)
            context.run_migrations()
