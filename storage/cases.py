"""Cases: what the service may know of them, and which contact may be written to about which.

A case is found by its receipt code. The code itself stands in the row only boxed; beside it is a
keyed mark. A contact is tied to a case only when the family chose to be reachable.
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flows import receipt
from flows.session import Report
from storage import vault
from storage.errors import NotFound
from storage.reports import ADDITION, REPORT, Reports
from storage.tables import cases, ties
from storage.transaction import Transaction, as_date, day
from storage.values import Case, Contact
from storage.wire import Row

RECEIVED: Final = "received"
"""The work state of a new case."""

_OPEN = insert(cases).returning(cases.c.id)
_TIE = {
    True: postgresql.insert(ties).on_conflict_do_nothing(),
    False: sqlite.insert(ties).on_conflict_do_nothing(),
}
_UNTIE = delete(ties).where(ties.c.contact_id == bindparam("contact"))
_MARK = (
    update(cases).where(cases.c.id == bindparam("row")).values(work_state=bindparam("new_state"))
)
_NEXT_WORD = (
    update(cases).where(cases.c.id == bindparam("row")).values(next_word_on=bindparam("new_day"))
)
_BY_CODE: Select[Any] = select(cases).where(cases.c.code_tag == bindparam("tag"))
_BY_ID: Select[Any] = select(cases).where(cases.c.id == bindparam("row"))
_OF_CONTACT: Select[Any] = (
    select(cases)
    .join(ties, ties.c.case_id == cases.c.id)
    .where(ties.c.contact_id == bindparam("contact"))
    .order_by(cases.c.id)
)
_CONTACTS_OF = select(ties.c.contact_id).where(ties.c.case_id == bindparam("row"))


class Cases:
    """Cases of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def open_with(self, contact: Contact, report: Report, code: str, now: datetime) -> Case:
        """Seal a report as a new case under a new receipt code.

        The contact is tied to it, and named inside the envelope, when the report says
        ``reachable``. The caller renews the contact, which destroys the draft's key. Raises
        `CannotKeep`, and `ValueError` for something that is no receipt code.
        """
        today = now.astimezone(UTC).date()
        opened = await self._open(_canonical(code), report.urgent, today)
        await self._seal(opened, REPORT, report, contact, today)
        if report.reach == "reachable":
            await self.tie(contact.id, opened.id, today)
        return opened

    async def add_to(self, code: str, report: Report, now: datetime) -> Case | None:
        """Seal an addition to the case with this code; None when there is no such case."""
        found = await self.find_by_code(code)
        if found is not None:
            await self._seal(found, ADDITION, report, None, now.astimezone(UTC).date())
        return found

    async def find_by_code(self, code: str) -> Case | None:
        """Return the case with this receipt code (any way of writing it), or None."""
        canonical = receipt.parse(code)
        if canonical is None:
            return None
        row = await self._tx.row(_BY_CODE, {"tag": self._code_tag(canonical)})
        return self._case(row) if row is not None else None

    async def get(self, case_id: int) -> Case:
        """Return one case. Raises `NotFound`."""
        row = await self._tx.row(_BY_ID, {"row": case_id})
        if row is None:
            raise NotFound
        return self._case(row)

    async def of_contact(self, contact_id: int) -> list[Case]:
        """Return the cases a contact is tied to, oldest first."""
        return [
            self._case(row) for row in await self._tx.rows(_OF_CONTACT, {"contact": contact_id})
        ]

    async def contacts_of(self, case_id: int) -> list[int]:
        """Return the contacts tied to a case."""
        return [row.contact_id for row in await self._tx.rows(_CONTACTS_OF, {"row": case_id})]

    async def tie(self, contact_id: int, case_id: int, today: date) -> None:
        """Let a contact be written to about a case."""
        row = {"contact_id": contact_id, "case_id": case_id, "tied_on": day(today)}
        await self._tx.change(_TIE[self._tx.postgres], row)

    async def untie(self, contact_id: int) -> int:
        """End all ties of a contact; return how many there were."""
        return await self._tx.change(_UNTIE, {"contact": contact_id})

    async def mark(self, case_id: int, work_state: str) -> None:
        """Set a case's work state (a fixed word). Raises `NotFound`."""
        if await self._tx.change(_MARK, {"row": case_id, "new_state": work_state}) != 1:
            raise NotFound

    async def promise_word(self, case_id: int, on: date | None) -> None:
        """Set the day of the next word to the family. Raises `NotFound`."""
        values = {"row": case_id, "new_day": day(on) if on else None}
        if await self._tx.change(_NEXT_WORD, values) != 1:
            raise NotFound

    # ── within ──

    async def _open(self, code: str, urgent: bool, today: date) -> Case:
        handle = secrets.token_bytes(16)
        row = {
            "handle": handle,
            "code_tag": self._code_tag(code),
            "code_box": vault.box(self._code_key(), code.encode("ascii"), _code_place(handle)),
            "work_state": RECEIVED,
            "urgent": urgent,
            "opened_on": day(today),
        }
        (added,) = await self._tx.rows(_OPEN, row)
        return Case(added.id, handle.hex(), code, RECEIVED, urgent, today, None)

    async def _seal(
        self, case: Case, kind: int, report: Report, contact: Contact | None, today: date
    ) -> None:
        content: dict[str, Any] = {
            "v": 1,
            "case": case.handle,
            "code": case.code,
            "report": report.to_data(),
        }
        if contact is not None and report.reach == "reachable":
            reach = contact.reach
            content["reach"] = [reach.channel, reach.account, reach.person]
        await Reports(self._tx).seal(case.id, kind, content, today)

    def _case(self, row: Row) -> Case:
        code = vault.unbox(self._code_key(), row.code_box, _code_place(row.handle))
        next_word_on = None if row.next_word_on is None else as_date(row.next_word_on)
        return Case(
            row.id,
            row.handle.hex(),
            code.decode("ascii"),
            row.work_state,
            bool(row.urgent),
            as_date(row.opened_on),
            next_word_on,
        )

    def _code_tag(self, code: str) -> bytes:
        return vault.tag(self._tx.tag_key(), "code", code)

    def _code_key(self) -> bytes:
        return self._tx.contact_key(b"codes/v1")


def _canonical(code: str) -> str:
    canonical = receipt.parse(code)
    if canonical is None:
        raise ValueError("not a receipt code")
    return canonical


def _code_place(handle: bytes) -> bytes:
    return vault.place("cases", "code_box", handle)
