"""Copies: what a family told, given back to it because it asked.

    asked       a task waits for whoever looks after the case
    prepared    somebody has read what would be given, and stands for it
    offered     a second person has approved: the text lies here, boxed, and waits to be opened
    opened      the family has read it; the text is gone
    handed      approved, and given by a person: it was asked for on the telephone
    refused     it is not given; a person talks with the family
    expired     nobody opened it in time; the text is gone

The service cannot read a report, so the text is made in the console of the second person, from what
the first one has looked at (`entries` says that nothing came or went in between). From then until
it is opened it is the one thing sealed once that the service can read. Therefore it is boxed under
the key of its day, which is destroyed after thirty days at the latest, in every copy; and it is
wiped as soon as it was shown.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from flows.text import Language
from storage import vault
from storage.errors import NotFound
from storage.keyring import KeysUnusable
from storage.tables import cases, copies, staff, ties
from storage.transaction import BYTES, Transaction, as_date, day
from storage.wire import Row

CopyState = Literal["asked", "prepared", "offered", "opened", "handed", "refused", "expired"]
_LABEL: Final = b"copies/v1"
_DAY: Final = struct.Struct(">I")
_SMALLEST_BOX: Final = 4096


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy somebody asked for. ``handle`` is 32 hexadecimal digits.

    ``contact_id`` is who asked, None for a family that came with its code. ``prepared_by`` and
    ``approved_by`` are handles of staff.
    """

    id: int
    handle: str
    case_id: int
    contact_id: int | None
    state: CopyState
    language: Language
    entries: bytes | None
    prepared_by: str
    approved_by: str
    asked_on: date
    offered_on: date | None
    ended_on: date | None


def mark_of(entries: Sequence[str]) -> bytes:
    """Return what says whether a case still holds the same entries (handles, in their order)."""
    return hashlib.sha256("|".join(entries).encode("ascii")).digest()


