"""Leaving: a report withdrawn, taken back within days, or erased for good.

    withdraw    the case is marked, and a row says until when the family may change its mind
    undo        the row goes, and the case stands as it stood
    erase       every row of the case goes in one transaction, which leaves a stub and a note that
                its key and its files are to be destroyed
    settle      they are destroyed: the note goes

A process that dies between the last two leaves the note, and whoever erases next finds it. That
only the note may be left, and never rows without it, is what one transaction is for.

Theory of the races. A family that changes its mind and the erasure both delete the row of the
withdrawal, and whoever does so first has decided: the other finds nothing and does nothing. Locks
are taken in the order of the house: contacts, the log of reports, the case, the audit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import vault
from storage.attachments import Attachments
from storage.audit import Audit
from storage.cases import Cases
from storage.contacts import Contacts
from storage.errors import NotFound
from storage.reports import Reports
from storage.segments import Segment
from storage.tables import (
    ABOUT_FOLLOW_UP,
    ABOUT_UPDATE,
    attachments,
    broadcast_people,
    cases,
    ended_cases,
    follow_ups,
    metadata,
    outbox,
    reports,
    segments,
    shreds,
    ties,
    updates,
    withdrawals,
)
from storage.transaction import Transaction, among, as_date, day, numbers
from storage.updates import WITHDRAWN_HERE
from storage.values import Case
from storage.wire import Row

WITHDRAWN: Final = "withdrawn"
"""The work state of a case whose family has withdrawn its report."""
_SMALLEST_BOX: Final = 64
_LABEL: Final = b"withdrawals/v1"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A case that is withdrawn: since when, and the first day on which it may be erased."""

    case_id: int
    asked_on: date
    erase_on: date
    former_state: str


