"""Status updates: fixed words to one family, kept until it has opened them and as a record after.

A row names a kind, a day and whom it is for. A family that chose to be detached has no contact: its
update waits at the case, for whoever comes with the receipt code.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, exists, insert, literal_column, select, update
from sqlalchemy.sql.dml import Update

from storage.errors import NotFound
from storage.tables import staff, ties, updates
from storage.transaction import (
    BYTES,
    INTEGER,
    Transaction,
    among,
    as_date,
    as_moment,
    day,
    day_of_act,
    milliseconds,
    numbers,
)
from storage.wire import Row

WITHDRAWN_HERE: Final = "withdrawn_here"
"""The kind by which a family hears that staff have withdrawn its report; ``since`` is the last day
on which that can be undone."""
CONTACT_ADDED: Final = "contact_added"
"""The kind by which it hears that another account belongs to its report."""


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """One update. ``by`` is the handle of who told it; ``told_at`` when the notice went out."""

    id: int
    case_id: int
    contact_id: int | None
    kind: str
    since: date | None
    by: str
    put_at: datetime
    told_at: datetime | None
    opened_at: datetime | None


class Updates:
    """Status updates of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(
        self,
        case_id: int,
        contact_id: int | None,
        kind: str,
        since: date | None,
        by: str,
        now: datetime,
    ) -> int:
        """Keep one; return its number. Raises `NotFound` when ``by`` does not work here."""
        who = await self._tx.row(_STAFF, {"key": bytes.fromhex(by)})
        if who is None:
            raise NotFound
        row = {
            "case_id": case_id,
            "contact_id": contact_id,
            "kind": kind,
            "since_on": day(since) if since else None,
            "staff_id": who.id,
            "put_at": milliseconds(now),
        }
        (added,) = await self._tx.rows(_PUT, row)
        return int(added.id)

    async def open_for(self, contact_id: int) -> list[StatusUpdate]:
        """Return what waits for a contact that is still tied to the case, oldest first."""
        return _values(await self._tx.rows(_OPEN_FOR, {"contact": contact_id}))

    async def open_at(self, case_id: int) -> list[StatusUpdate]:
        """Return what waits at a case for whoever has its code, oldest first."""
        return _values(await self._tx.rows(_OPEN_AT, {"row": case_id}))

    async def move_all_to(self, case_id: int, contact_id: int) -> None:
        """Let this contact read what nobody has opened who is tied to the case."""
        await self._tx.change(_MOVE_ALL, {"row": case_id, "new_contact": contact_id})

    async def note_opened(self, ids: Collection[int], now: datetime) -> None:
        """The family has read these."""
        if ids:
            given = numbers(sorted(ids), postgres=self._tx.postgres)
            values = {"ids": given, "now": day_of_act(now)}
            await self._tx.change(_opened(self._tx.postgres), values)

    async def of_case(self, case_id: int) -> list[StatusUpdate]:
        """Return all of a case, newest first."""
        return _values(await self._tx.rows(_OF_CASE, {"row": case_id}))

    async def last_of(self, case_id: int) -> StatusUpdate | None:
        """Return the newest of a case, or None."""
        row = await self._tx.row(_LAST, {"row": case_id})
        return _value(row) if row is not None else None

    async def is_announced(self, contact_id: int, since: datetime) -> bool:
        """Return whether one waits for a contact whose notice was put at ``since`` or later."""
        values = {"contact": contact_id, "since": milliseconds(since)}
        return await self._tx.row(_ANNOUNCED, values) is not None

    async def was_put(self, case_id: int, kind: str, since: datetime) -> bool:
        """Return whether this word was put for a case at ``since`` or later."""
        values = {"row": case_id, "word": kind, "since": milliseconds(since)}
        return await self._tx.row(_SAME, values) is not None


def _values(rows: list[Row]) -> list[StatusUpdate]:
    return [_value(row) for row in rows]


def _value(row: Row) -> StatusUpdate:
    return StatusUpdate(
        row.id,
        row.case_id,
        row.contact_id,
        row.kind,
        None if row.since_on is None else as_date(row.since_on),
        row.by.hex() if row.by else "",
        as_moment(row.put_at),
        None if row.told_at is None else as_moment(row.told_at),
        None if row.opened_at is None else as_moment(row.opened_at),
    )


# ── statements ──

_PUT: Final = insert(updates).returning(updates.c.id)
_STAFF: Final = select(staff.c.id).where(staff.c.handle == bindparam("key", type_=BYTES))
_BY: Final = (
    select(staff.c.handle).where(staff.c.id == updates.c.staff_id).scalar_subquery().label("by")
)
_WHOLE: Final[Select[Any]] = select(updates, _BY)
_UNOPENED: Final = updates.c.opened_at.is_(None)
_TIED: Final = exists().where(
    ties.c.contact_id == updates.c.contact_id, ties.c.case_id == updates.c.case_id
)
_OPEN_FOR: Final = _WHOLE.where(
    updates.c.contact_id == bindparam("contact"), _UNOPENED, _TIED
).order_by(updates.c.id)
_OPEN_AT: Final = _WHOLE.where(
    updates.c.case_id == bindparam("row"), updates.c.contact_id.is_(None), _UNOPENED
).order_by(updates.c.id)
_OF_CASE: Final = _WHOLE.where(updates.c.case_id == bindparam("row")).order_by(updates.c.id.desc())
_LAST: Final = _OF_CASE.where(
    updates.c.kind != literal_column(f"'{CONTACT_ADDED}'"),
    updates.c.kind != literal_column(f"'{WITHDRAWN_HERE}'"),
).limit(literal_column("1"))
"""About the work on a case, that is: not about its accounts, and not about its end."""
_MOVE_ALL: Final = (
    update(updates)
    .where(updates.c.case_id == bindparam("row"), _UNOPENED, ~_TIED)
    .values(contact_id=bindparam("new_contact"))
)
_SAME: Final = (
    select(updates.c.id)
    .where(
        updates.c.case_id == bindparam("row"),
        updates.c.kind == bindparam("word"),
        updates.c.put_at >= bindparam("since", type_=INTEGER),
    )
    .limit(literal_column("1"))
)
_ANNOUNCED: Final = (
    select(updates.c.id)
    .where(
        updates.c.contact_id == bindparam("contact"),
        _UNOPENED,
        updates.c.put_at >= bindparam("since", type_=INTEGER),
    )
    .limit(literal_column("1"))
)


@cache
def _opened(postgres: bool) -> Update:
    return (
        update(updates)
        .where(among(updates.c.id, "ids", postgres=postgres), _UNOPENED)
        .values(opened_at=bindparam("now", type_=INTEGER))
    )
