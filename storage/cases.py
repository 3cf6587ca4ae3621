"""Cases: what the service may know of them, and which contact may be written to about which.

A case is found by its receipt code. The code itself stands in the row only boxed; beside it is a
keyed mark. A contact is tied to a case only when the family chose to be reachable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    String,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from flows import receipt
from flows.session import Report
from storage import case_keys, vault
from storage.errors import NotFound
from storage.reports import ADDITION, REPORT, Reports
from storage.tables import UNFINISHED, cases, contacts, tasks, ties
from storage.tasks import concerning
from storage.transaction import (
    BYTES,
    REPORT_LOG_LOCK,
    Transaction,
    as_date,
    day,
    locked,
    tags,
    tags_given,
)
from storage.values import Case, Contact, Listed, Opening, Reachable, Spot, Wanted
from storage.wire import Row

RECEIVED: Final = "received"
"""The work state of a new case."""

_OPEN = insert(cases)
_OPENED = {
    postgres: select(cases.c.id, cases.c.handle).where(
        cases.c.handle.in_(tags_given(postgres=postgres))
    )
    for postgres in (True, False)
}
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
_REACHED = (
    select(
        contacts.c.id,
        contacts.c.channel,
        contacts.c.state,
        contacts.c.zone,
        contacts.c.hours,
        contacts.c.pause_until_on,
    )
    .join(ties, ties.c.contact_id == contacts.c.id)
    .where(ties.c.case_id == bindparam("row"))
    .order_by(contacts.c.id)
)
_BY_HANDLE: Select[Any] = select(cases).where(cases.c.handle == bindparam("handle"))
_TOUCH = update(cases).where(cases.c.id == bindparam("row")).values(moved_on=bindparam("today"))
_MOVE = (
    update(cases)
    .where(cases.c.id == bindparam("row"), cases.c.work_state == bindparam("former"))
    .values(work_state=bindparam("new_state"), moved_on=bindparam("today"))
)
_ASSIGN = (
    update(cases)
    .where(
        cases.c.id == bindparam("row"),
        cases.c.assigned_to.is_not_distinct_from(bindparam("former", type_=BYTES)),
    )
    .values(assigned_to=bindparam("new_owner"), moved_on=bindparam("today"))
)
_ASSOCIATE = (
    update(cases).where(cases.c.id == bindparam("row")).values(association=bindparam("new_name"))
)
_EARLIEST, _LATEST = -(2**31), 2**31 - 1


@cache
def _held(postgres: bool) -> Select[Any]:
    return locked(_BY_HANDLE, postgres=postgres)


# Open tasks are few and cases many: so the tasks are walked, and not each case asked.
_WITH_TASKS = union(
    select(tasks.c.case_id).where(tasks.c.done_on.is_(None), tasks.c.case_id.is_not(None)),
    select(ties.c.case_id)
    .join(tasks, tasks.c.contact_id == ties.c.contact_id)
    .where(tasks.c.done_on.is_(None), tasks.c.case_id.is_(None)),
)


@cache
def _worklist(states: int, whose: str, has_tasks: bool) -> Select[Any]:
    """Return the query for one half of the worklist: all of it that is urgent, or that is not."""
    about_it = (concerning(cases.c.id), tasks.c.done_on.is_(None))
    number = select(func.count()).select_from(tasks).where(*about_it).scalar_subquery()
    query = (
        select(cases, number.label("tasks"))
        .where(
            cases.c.urgent == bindparam("urgent", type_=Boolean()),
            tuple_(cases.c.moved_on, cases.c.id)
            > tuple_(bindparam("after_on"), bindparam("after_id")),
            cases.c.opened_on.between(bindparam("opened_from"), bindparam("opened_until")),
            _among_states(states),
            *_whose(whose),
        )
        .order_by(cases.c.moved_on, cases.c.id)
        .limit(bindparam("most"))
    )
    return query.where(cases.c.id.in_(_WITH_TASKS)) if has_tasks else query


def _among_states(number: int) -> ColumnElement[bool]:
    if not number:
        return text(UNFINISHED)  # type: ignore[return-value]
    return cases.c.work_state.in_([bindparam(f"state_{n}", type_=String()) for n in range(number)])


def _whose(whose: str) -> Sequence[ColumnElement[bool]]:
    own = cases.c.assigned_to == bindparam("owner", type_=BYTES)
    nobodys = cases.c.assigned_to.is_(None)
    choices: dict[str, list[ColumnElement[bool]]] = {
        "own": [own],
        "nobody": [nobodys],
        "own_or_nobody": [or_(own, nobodys)],
        "": [],
    }
    return choices[whose]


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
        (opened,) = await self.open_many([Opening(contact, report, code)], now)
        return opened

    async def open_many(self, openings: Sequence[Opening], now: datetime) -> list[Case]:
        """Do what `open_with` does for several reports, in as few statements as for one."""
        today = now.astimezone(UTC).date()
        opened = await self._open(openings, today)
        entries = [
            (case.id, REPORT, _content(case, it.report, it.contact))
            for case, it in zip(opened, openings, strict=True)
        ]
        await Reports(self._tx).seal_many(entries, today)
        reachable = [
            {"contact_id": it.contact.id, "case_id": case.id, "tied_on": day(today)}
            for case, it in zip(opened, openings, strict=True)
            if it.report.reach == "reachable"
        ]
        await self._tx.change_many(_TIE[self._tx.postgres], reachable)
        return opened

    async def add_to(
        self, code: str, report: Report, now: datetime, *, by_code: bool = False
    ) -> Case | None:
        """Seal an addition to the case with this code; None when there is no such case.

        ``by_code``: it comes from an account that is not tied to the case, and says so.
        """
        found = await self.find_by_code(code)
        if found is not None:
            today = now.astimezone(UTC).date()
            content = _content(found, report, None) | ({"by_code": True} if by_code else {})
            await Reports(self._tx).seal(found.id, ADDITION, content, today)
            await self._touch(found.id, today)
        return found

    async def seal_entry(
        self, case_id: int, kind: int, content: Mapping[str, Any], now: datetime
    ) -> str:
        """Seal what staff write, or answers to a follow-up, into a case; return the entry's handle.

        ``content`` are JSON values; form, case, code and time are put beside them. Raises
        `NotFound`, `CannotKeep`.
        """
        case = await self.get(case_id)
        today = now.astimezone(UTC).date()
        named = {"v": 1, "case": case.handle, "code": case.code, "at": now.isoformat()}
        handle = await Reports(self._tx).seal(case_id, kind, {**content, **named}, today)
        await self._touch(case_id, today)
        return handle

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

    async def find_by_handle(self, handle: str) -> Case | None:
        """Return the case with this handle, or None; None too for what cannot be one."""
        row = await self._tx.row(_BY_HANDLE, {"handle": _as_handle(handle)})
        return self._case(row) if row is not None else None

    async def get_by_handle(self, handle: str) -> Case:
        """Return the case with this handle. Raises `NotFound`."""
        found = await self.find_by_handle(handle)
        if found is None:
            raise NotFound
        return found

    async def lock(self, handle: str) -> Case:
        """Return the case with this handle, held until the end. Raises `NotFound`.

        Whoever adds an entry that depends on the entries before it holds the case first. The
        order of locks is the same wherever something is sealed: contacts, the log of reports,
        cases, the audit log. So nobody waits in a circle.
        """
        await self._tx.lock(REPORT_LOG_LOCK)
        row = await self._tx.row(_held(self._tx.postgres), {"handle": _as_handle(handle)})
        if row is None:
            raise NotFound
        return self._case(row)

    async def worklist(self, wanted: Wanted, after: Spot | None, limit: int) -> list[Listed]:
        """Return up to ``limit`` cases behind ``after``: urgent first, then the longest unmoved."""
        found: list[Listed] = []
        for urgent in (True, False):
            if wanted.urgent is (not urgent) or (urgent and after and not after.urgent):
                continue
            behind = after if after and after.urgent == urgent else Spot(urgent, _EARLIEST, 0)
            if len(found) < limit:
                found += await self._half(wanted, behind, limit - len(found))
        return found

    async def of_contact(self, contact_id: int) -> list[Case]:
        """Return the cases a contact is tied to, oldest first."""
        return [
            self._case(row) for row in await self._tx.rows(_OF_CONTACT, {"contact": contact_id})
        ]

    async def contacts_of(self, case_id: int) -> list[int]:
        """Return the contacts tied to a case."""
        return [row.contact_id for row in await self._tx.rows(_CONTACTS_OF, {"row": case_id})]

    async def reached(self, case_id: int) -> list[Reachable]:
        """Return the contacts tied to a case as far as staff may know them."""
        return [
            Reachable(
                row.id,
                row.channel,
                row.state,
                row.zone,
                row.hours,
                None if row.pause_until_on is None else as_date(row.pause_until_on),
            )
            for row in await self._tx.rows(_REACHED, {"row": case_id})
        ]

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

    async def move(self, case_id: int, former: str, to: str, today: date) -> bool:
        """Move the work state, if it still is ``former``; return whether it was."""
        values = {"row": case_id, "former": former, "new_state": to, "today": day(today)}
        return await self._tx.change(_MOVE, values) == 1

    async def assign(self, case_id: int, to: str | None, former: str | None, today: date) -> bool:
        """Give a case to somebody (a handle) or nobody, if ``former`` still has it.

        Returns whether it was so: of two who take a case at once, one is told that it came late.
        """
        values = {
            "row": case_id,
            "new_owner": bytes.fromhex(to) if to else None,
            "former": bytes.fromhex(former) if former else None,
            "today": day(today),
        }
        return await self._tx.change(_ASSIGN, values) == 1

    async def associate(self, case_id: int, association: str) -> None:
        """Say which association looks after a case; empty for none. Raises `NotFound`."""
        if await self._tx.change(_ASSOCIATE, {"row": case_id, "new_name": association}) != 1:
            raise NotFound

    async def promise_word(self, case_id: int, on: date | None) -> None:
        """Set the day of the next word to the family. Raises `NotFound`."""
        values = {"row": case_id, "new_day": day(on) if on else None}
        if await self._tx.change(_NEXT_WORD, values) != 1:
            raise NotFound

    # ── within ──

    async def _open(self, openings: Sequence[Opening], today: date) -> list[Case]:
        keys = [case_keys.make(self._tx) for _it in openings]
        rows = [
            self._new(_canonical(it.code), it, today) | {"handle": key.handle, "key_seal": key.seal}
            for it, key in zip(openings, keys, strict=True)
        ]
        for row in rows:
            row["code_box"] = self._code_box(row.pop("code"), row["handle"])
        await self._tx.change_many(_OPEN, rows)
        handles = tags([row["handle"] for row in rows], postgres=self._tx.postgres)
        found = await self._tx.rows(_OPENED[self._tx.postgres], handles)
        ids = {row.handle: row.id for row in found}
        await case_keys.keep(self._tx, {ids[key.handle]: key for key in keys})
        return [
            Case(
                ids[row["handle"]],
                row["handle"].hex(),
                _canonical(it.code),
                RECEIVED,
                it.report.urgent,
                today,
                it.next_word_on,
                moved_on=today,
            )
            for row, it in zip(rows, openings, strict=True)
        ]

    def _new(self, code: str, opening: Opening, today: date) -> dict[str, Any]:
        return {
            "code": code,
            "code_tag": self._code_tag(code),
            "work_state": RECEIVED,
            "urgent": opening.report.urgent,
            "opened_on": day(today),
            "moved_on": day(today),
            "next_word_on": day(opening.next_word_on) if opening.next_word_on else None,
        }

    def _code_box(self, code: str, handle: bytes) -> bytes:
        return vault.box(self._code_key(), code.encode("ascii"), _code_place(handle))

    async def _touch(self, case_id: int, today: date) -> None:
        await self._tx.change(_TOUCH, {"row": case_id, "today": day(today)})

    async def _half(self, wanted: Wanted, behind: Spot, limit: int) -> list[Listed]:
        whose = "own" if wanted.assigned_to else ""
        if wanted.unassigned:
            whose = "own_or_nobody" if whose else "nobody"
        values: dict[str, Any] = {
            "urgent": behind.urgent,
            "after_on": behind.moved_on,
            "after_id": behind.id,
            "opened_from": day(wanted.opened_from) if wanted.opened_from else _EARLIEST,
            "opened_until": day(wanted.opened_until) if wanted.opened_until else _LATEST,
            "most": limit,
            **{f"state_{n}": state for n, state in enumerate(wanted.work_states)},
        }
        if wanted.assigned_to:
            values["owner"] = bytes.fromhex(wanted.assigned_to)
        query = _worklist(len(wanted.work_states), whose, wanted.has_tasks)
        return [
            Listed(self._case(row), row.tasks, Spot(behind.urgent, row.moved_on, row.id))
            for row in await self._tx.rows(query, values)
        ]

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
            row.assigned_to.hex() if row.assigned_to is not None else None,
            row.association,
            as_date(row.moved_on) if row.moved_on else None,
        )

    def _code_tag(self, code: str) -> bytes:
        return vault.tag(self._tx.tag_key(), "code", code)

    def _code_key(self) -> bytes:
        return self._tx.contact_key(b"codes/v1")


def _as_handle(handle: str) -> bytes:
    """Return a handle as its row has it; empty, which no row has, for what is none."""
    try:
        return bytes.fromhex(handle)
    except ValueError:
        return b""


def _content(case: Case, report: Report, contact: Contact | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "v": 1,
        "case": case.handle,
        "code": case.code,
        "report": report.to_data(),
    }
    if contact is not None and report.reach == "reachable":
        reach = contact.reach
        content["reach"] = [reach.channel, reach.account, reach.person]
    return content


def _canonical(code: str) -> str:
    canonical = receipt.parse(code)
    if canonical is None:
        raise ValueError("not a receipt code")
    return canonical


def _code_place(handle: bytes) -> bytes:
    return vault.place("cases", "code_box", handle)
