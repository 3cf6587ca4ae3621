"""Question sets: what caseworkers wrote to be asked, one boxed row for each version.

A version is never changed once it is kept: a follow-up names the version it was planned with, and
is asked with it. A set that is retired is offered no longer; what was planned is still asked.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, insert, literal_column, select, update

from storage import vault
from storage.errors import NotFound
from storage.tables import question_sets, staff
from storage.transaction import BYTES, Transaction, as_date, day, day_in_utc
from storage.wire import Row


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """One version of a stored set; ``data`` is what `flows/flow_data.py` reads."""

    handle: str
    version: int
    data: Mapping[str, Any] = field(repr=False)
    put_on: date
    retired_on: date | None


class QuestionSets:
    """Question sets of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(
        self, data: Mapping[str, Any], by: str, now: datetime, handle: str | None = None
    ) -> QuestionSet:
        """Keep a new set, or the next version of ``handle``; a retired one is offered again.

        Raises `NotFound` for a set there is not, and when ``by`` does not work here.
        """
        who = await self._tx.row(_STAFF, {"key": bytes.fromhex(by)})
        if who is None:
            raise NotFound
        key = _as_handle(handle) if handle is not None else secrets.token_bytes(16)
        version = 1
        if handle is not None:
            version = (await self.newest(handle)).version + 1
            await self._tx.change(_RETIRE, {"key": key, "new_day": None})
        row = {
            "handle": key,
            "version": version,
            "body_box": self._box(key, version, data),
            "staff_id": who.id,
            "put_on": day_in_utc(now),
        }
        await self._tx.change(_PUT, row)
        return QuestionSet(key.hex(), version, data, as_date(row["put_on"]), None)

    async def find(self, handle: str, version: int) -> QuestionSet | None:
        """Return one version of a set, or None; None too when it does not open."""
        values = {"key": _as_handle(handle), "number": version}
        row = await self._tx.row(_ONE, values)
        return self._find_opened(row) if row is not None else None

    async def newest(self, handle: str) -> QuestionSet:
        """Return the newest version of a set, retired or not. Raises `NotFound`."""
        row = await self._tx.row(_NEWEST_OF, {"key": _as_handle(handle)})
        found = self._find_opened(row) if row is not None else None
        if found is None:
            raise NotFound
        return found

    async def all(self, *, retired: bool = False) -> list[QuestionSet]:
        """Return the newest version of every set, those that are retired only on request.

        One that does not open any more hides no other.
        """
        rows = await self._tx.rows(_ALL)
        wanted = [row for row in rows if retired or row.retired_on is None]
        return [each for row in wanted if (each := self._find_opened(row)) is not None]

    async def retire(self, handle: str, today: date) -> bool:
        """Offer a set no longer; return whether there is one."""
        values = {"key": _as_handle(handle), "new_day": day(today)}
        return await self._tx.change(_RETIRE, values) > 0

    # ── within ──

    def _box(self, handle: bytes, version: int, data: Mapping[str, Any]) -> bytes:
        packed = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
        return vault.box(self._key(), vault.pad(packed, 1024), _place(handle, version))

    def _find_opened(self, row: Row) -> QuestionSet | None:
        try:
            return self._opened(row)
        except (vault.CannotOpen, ValueError):
            return None

    def _opened(self, row: Row) -> QuestionSet:
        packed = vault.unbox(self._key(), row.body_box, _place(row.handle, row.version))
        return QuestionSet(
            row.handle.hex(),
            row.version,
            json.loads(vault.unpad(packed)),
            as_date(row.put_on),
            None if row.retired_on is None else as_date(row.retired_on),
        )

    def _key(self) -> bytes:
        return self._tx.contact_key(b"question-sets/v1")


def _place(handle: bytes, version: int) -> bytes:
    return vault.place("question_sets", "body_box", handle, version)


def _as_handle(handle: str) -> bytes:
    try:
        return bytes.fromhex(handle)
    except ValueError:
        return b""


# ── statements ──

_PUT: Final = insert(question_sets)
_STAFF: Final = select(staff.c.id).where(staff.c.handle == bindparam("key", type_=BYTES))
_OF: Final = question_sets.c.handle == bindparam("key", type_=BYTES)
_ONE: Final[Select[Any]] = select(question_sets).where(
    _OF, question_sets.c.version == bindparam("number")
)
_NEWEST_OF: Final[Select[Any]] = (
    select(question_sets)
    .where(_OF)
    .order_by(question_sets.c.version.desc())
    .limit(literal_column("1"))
)
_RETIRE: Final = update(question_sets).where(_OF).values(retired_on=bindparam("new_day"))
_newest: Final = (
    select(question_sets.c.handle, func.max(question_sets.c.version).label("version"))
    .group_by(question_sets.c.handle)
    .subquery("newest")
)
_ALL: Final[Select[Any]] = (
    select(question_sets)
    .join(
        _newest,
        (_newest.c.handle == question_sets.c.handle)
        & (_newest.c.version == question_sets.c.version),
    )
    .order_by(question_sets.c.id)
)
