"""Accounts that came with the receipt code of somebody else's case, and accounts that were cut off.

A *claim* is an account that knows the code of a case which is tied to another account. It is not
tied: nothing is sent to it. It waits for a person of the staff, who confirms or refuses it.

A *lock* is what remains of a tie after somebody told that the telephone is gone: the account is
tied to nothing any more, and a person can give it back what it had, or let the lock stand.

A case without ties and locks is *detached*: its family chose to come back by the code alone. No
claim is ever kept of it, unless the family itself asks to be written to.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import Select, bindparam, delete, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import NotFound
from storage.tables import claims, contacts, locks, ties
from storage.transaction import BYTES, INTEGER, Transaction, as_date, day
from storage.wire import Row

Cause = Literal["itself", "code"]
"""From where an account was cut off: itself, or from another one that knew the receipt code."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An account that waits to be confirmed. ``handle`` is 32 hexadecimal digits, random."""

    handle: str
    contact_id: int
    case_id: int
    channel: str
    refused: bool
    put_on: date


@dataclass(frozen=True, slots=True)
class Lock:
    """A tie that was taken from an account; ``case_id`` is None where it had none."""

    handle: str
    contact_id: int
    case_id: int | None
    channel: str
    cause: Cause
    tied_on: date | None
    put_on: date


@dataclass(frozen=True, slots=True)
class Tied:
    """A tied account, as far as deciding about it takes."""

    contact_id: int
    tied_on: date
    restored_on: date | None