class Leaving:
    """Withdrawals and erasures of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction, people: Contacts) -> None:
        self._tx = tx
        self._contacts = people

    # ── withdrawn ──

    async def withdraw(self, case: Case, erase_on: date, today: date) -> bool:
        """Mark a case; return whether it was not withdrawn yet.

        Its coarse facts leave the segments in the same moment.
        """
        row = {
            "case_id": case.id,
            "asked_on": day(today),
            "erase_on": day(erase_on),
            "former_state": case.work_state,
            "segment_box": await self._take_segment(case),
        }
        if case.work_state == WITHDRAWN or await self.find(case.id) is not None:
            return False
        await self._tx.change(_WITHDRAW[self._tx.postgres], row)
        await Cases(self._tx).mark(case.id, WITHDRAWN)
        return True

    async def find(self, case_id: int) -> Withdrawal | None:
        """Return what was said of a case's withdrawal; None where it was not, or not like this."""
        row = await self._tx.row(_FIND, {"row": case_id})
        return _value(row) if row is not None else None

    async def undo(self, case: Case) -> bool:
        """Let a case stand as it stood; return whether there was time yet."""
        row = await self._tx.row(_UNDO, {"row": case.id})
        if row is None:
            return False
        await Cases(self._tx).mark(case.id, row.former_state)
        for statement in _UNTELL:  # it is not so any more
            await self._tx.change(statement, {"row": case.id})
        if row.segment_box is not None:
            await self._put_segment(case, row.segment_box)
        return True

    async def keep_segment(self, case: Case, facts: Segment) -> None:
        """Keep the coarse facts of a withdrawn case that had none, for when it is undone."""
        box = self._boxed_segment(case, facts.area, facts.year, facts.language)
        await self._tx.change(_KEEP_SEGMENT, {"row": case.id, "new_box": box})

    async def hasten(self, case_id: int, erase_on: date) -> bool:
        """Let a withdrawn case be erased on an earlier day; return whether there was one."""
        return await self._tx.change(_HASTEN, {"row": case_id, "new_day": day(erase_on)}) == 1

    async def due(self, today: date, limit: int) -> list[int]:
        """Return the cases that may be erased on this day (where the service is)."""
        values = {"today": day(today), "most": limit}
        return [row.case_id for row in await self._tx.rows(_DUE, values)]

    async def returned(self, after: int, today: date) -> int:
        """Let cases be erased again that an older backup has brought back; one slice of all cases.

        Known by their key: it was destroyed, as against lost. Returns the last case looked at,
        ``after`` when there are no more.
        """
        last = after
        for row in await self._tx.rows(_ALL, {"after": after}):
            last = row.id
            if self._tx.keystore.was_erased(row.id):
                again = {
                    "case_id": row.id,
                    "asked_on": day(today),
                    "erase_on": day(today),
                    "former_state": row.work_state,
                    "segment_box": None,
                }
                await self._tx.change(_WITHDRAW[self._tx.postgres], again)
        return last

    async def count_due(self, today: date) -> int:
        """Return how many cases may be erased on this day, and how many are half erased."""
        row = await self._tx.row(_COUNT, {"today": day(today)})
        return int(row.due) + int(row.left) if row else 0

    # ── erased ──

    async def erase(self, case_id: int, today: date, now: datetime) -> bool:
        """Delete everything of a case whose day has come; return whether it was so.

        What remains is a stub without a name, the links of the log that say that entries were
        erased and meant to be, and what the audit has of an opaque handle. The caller destroys the
        key and the files after the commit, and settles it.
        """
        tied = await Cases(self._tx).contacts_of(case_id)
        held = [await self._contacts.get(contact_id) for contact_id in sorted(tied)]
        case = await self._hold(case_id)
        if case is None or sorted(tied) != sorted(await Cases(self._tx).contacts_of(case_id)):
            return False
        if not await self._tx.change(_TAKE, {"row": case_id, "today": day(today)}):
            return False
        await Reports(self._tx).erase_case(case_id)
        await Attachments(self._tx).doom_of_case(case_id)  # whoever sweeps removes the files
        for statement in _OF_CASE:
            await self._tx.change(statement, {"row": case_id})
        for contact in held:
            await self._part_from(contact.id)
        await self._leave_stub(case, today)
        await self._tx.change(_GONE, {"row": case_id})
        await Audit(self._tx).append("service", "case.erased", case.handle, now)
        return True

    async def unsettled(self, limit: int) -> list[int]:
        """Return the cases whose key and files are still to be destroyed."""
        return [row.case_id for row in await self._tx.rows(_SHREDS, {"most": limit})]

    async def settle(self, case_ids: Sequence[int]) -> None:
        """Their keys and files have been destroyed."""
        given = numbers(case_ids, postgres=self._tx.postgres)
        await self._tx.change(_SETTLE[self._tx.postgres], {"ids": given})

    async def ended(self) -> int:
        """Return how many cases were erased since there is such a count."""
        row = await self._tx.row(_ENDED)
        return int(row.number) if row else 0

    # ── within ──

    async def _hold(self, case_id: int) -> Case | None:
        try:
            known = await Cases(self._tx).get(case_id)
            return await Cases(self._tx).lock(known.handle)
        except NotFound:
            return None

    async def _part_from(self, contact_id: int) -> None:
        """Forget of a contact what was kept for this case, where it has no other one.

        A report it has begun since is left to it; its talk ends otherwise, which held the code.
        """
        if await self._tx.row(_OTHER_TIE, {"contact": contact_id}) is not None:
            return
        await self._tx.change(_UNLIST, {"contact": contact_id})
        await self._contacts.forget_day(contact_id)
        contact = await self._contacts.get(contact_id)
        if contact.session is not None and not contact.session.drafts.keys() - {"consent"}:
            await self._contacts.renew(contact)

    async def _leave_stub(self, case: Case, today: date) -> None:
        row = {
            "opened_on": day(case.opened_on.replace(day=1)),
            "ended_on": day(today),
            "urgent": case.urgent,
        }
        await self._tx.change(_STUB, row)
        await self._tx.change(_SHRED, {"case_id": case.id, "put_on": day(today)})

    async def _take_segment(self, case: Case) -> bytes | None:
        row = await self._tx.row(_SEGMENT, {"row": case.id})
        if row is None:
            return None
        await self._tx.change(_UNSEGMENT, {"row": case.id})
        return self._boxed_segment(case, row.area, row.year, row.language)

    def _boxed_segment(self, case: Case, area: str, year: int | None, language: str) -> bytes:
        return _boxed(self._tx, case, json.dumps([area, year, language]).encode("ascii"))

    async def _put_segment(self, case: Case, box: bytes) -> None:
        # Imported here: segments are put by the same transaction, and know nothing of leaving.
        from storage.segments import Segments

        packed = _unboxed(self._tx, case, box)
        if packed is None:
            return  # a broadcast may miss this family; nothing else hangs on it
        await Segments(self._tx).put(case.id, Segment(*json.loads(packed)))


async def enclose_withdrawal(tx: Transaction, case: Case) -> None:
    """Box what a withdrawn case has boxed anew, under the key it was just given."""
    row = await tx.row(_FIND, {"row": case.id})
    packed = _unboxed(tx, case, row.segment_box) if row and row.segment_box else None
    if packed is not None:
        await tx.change(_REBOX, {"row": case.id, "new_box": _boxed(tx, case, packed)})


def _boxed(tx: Transaction, case: Case, packed: bytes) -> bytes:
    key = tx.key_for_case(case.id, _LABEL)
    return vault.box(key, vault.pad(packed, _SMALLEST_BOX), _place(case))


