"""Tasks: something for a person of the staff."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Integer, String, bindparam, exists, insert, select, update

from storage.tables import tasks
from storage.transaction import INTEGER, Transaction, as_date, day
from storage.values import Task

_OPEN = (
    select(tasks)
    .where(tasks.c.done_on.is_(None))
    .order_by(tasks.c.put_on, tasks.c.id)
    .limit(bindparam("most"))
)
_PUT = insert(tasks)
_REPEATED = exists().where(
    tasks.c.done_on.is_(None),
    tasks.c.reason == bindparam("reason", type_=String()),
    tasks.c.contact_id.is_not_distinct_from(bindparam("contact_id", type_=INTEGER)),
    tasks.c.case_id.is_not_distinct_from(bindparam("case_id", type_=INTEGER)),
)
_PUT_ONCE = insert(tasks).from_select(
    ["reason", "contact_id", "case_id", "put_on"],
    select(
        bindparam("reason", type_=String()),
        bindparam("contact_id", type_=INTEGER),
        bindparam("case_id", type_=INTEGER),
        bindparam("put_on", type_=Integer()),
    ).where(~_REPEATED),
)
_DONE = (
    update(tasks)
    .where(tasks.c.id == bindparam("row"), tasks.c.done_on.is_(None))
    .values(done_on=bindparam("today"))
)


class Tasks:
    """The staff's list. Reasons are short fixed words, never a family's."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(
        self, reason: str, contact_id: int | None, case_id: int | None, now: datetime
    ) -> None:
        """Put a task; ``now`` is aware, its UTC day is kept."""
        await self.put_on(reason, contact_id, case_id, now.astimezone(UTC).date())

    async def put_on(
        self, reason: str, contact_id: int | None, case_id: int | None, today: date
    ) -> None:
        """Put a task on this day; one that is open already for the same is not put again."""
        row = {
            "reason": reason,
            "contact_id": contact_id,
            "case_id": case_id,
            "put_on": day(today),
        }
        of_nobody = contact_id is None and case_id is None
        await self._tx.change(_PUT if of_nobody else _PUT_ONCE, row)

    async def open(self, limit: int = 100) -> list[Task]:
        """Return the oldest tasks nobody has done."""
        rows = await self._tx.rows(_OPEN, {"most": limit})
        return [
            Task(row.id, row.reason, row.contact_id, row.case_id, as_date(row.put_on))
            for row in rows
        ]

    async def done(self, task_id: int, today: date) -> bool:
        """Mark a task as done; return whether it was open."""
        return await self._tx.change(_DONE, {"row": task_id, "today": day(today)}) == 1
