"""Numbers that staff show, by which a family finds out whether it is us who calls.

A number is kept as a keyed mark only and works once, for ten minutes. A used one and one that came
too late are still known for a day, so that the family can be told which of it was so. Who typed it
is not kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import Select, bindparam, insert, select, update

from storage import vault
from storage.errors import NotFound
from storage.tables import shown_numbers, staff
from storage.transaction import BYTES, INTEGER, Transaction, as_moment, milliseconds
from storage.wire import Row

WORKS_FOR: Final = timedelta(minutes=10)
KEPT: Final = timedelta(days=1)
DIGITS: Final = 6
_TRIES: Final = 20

Verdict = Literal["confirmed", "used", "expired", "unknown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A number that was shown, without the number. ``by`` is the handle of who showed it."""

    handle: str
    by: str
    case_id: int | None
    named: bool
    shown_at: datetime
    confirmed_at: datetime | None
    known: bool | None

    def has_expired(self, now: datetime) -> bool:
        """Return whether it works no more, for all that nobody has used it."""
        return now >= self.shown_at + WORKS_FOR


class ShownNumbers:
    """Numbers of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def show(self, by: str, case_id: int | None, named: bool, now: datetime) -> str:
        """Keep a new number that no other one is; return it: six digits. Raises `NotFound`."""
        row = await self._tx.row(_STAFF, {"key": bytes.fromhex(by)})
        if row is None:
            raise NotFound
        number = await self._unused()
        values = {
            "handle": secrets.token_bytes(16), "tag": self._tag(number), "staff_id": row.id,
            "case_id": case_id, "named": named, "shown_at": milliseconds(now),
        }  # fmt: skip
        await self._tx.change(_PUT, values)
        return number

    async def find(self, number: str) -> Shown | None:
        """Return the one with this number, used and late ones too; held until the end."""
        row = await self._tx.row(_by_tag(self._tx.postgres), {"the_tag": self._tag(number)})
        return _shown(row) if row is not None else None

    async def confirm(self, handle: str, known: bool | None, now: datetime) -> None:
        """Note that a family has tried it now; it works no more."""
        values = {"key": bytes.fromhex(handle), "now": milliseconds(now), "is_known": known}
        await self._tx.change(_CONFIRM, values)

    async def of_staff(self, by: str) -> list[Shown]:
        """Return what somebody has shown, newest first."""
        rows = await self._tx.rows(_OF_STAFF, {"key": bytes.fromhex(by)})
        return [_shown(row) for row in rows]

    async def _unused(self) -> str:
        for _try in range(_TRIES):
            number = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
            if await self.find(number) is None:
                return number
        raise NotFound  # a million numbers in a day

    def _tag(self, number: str) -> bytes:
        return vault.tag(self._tx.tag_key(), "shown", number)


def _shown(row: Row) -> Shown:
    return Shown(
        row.handle.hex(),
        row.by.hex(),
        row.case_id,
        bool(row.named),
        as_moment(row.shown_at),
        None if row.confirmed_at is None else as_moment(row.confirmed_at),
        None if row.known is None else bool(row.known),
    )


# ── statements ──

_PUT: Final = insert(shown_numbers)
_STAFF: Final = select(staff.c.id).where(staff.c.handle == bindparam("key", type_=BYTES))
_WHOLE: Final[Select[Any]] = select(shown_numbers, staff.c.handle.label("by")).join(
    staff, staff.c.id == shown_numbers.c.staff_id
)
_OF_STAFF: Final = _WHOLE.where(staff.c.handle == bindparam("key", type_=BYTES)).order_by(
    shown_numbers.c.id.desc()
)
_CONFIRM: Final = (
    update(shown_numbers)
    .where(shown_numbers.c.handle == bindparam("key", type_=BYTES))
    .values(
        confirmed_at=bindparam("now", type_=INTEGER),
        known=bindparam("is_known", type_=shown_numbers.c.known.type),
    )
)


@cache
def _by_tag(postgres: bool) -> Select[Any]:
    query = _WHOLE.where(shown_numbers.c.tag == bindparam("the_tag", type_=BYTES))
    return query.with_for_update(of=shown_numbers) if postgres else query
