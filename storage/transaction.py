"""One transaction: the only place where statements are carried out.

The stores hand in SQLAlchemy Core statements and get rows. What a driver complains of is turned
into the words of `errors.py` on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, bindparam, select
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import BigInteger, LargeBinary, TypeEngine

from storage import vault
from storage.connection import asked
from storage.errors import KeysMissing
from storage.keyring import Keystore, KeysUnusable

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

SLOTS_LOCK, REPORT_LOG_LOCK, AUDIT_LOCK, MIGRATION_LOCK = (0x61746861720000 + n for n in range(4))
"""Numbers of PostgreSQL's advisory locks; the high bytes spell the product's name."""

_EPOCH_START = date(1970, 1, 1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LASTING = -1


class Transaction:
    """A running transaction, with what the stores need beside the connection.

    ``stale_slots`` are slots of the keystore to be wiped once this has been committed.
    """

    def __init__(self, connection: AsyncConnection, keystore: Keystore) -> None:
        self.connection = connection
        self.keystore = keystore
        self.postgres = connection.dialect.name == "postgresql"
        self.stale_slots: list[int] = []
        self._epochs: dict[int, bytes] = {}
        self._derived: dict[tuple[int, bytes], bytes] = {}

    async def rows(self, statement: Executable, values: Parameters = None) -> Sequence[Row[Any]]:
        """Carry out a statement and return all its rows. Raises `StorageError`."""
        return (await asked(self.connection.execute(statement, values))).all()

    async def row(self, statement: Executable, values: Parameters = None) -> Row[Any] | None:
        """Carry out a statement and return its first row, or None."""
        found = await self.rows(statement, values)
        return found[0] if found else None

    async def change(self, statement: Executable, values: Parameters = None) -> int:
        """Carry out a statement without rows and return how many rows it changed.

        With a sequence of values the number is known on SQLite only (-1 on PostgreSQL).
        """
        return (await asked(self.connection.execute(statement, values))).rowcount

    async def lock(self, number: int, *, shared: bool = False) -> None:
        """Hold one of the named locks until the end. SQLite's one writer holds them all."""
        if not self.postgres:
            return
        take = sql.pg_advisory_xact_lock_shared if shared else sql.pg_advisory_xact_lock
        await self.rows(select(take(number)))

    def epoch_key(self, day: int) -> bytes:
        """Return a day's epoch key; asked of the keystore once in a transaction.

        Raises `keyring.KeyGone`.
        """
        key = self._epochs.get(day)
        if key is None:
            key = self._epochs[day] = self.keystore.epoch_key(day)
        return key

    def key_of(self, day: int) -> bytes:
        """Return a day's epoch key, for something to be kept under it. Raises `CannotKeep`."""
        try:
            return self.epoch_key(day)
        except KeysUnusable:
            raise KeysMissing from None

    def contact_key(self, label: bytes) -> bytes:
        """Return the key for one use that hangs from the lasting contact key.

        Raises `CannotKeep`.
        """
        return self._from_lasting(self.keystore.contact_key, label)

    def origin_key(self, label: bytes) -> bytes:
        """Return the key of one chain. Raises `CannotKeep`."""
        return self._from_lasting(self.keystore.origin_key, label)

    def _from_lasting(self, ask: Callable[[], bytes], label: bytes) -> bytes:
        key = self._derived.get((_LASTING, label))
        if key is None:
            try:
                key = vault.derive(ask(), label=label)
            except KeysUnusable:
                raise KeysMissing from None
            self._derived[_LASTING, label] = key
        return key

    def tag_key(self) -> bytes:
        """Return the key of the marks rows are found by. Raises `CannotKeep`."""
        try:
            return self.keystore.tag_key()
        except KeysUnusable:
            raise KeysMissing from None

    def day_key(self, day: int, label: bytes) -> bytes:
        """Return the key for one use that hangs from a day's epoch key. Raises `KeyGone`."""
        key = self._derived.get((day, label))
        if key is None:
            key = vault.derive(self.epoch_key(day), label=label)
            self._derived[day, label] = key
        return key


def among(
    column: ColumnElement[Any], name: str, kind: TypeEngine[Any], *, postgres: bool
) -> ColumnElement[bool]:
    """Return "``column`` is one of the values of parameter ``name``", as each database likes it.

    PostgreSQL takes one array, so that one prepared statement serves every length. SQLite takes
    whole numbers as one JSON text (`numbers`) for the same reason, and bytes as a list.
    """
    if postgres:
        return column == sql.any(bindparam(name, type_=ARRAY(kind)))
    if isinstance(kind, LargeBinary):
        return column.in_(bindparam(name, expanding=True, type_=kind))
    return column.in_(select(sql.json_each(bindparam(name)).table_valued("value").c.value))


def numbers(values: Sequence[int], *, postgres: bool) -> list[int] | str:
    """Return whole numbers as `among` wants them."""
    return list(values) if postgres else "[" + ",".join(map(str, values)) + "]"


def locked(query: Select[Any], *, postgres: bool) -> Select[Any]:
    """Return the query holding its rows to the end; SQLite's one writer needs no row locks."""
    return query.with_for_update() if postgres else query


def day(moment: date) -> int:
    """Return the number of a day since 1970-01-01, as the tables hold it."""
    return (moment - _EPOCH_START).days


def day_in_utc(moment: datetime) -> int:
    """Return the number of the UTC day of an aware moment."""
    return day(moment.astimezone(UTC).date())


def as_date(number: int) -> date:
    """Return the day with this number."""
    return date.fromordinal(_EPOCH_START.toordinal() + number)


def milliseconds(moment: datetime) -> int:
    """Return an aware moment as the tables hold it. Raises `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return (moment - _BEGINNING) // _MILLISECOND


def as_moment(number: int) -> datetime:
    """Return the aware UTC moment the tables hold as a number."""
    return _BEGINNING + number * _MILLISECOND


INTEGER = BigInteger()
BYTES = LargeBinary()
