"""Engines: how the two databases are opened, and what their complaints mean.

SQLite runs in WAL mode with ``synchronous=FULL``: a committed answer survives a power cut (with
NORMAL it may not). Every transaction begins IMMEDIATE, so there is one writer at a time and a
read can never turn into a write too late. The pool holds one connection for the same reason.

PostgreSQL runs at READ COMMITTED with ``synchronous_commit=on``; order comes from row locks.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from storage.errors import (
    Busy,
    Damaged,
    Full,
    Rejected,
    StorageError,
    Unclear,
    UnknownDatabase,
    Unreachable,
)

T = TypeVar("T")

OLDEST_SQLITE = (3, 38, 0)
"""The first with RETURNING and the JSON functions built in, both of which the stores use."""

PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -16384",
)

POSTGRES_SETTINGS = {
    "application_name": "athar",
    "synchronous_commit": "on",
    "statement_timeout": "30000",
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "60000",
    "timezone": "UTC",
}

_RETRY = {"40001", "40P01", "55P03", "57014", "53300"}
_FULL = {"25006", "53100", "53200", "58030"}
_GONE = {"57P01", "57P02", "57P03", "57P05", "25P03"}
_DAMAGED = {"XX001", "XX002"}

_SQLITE = {
    sqlite3.SQLITE_BUSY: Busy,
    sqlite3.SQLITE_LOCKED: Busy,
    sqlite3.SQLITE_FULL: Full,
    sqlite3.SQLITE_READONLY: Full,
    sqlite3.SQLITE_IOERR: Full,
    sqlite3.SQLITE_CANTOPEN: Full,
    sqlite3.SQLITE_PERM: Full,
    sqlite3.SQLITE_NOMEM: Full,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
}

_Misfit = asyncpg.exceptions._base.DataError

DRIVER_ERRORS = (
    SQLAlchemyError,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # among others: a connection cut between two statements
    OSError,
    EOFError,
    TimeoutError,
    ValueError,  # aiosqlite's word for a connection that was closed
)
"""Everything the two drivers and the pool raise when the database is the cause."""


def parse(url: str) -> URL:
    """Return the address of a database. Raises `UnknownDatabase` without repeating a password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise UnknownDatabase
    return parsed


def is_postgres(url: URL) -> bool:
    """Return whether this is a PostgreSQL server, not a SQLite file."""
    return url.drivername.startswith("postgresql")


def file_of(url: URL) -> Path:
    """Return the file of a SQLite database. Raises `UnknownDatabase` for one in memory."""
    if not url.database or url.database == ":memory:":
        raise UnknownDatabase
    return Path(url.database)


def make_engine(url: URL, *, pooled: bool = True) -> AsyncEngine:
    """Return an engine that opens connections as this house wants them. It opens none yet."""
    return _postgres(url, pooled) if is_postgres(url) else _sqlite(url, pooled)


def _postgres(url: URL, pooled: bool) -> AsyncEngine:
    options: dict[str, Any] = {
        "pool_size": 10,
        "max_overflow": 10,
        "pool_timeout": 10,
        "pool_reset_on_return": None,  # `Database` has ended its transaction itself
    }
    return create_async_engine(
        url,
        hide_parameters=True,
        connect_args={
            "timeout": 10,
            "server_settings": POSTGRES_SETTINGS,
            "statement_cache_size": 256,
            "max_cached_statement_lifetime": 0,
        },
        **(options if pooled else {"poolclass": NullPool}),
    )


def _sqlite(url: URL, pooled: bool) -> AsyncEngine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Rejected
    make_private(file_of(url))
    options: dict[str, Any] = {
        "pool_size": 1,
        "max_overflow": 0,
        "pool_timeout": 30,
        "pool_reset_on_return": None,
    }
    engine = create_async_engine(
        url, hide_parameters=True, **(options if pooled else {"poolclass": NullPool})
    )
    event.listen(engine.sync_engine, "connect", _open_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)  # the migrations'
    return engine


def make_private(file: Path) -> None:
    """Make a database file and its directory readable by nobody but this account."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        file.chmod(0o600)
    except OSError:
        # An existing file on a disk that may only be read still opens; writing is refused later.
        if not file.exists():
            raise Full from None


def _open_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def asked(answer: Awaitable[T], *, committing: bool = False) -> T:
    """Await a driver's answer. Raises `StorageError` in place of whatever the driver raises.

    It is raised outside of the ``except`` block, so that the driver's exception, whose text may
    hold values, cannot even be reached from ours.
    """
    fault: StorageError
    try:
        return await answer
    except DRIVER_ERRORS as error:
        fault = understand(error, committing=committing)
    raise fault


def understand(error: BaseException, *, committing: bool = False) -> StorageError:
    """Return our own word for a driver's exception; nothing of its text is taken over.

    ``committing`` says that it came out of a commit, where a broken line leaves open which it was.
    """
    gone: type[StorageError] = Unclear if committing else Unreachable
    if isinstance(error, PoolTimeout):
        return Busy()
    if isinstance(error, UnicodeError | _Misfit):
        return Rejected()  # a value the database has no form for
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _SQLITE.get(code & 0xFF, Rejected)()
    state = getattr(cause, "sqlstate", None)
    return _understand_state(state, gone) if isinstance(state, str) else gone()


def _understand_state(state: str, gone: type[StorageError]) -> StorageError:
    if state in _RETRY:
        return Busy()
    if state in _FULL:
        return Full()
    if state in _GONE or state.startswith("08"):
        return gone()
    return Damaged() if state in _DAMAGED else Rejected()