class Copies:
    """Copies of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def ask(
        self, case_id: int, contact_id: int | None, language: Language, today: date
    ) -> bool:
        """Ask for a copy; return whether none was under way yet."""
        if await self._tx.row(_UNDER_WAY, {"row": case_id}) is not None:
            return False
        row = {
            "handle": secrets.token_bytes(16),
            "case_id": case_id,
            "contact_id": contact_id,
            "state": "asked",
            "language": language,
            "asked_on": day(today),
        }
        await self._tx.change(_ASK, row)
        return True

    async def find(self, handle: str) -> Copy | None:
        """Return the copy with this handle, or None."""
        try:
            key = bytes.fromhex(handle)
        except ValueError:
            return None
        row = await self._tx.row(_BY_HANDLE, {"key": key})
        return _value(row) if row is not None else None

    async def of_case(self, case_id: int) -> list[Copy]:
        """Return all of a case, newest first."""
        return [_value(row) for row in await self._tx.rows(_OF_CASE, {"row": case_id})]

    async def prepare(self, copy: Copy, entries: Sequence[str], by: str) -> bool:
        """Stand for what these entries come to; return whether it still waited for that."""
        values = {"row": copy.id, "mark": mark_of(entries), "who": await self._number(by)}
        return await self._tx.change(_PREPARE, values) == 1

    async def offer(self, copy: Copy, text: str, by: str, today: date) -> bool:
        """Keep the approved text until the family opens it; return whether it was prepared."""
        values = {
            "row": copy.id,
            "who": await self._number(by),
            "box": self._close(copy.handle, text, day(today)),
            "today": day(today),
        }
        return await self._tx.change(_OFFER, values) == 1

    async def end(self, copy: Copy, state: CopyState, today: date) -> bool:
        """End a copy, its text with it; return whether it had not ended."""
        values = {"row": copy.id, "new_state": state, "today": day(today)}
        return await self._tx.change(_END, values) == 1

    async def waiting_for(self, contact_id: int, case_id: int | None = None) -> list[Copy]:
        """Return what is offered to a contact, or at a case to whoever has its code."""
        query, values = _FOR, {"contact": contact_id}
        if case_id is not None:
            query, values = _AT, {"row": case_id}
        return [_value(row) for row in await self._tx.rows(query, values)]

    async def text_of(self, copy: Copy) -> str | None:
        """Return the text of an offered copy; None when it is gone."""
        row = await self._tx.row(_BODY, {"row": copy.id})
        if row is None or row.body_box is None:
            return None
        try:
            key = self._tx.day_key(_DAY.unpack_from(row.body_box)[0], _LABEL)
            box = bytes(row.body_box[_DAY.size :])
            return vault.unpad(vault.unbox(key, box, _place(copy.handle))).decode("utf-8")
        except (KeysUnusable, vault.CannotOpen, struct.error, UnicodeDecodeError):
            return None

    async def expire(self, before: date, today: date, limit: int) -> int:
        """End what was offered before this day and nobody opened; return how many it was."""
        values = {"before": day(before), "today": day(today), "most": limit}
        return await self._tx.change(_EXPIRE, values)

    async def count_due(self, before: date) -> int:
        """Return how many `expire` would end."""
        row = await self._tx.row(_COUNT, {"before": day(before)})
        return int(row.number) if row else 0

    async def forget(self, before: date, limit: int) -> int:
        """Delete what ended before this day."""
        return await self._tx.change(_FORGET, {"before": day(before), "most": limit})

    # ── within ──

    async def _number(self, by: str) -> int:
        row = await self._tx.row(_STAFF, {"key": bytes.fromhex(by)})
        if row is None:
            raise NotFound
        return int(row.id)

    def _close(self, handle: str, text: str, today: int) -> bytes:
        self._tx.key_of(today)
        padded = vault.pad(text.encode("utf-8", "replace"), _SMALLEST_BOX)
        return _DAY.pack(today) + vault.box(self._tx.day_key(today, _LABEL), padded, _place(handle))


def _place(handle: str) -> bytes:
    return vault.place("copies", "body_box", bytes.fromhex(handle))


def _value(row: Row) -> Copy:
    return Copy(
        row.id,
        row.handle.hex(),
        row.case_id,
        row.contact_id,
        row.state,
        row.language,
        row.entries,
        row.preparer.hex() if row.preparer else "",
        row.approver.hex() if row.approver else "",
        as_date(row.asked_on),
        None if row.offered_on is None else as_date(row.offered_on),
        None if row.ended_on is None else as_date(row.ended_on),
    )


# ── statements ──


def _who(column: Any, label: str) -> Any:
    return select(staff.c.handle).where(staff.c.id == column).scalar_subquery().label(label)


_WHOLE: Final[Select[Any]] = select(
    *(column for column in copies.c if column.name != "body_box"),
    _who(copies.c.prepared_by, "preparer"),
    _who(copies.c.approved_by, "approver"),
)
_ASK: Final = insert(copies)
_STAFF: Final = select(staff.c.id).where(staff.c.handle == bindparam("key", type_=BYTES))
_BY_HANDLE: Final = _WHOLE.where(copies.c.handle == bindparam("key", type_=BYTES))
_OF_CASE: Final = _WHOLE.where(copies.c.case_id == bindparam("row")).order_by(copies.c.id.desc())
_UNENDED: Final = copies.c.ended_on.is_(None)
_UNDER_WAY: Final = (
    select(copies.c.id).where(copies.c.case_id == bindparam("row"), _UNENDED).limit(1)
)
_OFFERED: Final = copies.c.state == "offered"
_LIVES: Final = copies.c.case_id.in_(select(cases.c.id).where(cases.c.work_state != "withdrawn"))
_OWN: Final = select(ties.c.case_id).where(ties.c.contact_id == bindparam("contact"))
_FOR: Final = _WHOLE.where(
    _OFFERED, _LIVES, copies.c.contact_id == bindparam("contact"), copies.c.case_id.in_(_OWN)
).order_by(copies.c.id)
_AT: Final = _WHOLE.where(
    _OFFERED, _LIVES, copies.c.case_id == bindparam("row"), copies.c.contact_id.is_(None)
).order_by(copies.c.id)
_BODY: Final = select(copies.c.body_box).where(copies.c.id == bindparam("row"), _OFFERED)
_ONE: Final = copies.c.id == bindparam("row")
_PREPARE: Final = (
    update(copies)
    .where(_ONE, copies.c.ended_on.is_(None), copies.c.state != "offered")
    .values(state="prepared", entries=bindparam("mark", type_=BYTES), prepared_by=bindparam("who"))
)
_OFFER: Final = (
    update(copies)
    .where(_ONE, copies.c.state == "prepared")
    .values(
        state="offered",
        approved_by=bindparam("who"),
        body_box=bindparam("box", type_=BYTES),
        offered_on=bindparam("today"),
    )
)
_END: Final = (
    update(copies)
    .where(_ONE, _UNENDED)
    .values(state=bindparam("new_state"), body_box=None, ended_on=bindparam("today"))
)
_OLD: Final = _OFFERED & (copies.c.offered_on < bindparam("before"))
_EXPIRE: Final = (
    update(copies)
    .where(copies.c.id.in_(select(copies.c.id).where(_OLD).limit(bindparam("most"))))
    .values(state="expired", body_box=None, ended_on=bindparam("today"))
)
_COUNT: Final = select(func.count().label("number")).select_from(copies).where(_OLD)
_FORGOTTEN: Final = (
    select(copies.c.id).where(copies.c.ended_on < bindparam("before")).limit(bindparam("most"))
)
_FORGET: Final = delete(copies).where(copies.c.id.in_(_FORGOTTEN))
