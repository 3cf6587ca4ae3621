"""One transaction: the only place where statements are carried out.

The stores hand in SQLAlchemy Core statements and get rows. What a driver complains of is turned
into the words of `errors.py` on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, bindparam, literal_column, select
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import BigInteger, LargeBinary

from storage import vault
from storage.errors import KeysMissing
from storage.keyring import KeyGone, Keystore, KeysUnusable
from storage.wire import Row, Values, Wire

_NONE: Final[Values] = {}
_LOCK = select(sql.pg_advisory_xact_lock(bindparam("number", type_=BigInteger())).label("held"))
_LOCK_SHARED = select(
    sql.pg_advisory_xact_lock_shared(bindparam("number", type_=BigInteger())).label("held")
)

SLOTS_LOCK, REPORT_LOG_LOCK, AUDIT_LOCK, MIGRATION_LOCK = (0x61746861720000 + n for n in range(4))
"""Numbers of PostgreSQL's advisory locks; the high bytes spell the product's name."""

INTEGER: Final = BigInteger()
BYTES: Final = LargeBinary()
TAG_SIZE: Final = 16
"""Bytes of a keyed mark."""

_EPOCH_START = date(1970, 1, 1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LASTING = -1


class Transaction:
    """A running transaction, with what the stores need beside the connection.

    ``stale_slots`` are slots of the keystore to be wiped once this has been committed; ``slots``
    are those that hold the secrets of the contacts met here, by contact.
    """

    def __init__(self, wire: Wire, keystore: Keystore, *, postgres: bool) -> None:
        self._wire = wire
        self.keystore = keystore
        self.postgres = postgres
        self.stale_slots: list[int] = []
        self.slots: dict[int, int] = {}
        self._epochs: dict[int, bytes] = {}
        self._derived: dict[tuple[int, bytes], bytes] = {}

    async def rows(self, statement: Executable, values: Values = _NONE) -> list[Row]:
        """Carry out a statement and return all its rows. Raises `StorageError`."""
        return await self._wire.rows(statement, values)

    async def row(self, statement: Executable, values: Values = _NONE) -> Row | None:
        """Carry out a statement and return its first row, or None. Raises `StorageError`."""
        found = await self._wire.rows(statement, values)
        return found[0] if found else None

    async def change(self, statement: Executable, values: Values = _NONE) -> int:
        """Carry out a statement and return how many rows it changed. Raises `StorageError`."""
        return await self._wire.change(statement, values)

    async def change_many(self, statement: Executable, rows: Sequence[Values]) -> int:
        """Carry out a statement for each of ``rows``; nothing is done for none.

        Returns how many rows were changed, -1 on PostgreSQL. Raises `StorageError`.
        """
        return await self._wire.change_many(statement, rows) if rows else 0

    async def lock(self, number: int, *, shared: bool = False) -> None:
        """Hold one of the named locks until the end. SQLite's one writer holds them all."""
        if self.postgres:
            await self._wire.rows(_LOCK_SHARED if shared else _LOCK, {"number": number})

    def epoch_key(self, day: int) -> bytes:
        """Return a day's epoch key; asked of the keystore once in a transaction.

        Raises `keyring.KeyGone` when it was destroyed: what hangs from it has ended. Raises
        `CannotKeep` when it cannot be read just now (too many open files, others may read it after
        a careless restore): nothing has ended then, and nothing may be given up for lost.
        """
        key = self._epochs.get(day)
        if key is None:
            try:
                key = self._epochs[day] = self.keystore.epoch_key(day)
            except KeyGone:
                raise
            except KeysUnusable:
                raise KeysMissing from None
        return key

    def slot(self, index: int) -> bytes | None:
        """Return the secret in a slot, None when there is none (any more). Raises `CannotKeep`."""
        try:
            return self.keystore.slot(index)
        except OSError:
            raise KeysMissing from None

    def case_key(self, case_id: int) -> bytes | None:
        """Return the key of a case, None when there is none (any more). Raises `CannotKeep`."""
        try:
            return self.keystore.case_key(case_id)
        except OSError:
            raise KeysMissing from None

    def key_for_case(self, case_id: int, label: bytes) -> bytes:
        """Return the key for one use of what the service itself reads of a case.

        It hangs from the contact key and from the key of the case, so that it ends with either;
        from the contact key alone where the case has none. Raises `CannotKeep`.
        """
        return self.keys_for_case(case_id, label)[0]

    def keys_for_case(self, case_id: int, label: bytes) -> tuple[bytes, ...]:
        """Return what may open that: the key as it is now, and the one from before the case had
        a key of its own (`late_keys.py`). Raises `CannotKeep`."""
        lasting, own = self.contact_key(label), self.case_key(case_id)
        return (vault.derive(lasting, own, label=label), lasting) if own else (lasting,)

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


def among(column: ColumnElement[Any], name: str, *, postgres: bool) -> ColumnElement[bool]:
    """Return "``column`` is one of the whole numbers in parameter ``name``".

    One parameter, so that one compiled statement serves every length: an array on PostgreSQL, a
    JSON text on SQLite, both made by `numbers`.
    """
    if postgres:
        return column == sql.any(bindparam(name, type_=ARRAY(INTEGER)))
    return column.in_(select(sql.json_each(bindparam(name)).table_valued("value").c.value))


def numbers(values: Sequence[int], *, postgres: bool) -> list[int] | str:
    """Return whole numbers as `among` wants them."""
    return list(values) if postgres else "[" + ",".join(map(str, values)) + "]"


def tags_given(*, postgres: bool) -> Select[Any]:
    """Return a query for the tags in parameter ``tags``, made by `tags` (column ``tag``).

    For SQLite, which has no arrays, they come as one string of bytes, to be cut up.
    """
    if postgres:
        return select(sql.unnest(bindparam("tags", type_=ARRAY(BYTES))).label("tag"))
    each = sql.json_each(bindparam("places")).table_valued("value").c.value
    cut = sql.substr(bindparam("tags", type_=BYTES), each + literal_column("1"), TAG_SIZE)
    return select(cut.label("tag"))


def tags(given: Sequence[bytes], *, postgres: bool) -> dict[str, Any]:
    """Return the values that `tags_given` wants."""
    if postgres:
        return {"tags": list(given)}
    places = numbers(range(0, len(given) * TAG_SIZE, TAG_SIZE), postgres=False)
    return {"tags": b"".join(given), "places": places}


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


def day_of_act(moment: datetime) -> int:
    """Return the beginning of its UTC day, as the tables hold moments.

    For what a family did, in rows that last: the second in which it opened a message or answered
    would tie the row to its traffic, and no work needs to know it.
    """
    return day_in_utc(moment) * 86_400_000


def as_moment(number: int) -> datetime:
    """Return the aware UTC moment the tables hold as a number."""
    return _BEGINNING + number * _MILLISECOND
