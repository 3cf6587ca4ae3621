"""Migrations: bring a database to this program's schema. Never done by opening one.

Revisions are numbers, so that a program can tell an older schema (it refuses) from the next one (it
works: the rules in `README.md` keep the schema of version N usable by the program N-1).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Select, column, inspect, select, table, text
from sqlalchemy import func as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import connection
from storage.connection import asked
from storage.errors import WrongSchema
from storage.transaction import MIGRATION_LOCK, Transaction

HEAD: Final = "0003"
"""The revision this program's tables describe."""

_VERSION: Final[Select[Any]] = select(column("version_num")).select_from(table("alembic_version"))
_VERSIONS: Final[dict[bool, Select[Any]]] = {
    True: select(column("tablename"))
    .select_from(table("pg_tables"))
    .where(column("tablename") == "alembic_version"),
    False: select(column("name"))
    .select_from(table("sqlite_master"))
    .where(column("name") == "alembic_version"),
}

HERE: Final = Path(__file__).parent


async def migrate(url: str, to: str = "head") -> str | None:
    """Bring the database at ``url`` to revision ``to`` (``base``, a number or ``head``).

    Two at once wait for each other. Returns the revision it now has, None for an empty database.
    Raises `UnknownDatabase`, `CannotKeep`.
    """
    parsed = connection.parse(url)
    engine = connection.make_engine(parsed, pooled=False)
    try:
        async with _alone(parsed, engine.connect), engine.connect() as opened:
            await asked(opened.run_sync(_go, to))
            await asked(opened.commit())
            return await current(opened)
    finally:
        await engine.dispose()


async def current(opened: AsyncConnection) -> str | None:
    """Return the revision of an open database; None when it was never migrated."""
    if not await asked(opened.run_sync(_has_versions)):
        return None
    return await asked(opened.scalar(text("SELECT version_num FROM alembic_version")))


async def check_schema(tx: Transaction) -> None:
    """Raise `WrongSchema` unless this program can work with the database's revision."""
    if not await tx.rows(_VERSIONS[tx.postgres]):
        raise WrongSchema
    row = await tx.row(_VERSION)
    if row is None or int(row.version_num) not in (int(HEAD), int(HEAD) + 1):
        raise WrongSchema


def configuration(opened: Connection | None = None) -> Any:
    """Return Alembic's configuration for these migrations, with an open connection to use."""
    from alembic.config import Config  # a third of a second that no other command should pay

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = opened
    return config


def _go(opened: Connection, to: str) -> None:
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = configuration(opened)
    script = ScriptDirectory.from_config(config)
    present = MigrationContext.configure(opened).get_current_revision()
    backwards = to == "base" or (
        to != "head" and present is not None and _number(to, script) < int(present)
    )
    (command.downgrade if backwards else command.upgrade)(config, to)


def _number(to: str, script: Any) -> int:
    return int(script.get_revision(to).revision)


def _has_versions(opened: Connection) -> bool:
    return inspect(opened).has_table("alembic_version")


@asynccontextmanager
async def _alone(url: URL, connect: Callable[[], AsyncConnection]) -> AsyncIterator[None]:
    if connection.is_postgres(url):
        async with connect() as keeper:
            await asked(keeper.execution_options(isolation_level="AUTOCOMMIT"))
            await asked(keeper.execute(text("SET lock_timeout = 0; ")))
            await asked(keeper.execute(text("SET statement_timeout = 0")))
            await asked(keeper.execute(select(sql.pg_advisory_lock(MIGRATION_LOCK))))
            yield
    else:
        file = connection.file_of(url)
        descriptor = os.open(
            file.with_name(f"{file.name}.migration.lock"), os.O_RDWR | os.O_CREAT, 0o600
        )
        try:
            await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