def _unboxed(tx: Transaction, case: Case, box: bytes) -> bytes | None:
    for key in tx.keys_for_case(case.id, _LABEL):
        try:
            return vault.unpad(vault.unbox(key, box, _place(case)))
        except vault.CannotOpen:
            continue
    return None


def _place(case: Case) -> bytes:
    return vault.place("withdrawals", "segment_box", bytes.fromhex(case.handle))


def _value(row: Row) -> Withdrawal:
    return Withdrawal(row.case_id, as_date(row.asked_on), as_date(row.erase_on), row.former_state)


# ── statements ──

_WITHDRAW: Final = {
    True: postgresql.insert(withdrawals).on_conflict_do_nothing(),
    False: sqlite.insert(withdrawals).on_conflict_do_nothing(),
}
_ALL: Final[Select[Any]] = (
    select(cases.c.id, cases.c.work_state)
    .where(cases.c.id > bindparam("after"))
    .order_by(cases.c.id)
    .limit(500)
)
_FIND: Final[Select[Any]] = select(withdrawals).where(withdrawals.c.case_id == bindparam("row"))
_UNDO: Final = (
    delete(withdrawals)
    .where(withdrawals.c.case_id == bindparam("row"))
    .returning(withdrawals.c.former_state, withdrawals.c.segment_box)
)
_REBOX: Final = (
    update(withdrawals)
    .where(withdrawals.c.case_id == bindparam("row"))
    .values(segment_box=bindparam("new_box"))
)
_KEEP_SEGMENT: Final = (
    update(withdrawals)
    .where(withdrawals.c.case_id == bindparam("row"), withdrawals.c.segment_box.is_(None))
    .values(segment_box=bindparam("new_box"))
)
_HASTEN: Final = (
    update(withdrawals)
    .where(withdrawals.c.case_id == bindparam("row"), withdrawals.c.erase_on > bindparam("new_day"))
    .values(erase_on=bindparam("new_day"))
)
_IS_DUE: Final = withdrawals.c.erase_on <= bindparam("today")
_DUE: Final = (
    select(withdrawals.c.case_id)
    .where(_IS_DUE)
    .order_by(withdrawals.c.erase_on, withdrawals.c.case_id)
    .limit(bindparam("most"))
)
_COUNT: Final = select(
    select(func.count()).select_from(withdrawals).where(_IS_DUE).scalar_subquery().label("due"),
    select(func.count()).select_from(shreds).scalar_subquery().label("left"),
)
_TAKE: Final = delete(withdrawals).where(withdrawals.c.case_id == bindparam("row"), _IS_DUE)


def _about(number: int, table: Any) -> Any:
    rows = select(table.c.id).where(table.c.case_id == bindparam("row"))
    return delete(outbox).where(outbox.c.about == number, outbox.c.about_id.in_(rows))


_NOT_READ: Final = (
    updates.c.case_id == bindparam("row"),
    updates.c.kind == literal_column(f"'{WITHDRAWN_HERE}'"),
    updates.c.opened_at.is_(None),
)
_UNTELL: Final = (
    delete(outbox).where(
        outbox.c.about == ABOUT_UPDATE,
        outbox.c.about_id.in_(select(updates.c.id).where(*_NOT_READ)),
    ),
    delete(updates).where(*_NOT_READ),
)
_OF_CASE: Final = (
    _about(ABOUT_FOLLOW_UP, follow_ups),
    _about(ABOUT_UPDATE, updates),
    # Whatever else names the case, those that lean on others first.
    *(
        delete(table).where(table.c.case_id == bindparam("row"))
        for table in reversed(metadata.sorted_tables)
        if "case_id" in table.c and table not in (attachments, reports, shreds, withdrawals)
    ),
)
_OTHER_TIE: Final = select(ties.c.case_id).where(ties.c.contact_id == bindparam("contact")).limit(1)
_UNLIST: Final = (
    update(broadcast_people)
    .where(broadcast_people.c.contact_id == bindparam("contact"))
    .values(contact_id=-broadcast_people.c.id)
)
_STUB: Final = insert(ended_cases)
_SHRED: Final = insert(shreds)
_SHREDS: Final = select(shreds.c.case_id).order_by(shreds.c.case_id).limit(bindparam("most"))
_SETTLE: Final = {
    postgres: delete(shreds).where(among(shreds.c.case_id, "ids", postgres=postgres))
    for postgres in (True, False)
}
_GONE: Final = delete(cases).where(cases.c.id == bindparam("row"))
_ENDED: Final = select(func.count().label("number")).select_from(ended_cases)
_SEGMENT: Final[Select[Any]] = select(segments).where(segments.c.case_id == bindparam("row"))
_UNSEGMENT: Final = delete(segments).where(segments.c.case_id == bindparam("row"))
