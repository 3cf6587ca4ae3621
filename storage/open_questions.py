"""Which contacts have an open question whose answer may have been lost on the way, and since when.

Only contacts of a channel that tells its provider "received" before we have stored anything. A row
is a moment and the number of a contact; it goes when the family writes, or was asked again once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Delete, Select, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.tables import contacts, open_questions
from storage.transaction import Transaction, among, as_date, milliseconds, numbers

_DUE: Final[Select[Any]] = (
    select(
        open_questions.c.contact_id,
        contacts.c.zone,
        contacts.c.hours,
        contacts.c.pause_until_on,
    )
    .join_from(open_questions, contacts, contacts.c.id == open_questions.c.contact_id)
    .where(open_questions.c.due_at <= bindparam("now"))
    .order_by(open_questions.c.due_at, open_questions.c.contact_id)
    .limit(bindparam("most"))
)
_POSTPONE: Final = (
    update(open_questions)
    .where(open_questions.c.contact_id == bindparam("contact"))
    .values(due_at=bindparam("later"))
)


def _put(insert: Any) -> Any:
    statement = insert(open_questions)
    new = {"due_at": statement.excluded["due_at"]}
    return statement.on_conflict_do_update(index_elements=["contact_id"], set_=new)


_PUT: Final = {True: _put(postgresql.insert), False: _put(sqlite.insert)}


@cache
def _forget(postgres: bool) -> Delete:
    return delete(open_questions).where(
        among(open_questions.c.contact_id, "ids", postgres=postgres)
    )


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A contact whose question is open for long, and what is known of its day."""

    contact_id: int
    zone: str | None
    hours: str | None
    paused_until: date | None


class OpenQuestions:
    """Open questions, in one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def note(self, due: Sequence[tuple[int, datetime]]) -> None:
        """Note of these contacts when an answer will be overdue, in the place of what was noted."""
        rows = [{"contact_id": contact, "due_at": milliseconds(at)} for contact, at in due]
        await self._tx.change_many(_PUT[self._tx.postgres], rows)

    async def forget(self, ids: Sequence[int]) -> None:
        """These have no open question any more, or were asked again."""
        if ids:
            values = {"ids": numbers(sorted(ids), postgres=self._tx.postgres)}
            await self._tx.change(_forget(self._tx.postgres), values)

    async def postpone(self, waits: Sequence[tuple[int, datetime]]) -> None:
        """Look at these again at that moment."""
        rows = [{"contact": contact, "later": milliseconds(at)} for contact, at in waits]
        await self._tx.change_many(_POSTPONE, rows)

    async def due(self, now: datetime, most: int) -> list[Unanswered]:
        """Return those whose answer is overdue, oldest first, at most so many."""
        rows = await self._tx.rows(_DUE, {"now": milliseconds(now), "most": most})
        return [
            Unanswered(
                row.contact_id,
                row.zone,
                row.hours,
                None if row.pause_until_on is None else as_date(row.pause_until_on),
            )
            for row in rows
        ]
