"""The wire: statements carried to the driver in as few steps as can be.

SQLAlchemy's Core is the language the stores are written in, its pool keeps the connections. But
carrying a statement out through its whole machinery costs more than the statement: on SQLite each
cursor is made, asked, emptied and closed in a step of its own, and every step is a change of
threads. So a statement is compiled once for each database, here, and then goes to the driver as
text and values: one step, one answer.

That also keeps the drivers' exceptions in one place: none leaves this file (`connection.asked`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import Insert

from storage.connection import asked

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect

Values = Mapping[str, Any]
Row = Any
"""A named tuple of a statement's columns."""


class Prepared(NamedTuple):
    """A statement as text: its values by position, each a name or a constant, and its rows."""

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    row: Any

    def positional(self, values: Values) -> tuple[Any, ...]:
        """Return the values in the order the text wants them."""
        constants = self.constants
        return tuple([values[name] if name in values else constants[name] for name in self.names])


class Wire(Protocol):
    """A connection of either kind, inside one transaction."""

    async def begin(self) -> None:
        """Open a transaction. Raises `StorageError`."""

    async def commit(self) -> None:
        """Keep it. Raises `StorageError`."""

    async def undo(self) -> None:
        """Forget it. Raises `StorageError`."""

    async def rows(self, statement: Executable, values: Values) -> list[Row]:
        """Carry a statement out and return its rows. Raises `StorageError`."""

    async def change(self, statement: Executable, values: Values) -> int:
        """Carry a statement out and return how many rows it changed. Raises `StorageError`."""

    async def change_many(self, statement: Executable, rows: Sequence[Values]) -> int:
        """Carry a statement out for each of ``rows``, in one step.

        Returns how many rows were changed, -1 where the driver does not say. Raises
        `StorageError`.
        """


class SqliteWire:
    """aiosqlite: each method is one visit to the connection's thread."""

    def __init__(self, driver: Any, dialect: Dialect) -> None:
        self._driver = driver
        self._dialect = dialect

    async def begin(self) -> None:
        # IMMEDIATE: the one writer's place is taken now, not at the first write.
        await asked(self._driver.execute_fetchall("BEGIN IMMEDIATE"))

    async def commit(self) -> None:
        await asked(self._driver.execute_fetchall("COMMIT"), committing=True)

    async def undo(self) -> None:
        if self._driver.in_transaction:
            await asked(self._driver.execute_fetchall("ROLLBACK"))

    async def rows(self, statement: Executable, values: Values) -> list[Row]:
        ready = prepare(statement, self._dialect, values)
        answer = self._driver.execute_fetchall(ready.text, ready.positional(values))
        return [ready.row._make(row) for row in await asked(answer)]

    async def change(self, statement: Executable, values: Values) -> int:
        ready = prepare(statement, self._dialect, values)
        cursor = await asked(self._driver.execute(ready.text, ready.positional(values)))
        return int(cursor.rowcount)

    async def change_many(self, statement: Executable, rows: Sequence[Values]) -> int:
        ready = prepare(statement, self._dialect, rows[0])
        positional = [ready.positional(row) for row in rows]
        cursor = await asked(self._driver.executemany(ready.text, positional))
        return int(cursor.rowcount)


class PostgresWire:
    """asyncpg: each method is one round trip; it keeps the plans of statements by their text."""

    def __init__(self, driver: Any, dialect: Dialect) -> None:
        self._driver = driver
        self._dialect = dialect

    async def begin(self) -> None:
        await asked(self._driver.execute("BEGIN"))

    async def commit(self) -> None:
        await asked(self._driver.execute("COMMIT"), committing=True)

    async def undo(self) -> None:
        if self._driver.is_in_transaction():
            await asked(self._driver.execute("ROLLBACK"))

    async def rows(self, statement: Executable, values: Values) -> list[Row]:
        ready = prepare(statement, self._dialect, values)
        answer = self._driver.fetch(ready.text, *ready.positional(values))
        return [ready.row._make(row) for row in await asked(answer)]

    async def change(self, statement: Executable, values: Values) -> int:
        ready = prepare(statement, self._dialect, values)
        status = await asked(self._driver.execute(ready.text, *ready.positional(values)))
        return int(status.rpartition(" ")[2])

    async def change_many(self, statement: Executable, rows: Sequence[Values]) -> int:
        ready = prepare(statement, self._dialect, rows[0])
        positional = [ready.positional(row) for row in rows]
        await asked(self._driver.executemany(ready.text, positional))
        return -1


async def wire_of(opened: AsyncConnection) -> Wire:
    """Return the wire of an open connection, in no transaction yet. Raises `StorageError`."""
    driver = (await asked(opened.get_raw_connection())).driver_connection
    dialect = opened.dialect
    if dialect.name == "postgresql":
        return PostgresWire(driver, dialect)
    return SqliteWire(driver, dialect)


_prepared: Final[dict[tuple[Executable, str], Prepared]] = {}


def prepare(statement: Executable, dialect: Dialect, values: Values) -> Prepared:
    """Return the statement as text for this database; compiled at its first use.

    Statements are made once and live as long as the program: the stores hold them in constants
    and cached functions, and give each the same names every time. So this never grows further.
    """
    ready = _prepared.get((statement, dialect.name))
    if ready is None:
        ready = _prepared[statement, dialect.name] = _compile(statement, dialect, values)
    return ready


def _compile(statement: Any, dialect: Dialect, values: Values) -> Prepared:
    plain_insert = isinstance(statement, Insert) and statement.select is None
    compiled = statement.compile(
        dialect=dialect,
        column_keys=list(values) if plain_insert else None,
    )
    # An UPDATE has columns to export only where it says RETURNING.
    row = namedtuple("Row", statement.exported_columns.keys())  # type: ignore[misc]
    constants = {
        name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required
    }
    return Prepared(compiled.string, tuple(compiled.positiontup or ()), constants, row)