class Claims:
    """Claims and locks of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    # ── claims ──

    async def put(self, contact_id: int, case_id: int, today: date) -> bool:
        """Keep a claim, once; return whether it is new."""
        row = {
            "handle": secrets.token_bytes(16), "contact_id": contact_id, "case_id": case_id,
            "refused": False, "put_on": day(today),
        }  # fmt: skip
        return await self._tx.change(_PUT[self._tx.postgres], row) == 1

    async def of_case(self, case_id: int) -> list[Claim]:
        """Return the claims on a case that nobody has refused, oldest first."""
        return [_claim(row) for row in await self._tx.rows(_CLAIMS_OF_CASE, {"row": case_id})]

    async def of_contact(self, contact_id: int) -> list[Claim]:
        """Return the claims of an account, refused ones too."""
        rows = await self._tx.rows(_CLAIMS_OF_CONTACT, {"contact": contact_id})
        return [_claim(row) for row in rows]

    async def get(self, handle: str) -> Claim:
        """Return one that is not refused, held until the end. Raises `NotFound`."""
        row = await self._tx.row(_claim_by_handle(self._tx.postgres), {"key": _key(handle)})
        if row is None:
            raise NotFound
        return _claim(row)

    async def refuse(self, handle: str) -> None:
        """Note that a person has refused this one."""
        await self._tx.change(_REFUSE, {"key": _key(handle)})

    async def end(self, handle: str) -> None:
        """Delete a claim: it has become a tie."""
        await self._tx.change(_END_CLAIM, {"key": _key(handle)})

    async def forget_of(self, contact_id: int) -> None:
        """Delete the claims of an account that wants nothing kept."""
        await self._tx.change(_FORGET_OF, {"contact": contact_id})

    # ── ties and locks ──

    async def is_detached(self, case_id: int) -> bool:
        """Return whether no account belongs to this case: its family comes back by the code."""
        return await self._tx.row(_ATTACHED, {"row": case_id}) is None

    async def tied_to(self, case_id: int) -> list[Tied]:
        """Return the accounts tied to a case."""
        rows = await self._tx.rows(_TIED, {"row": case_id})
        return [
            Tied(row.contact_id, as_date(row.tied_on), _day(row.restored_on)) for row in rows
        ]  # fmt: skip

    async def lock(self, contact_id: int, cause: Cause, today: date) -> int:
        """Cut an account off: its ties become locks. Return of how many cases it was cut off."""
        tied = await self._tx.rows(_TIES_OF, {"contact": contact_id})
        kept: list[tuple[int | None, int | None]] = [(row.case_id, row.tied_on) for row in tied]
        rows = [
            {
                "handle": secrets.token_bytes(16), "contact_id": contact_id, "case_id": case_id,
                "cause": cause, "tied_on": tied_on, "put_on": day(today),
            }
            for case_id, tied_on in kept or [(None, None)]
        ]  # fmt: skip
        await self._tx.change_many(_LOCK, rows)
        await self._tx.change(_UNTIE, {"contact": contact_id})
        await self._tx.change(_FORGET_OF, {"contact": contact_id})
        await self._tx.change(_STATE, {"contact": contact_id, "new_state": "locked"})
        return len(tied)

    async def locks_of_case(self, case_id: int) -> list[Lock]:
        """Return the locks of a case, oldest first."""
        return [_lock(row) for row in await self._tx.rows(_LOCKS_OF_CASE, {"row": case_id})]

    async def locks_of_contact(self, contact_id: int) -> list[Lock]:
        """Return the locks of an account."""
        rows = await self._tx.rows(_LOCKS_OF_CONTACT, {"contact": contact_id})
        return [_lock(row) for row in rows]

    async def all_locks(self, limit: int = 200) -> list[Lock]:
        """Return the newest locks, whatever the case."""
        return [_lock(row) for row in await self._tx.rows(_ALL_LOCKS, {"most": limit})]

    async def get_lock(self, handle: str) -> Lock:
        """Return one lock, held until the end. Raises `NotFound`."""
        row = await self._tx.row(_lock_by_handle(self._tx.postgres), {"key": _key(handle)})
        if row is None:
            raise NotFound
        return _lock(row)

    async def restore(self, contact_id: int, today: date) -> int:
        """Give an account back what it was cut off from; return to how many cases it is tied."""
        kept = [lock for lock in await self.locks_of_contact(contact_id) if lock.case_id]
        rows = [
            {
                "contact_id": contact_id, "case_id": lock.case_id,
                "tied_on": day(lock.tied_on or today), "restored_on": day(today),
            }
            for lock in kept
        ]  # fmt: skip
        await self._tx.change_many(_TIE[self._tx.postgres], rows)
        await self._tx.change(_UNLOCK, {"contact": contact_id})
        await self._tx.change(_STATE, {"contact": contact_id, "new_state": "active"})
        return len(kept)

    async def give_up(self, contact_id: int) -> None:
        """Let the locks of an account stand: nothing leads from it to a case any more."""
        await self._tx.change(_UNLOCK, {"contact": contact_id})


def _claim(row: Row) -> Claim:
    return Claim(
        row.handle.hex(), row.contact_id, row.case_id, row.channel, bool(row.refused),
        as_date(row.put_on),
    )  # fmt: skip


def _lock(row: Row) -> Lock:
    return Lock(
        row.handle.hex(), row.contact_id, row.case_id, row.channel, row.cause, _day(row.tied_on),
        as_date(row.put_on),
    )  # fmt: skip


def _day(number: int | None) -> date | None:
    return None if number is None else as_date(number)


def _key(handle: str) -> bytes:
    try:
        return bytes.fromhex(handle)
    except ValueError:
        return b""


def cases_of(held: Sequence[Lock]) -> list[int]:
    """Return the cases these locks are of."""
    return [lock.case_id for lock in held if lock.case_id is not None]


# ── statements ──

_PUT: Final = {
    True: postgresql.insert(claims).on_conflict_do_nothing(),
    False: sqlite.insert(claims).on_conflict_do_nothing(),
}
_CLAIM: Final[Select[Any]] = select(claims, contacts.c.channel).join(
    contacts, contacts.c.id == claims.c.contact_id
)
_OPEN: Final = claims.c.refused.is_(False)
_CLAIMS_OF_CASE: Final = _CLAIM.where(claims.c.case_id == bindparam("row"), _OPEN).order_by(
    claims.c.id
)
_CLAIMS_OF_CONTACT: Final = _CLAIM.where(claims.c.contact_id == bindparam("contact")).order_by(
    claims.c.id
)
_BY_CLAIM: Final = claims.c.handle == bindparam("key", type_=BYTES)
_REFUSE: Final = update(claims).where(_BY_CLAIM).values(refused=True)
_END_CLAIM: Final = delete(claims).where(_BY_CLAIM)
_FORGET_OF: Final = delete(claims).where(claims.c.contact_id == bindparam("contact"))

_LOCKED: Final[Select[Any]] = select(locks, contacts.c.channel).join(
    contacts, contacts.c.id == locks.c.contact_id
)
_LOCKS_OF_CASE: Final = _LOCKED.where(locks.c.case_id == bindparam("row")).order_by(locks.c.id)
_LOCKS_OF_CONTACT: Final = _LOCKED.where(locks.c.contact_id == bindparam("contact")).order_by(
    locks.c.id
)
_ALL_LOCKS: Final = _LOCKED.order_by(locks.c.id.desc()).limit(bindparam("most"))
_LOCK: Final = insert(locks)
_UNLOCK: Final = delete(locks).where(locks.c.contact_id == bindparam("contact"))
_TIES_OF: Final = select(ties).where(ties.c.contact_id == bindparam("contact"))
_TIED: Final = (
    select(ties).where(ties.c.case_id == bindparam("row")).order_by(ties.c.contact_id)
)  # fmt: skip
_UNTIE: Final = delete(ties).where(ties.c.contact_id == bindparam("contact"))
_TIE: Final = {
    True: postgresql.insert(ties).on_conflict_do_nothing(),
    False: sqlite.insert(ties).on_conflict_do_nothing(),
}
_STATE: Final = (
    update(contacts)
    .where(contacts.c.id == bindparam("contact"))
    .values(state=bindparam("new_state"))
)
_CASE: Final = bindparam("row", type_=INTEGER)
_ATTACHED: Final = (
    select(ties.c.case_id)
    .where(ties.c.case_id == _CASE)
    .union_all(select(locks.c.case_id).where(locks.c.case_id == _CASE))
)


@cache
def _claim_by_handle(postgres: bool) -> Select[Any]:
    query = _CLAIM.where(_BY_CLAIM, _OPEN)
    return query.with_for_update(of=claims) if postgres else query


@cache
def _lock_by_handle(postgres: bool) -> Select[Any]:
    query = _LOCKED.where(locks.c.handle == bindparam("key", type_=BYTES))
    return query.with_for_update(of=locks) if postgres else query


def has_locks(contact_id: Any) -> Any:
    """Return "this contact was cut off": for whoever deletes contacts with nothing open."""
    return exists().where(locks.c.contact_id == contact_id)


def has_claims(contact_id: Any) -> Any:
    """Return "a person has still to look at this contact"."""
    return exists().where(claims.c.contact_id == contact_id, _OPEN)
