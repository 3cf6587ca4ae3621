"""Tasks: something for a person of the staff."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from storage.errors import NotFound
from storage.tables import cases, tasks, ties
from storage.transaction import BYTES, INTEGER, Transaction, as_date, day
from storage.values import Task
from storage.wire import Row

_OPEN = (
    select(tasks)
    .where(tasks.c.done_on.is_(None))
    .order_by(tasks.c.put_on, tasks.c.id)
    .limit(bindparam("most"))
)


def concerning(case_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return "this task concerns that case": it is put for it, or for a contact tied to it.

    Who asks for a person in the menu is a contact, and need not say about which report.
    """
    of_contact = select(ties.c.contact_id).where(ties.c.case_id == case_id)
    asked = and_(tasks.c.case_id.is_(None), tasks.c.contact_id.in_(of_contact))
    return or_(tasks.c.case_id == case_id, asked)


_OF_CASE = (
    select(tasks)
    .where(tasks.c.done_on.is_(None), concerning(bindparam("case", type_=INTEGER)))
    .order_by(tasks.c.put_on, tasks.c.id)
)
_OWN = cases.c.assigned_to == bindparam("owner", type_=BYTES)
_OWN_CASES = select(cases.c.id).where(_OWN)
_OWN_CONTACTS = select(ties.c.contact_id).join(cases, cases.c.id == ties.c.case_id).where(_OWN)
_OF_STAFF = (
    select(tasks)
    .where(
        tasks.c.done_on.is_(None),
        or_(
            tasks.c.case_id.in_(_OWN_CASES),
            and_(tasks.c.case_id.is_(None), tasks.c.contact_id.in_(_OWN_CONTACTS)),
        ),
    )
    .order_by(tasks.c.put_on, tasks.c.id)
    .limit(bindparam("most"))
)
_BY_ID = select(tasks).where(tasks.c.id == bindparam("row"))
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
        return [_task(row) for row in await self._tx.rows(_OPEN, {"most": limit})]

    async def of_case(self, case_id: int) -> list[Task]:
        """Return a case's open tasks, oldest first; those of its contacts among them."""
        return [_task(row) for row in await self._tx.rows(_OF_CASE, {"case": case_id})]

    async def of_staff(self, handle: str, limit: int = 100) -> list[Task]:
        """Return the oldest open tasks of the cases that are assigned to somebody."""
        values = {"owner": bytes.fromhex(handle), "most": limit}
        return [_task(row) for row in await self._tx.rows(_OF_STAFF, values)]

    async def get(self, task_id: int) -> Task:
        """Return one task, done or not. Raises `NotFound`."""
        row = await self._tx.row(_BY_ID, {"row": task_id})
        if row is None:
            raise NotFound
        return _task(row)

    async def done(self, task_id: int, today: date) -> bool:
        """Mark a task as done; return whether it was open."""
        return await self._tx.change(_DONE, {"row": task_id, "today": day(today)}) == 1


def _task(row: Row) -> Task:
    return Task(row.id, row.reason, row.contact_id, row.case_id, as_date(row.put_on))
