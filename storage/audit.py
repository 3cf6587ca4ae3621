"""The audit log: who did what to what, when; chained, so that taking a row out is seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, insert, select, update

from storage import chain
from storage.tables import audit
from storage.transaction import AUDIT_LOCK, Transaction, as_moment, milliseconds
from storage.values import Fault, Head
from storage.wire import Row

_APPEND = insert(audit)
_HEAD = select(audit.c.seq, audit.c.mac).order_by(audit.c.seq.desc()).limit(1)
_CHAIN = update(audit).where(audit.c.seq == bindparam("row")).values(mac=bindparam("new_mac"))
_AFTER = select(audit).where(audit.c.seq > bindparam("after")).order_by(audit.c.seq).limit(500)
_ABOUT = (
    select(audit)
    .where(audit.c.object == bindparam("what"))
    .order_by(audit.c.seq.desc())
    .limit(bindparam("most"))
)
_BEFORE = (
    select(audit)
    .where(audit.c.seq < bindparam("before"))
    .order_by(audit.c.seq.desc())
    .limit(bindparam("most"))
)
_LINK = select(audit.c.mac).where(audit.c.seq == bindparam("row"))


class Act(NamedTuple):
    """One row of the log. Actor and object are opaque ids, the verb a fixed word."""

    seq: int
    actor: str
    verb: str
    object: str
    at: datetime


class Audit:
    """The log of one transaction: a row is kept exactly when what it tells of is."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def append(self, actor: str, verb: str, object: str, now: datetime) -> None:
        """Add a row. Raises `CannotKeep`."""
        await self._tx.lock(AUDIT_LOCK)
        at = milliseconds(now)
        head = chain.link(self._key(), await self.head(), *_fields(actor, verb, object, at))
        row = {
            "seq": head.seq,
            "actor": actor,
            "verb": verb,
            "object": object,
            "at": at,
            "mac": head.mac,
        }
        await self._tx.change(_APPEND, row)

    async def head(self) -> Head:
        """Return the newest link."""
        row = await self._tx.row(_HEAD)
        return Head(row.seq, row.mac) if row else chain.NOTHING

    async def read(self, after: int = 0) -> list[Act]:
        """Return up to 500 rows that follow row ``after``."""
        return [_act(row) for row in await self._tx.rows(_AFTER, {"after": after})]

    async def about(self, object: str, limit: int = 200) -> list[Act]:
        """Return the newest rows about one object, newest first."""
        return [_act(row) for row in await self._tx.rows(_ABOUT, {"what": object, "most": limit})]

    async def page(self, before: int | None = None, limit: int = 50) -> list[Act]:
        """Return rows newest first, those before row ``before`` when that is given."""
        newest = (await self.head()).seq + 1
        values = {"before": newest if before is None else before, "most": limit}
        return [_act(row) for row in await self._tx.rows(_BEFORE, values)]

    async def holds(self, remembered: Head) -> bool:
        """Return whether a head seen earlier is still a link of this chain."""
        row = await self._tx.row(_LINK, {"row": remembered.seq})
        return remembered.seq == 0 or (row is not None and row.mac == remembered.mac)

    async def verify(self, remembered: Head | None = None) -> list[Fault]:
        """Return where the chain does not hold; see `Reports.verify` for ``remembered``."""
        faults: list[Fault] = []
        before = chain.NOTHING
        seen = remembered is None or remembered.seq == 0
        while rows := await self._tx.rows(_AFTER, {"after": before.seq}):
            faults += self._faults(rows, before)
            before = Head(rows[-1].seq, rows[-1].mac)
            seen = seen or any(Head(row.seq, row.mac) == remembered for row in rows)
        return faults if seen else [*faults, Fault("shortened", before.seq)]

    async def verify_some(self, before: Head = chain.NOTHING) -> tuple[list[Fault], Head] | None:
        """Return where the links after ``before`` do not hold, up to 500 of them, and the last.

        None when there is none after it. For whoever must not hold a transaction for long.
        """
        rows = await self._tx.rows(_AFTER, {"after": before.seq})
        return (self._faults(rows, before), Head(rows[-1].seq, rows[-1].mac)) if rows else None

    def _faults(self, rows: Sequence[Row], before: Head) -> list[Fault]:
        faults, key = [], self._key()
        for row in rows:
            fields = _fields(row.actor, row.verb, row.object, row.at)
            if not chain.fits(key, before, row.seq, row.mac, *fields):
                faults.append(Fault("broken", row.seq, row.object))
            before = Head(row.seq, row.mac)
        return faults

    async def chain_anew(self) -> bool:
        """Chain the rows as they stand under the present origin key; False if they are already."""
        key, before = self._key(), chain.NOTHING
        while rows := await self._tx.rows(_AFTER, {"after": before.seq}):
            links = ((it.seq, it.mac, _fields(it.actor, it.verb, it.object, it.at)) for it in rows)
            made = chain.anew(key, before, links)
            if made is None:
                return False
            await self._tx.change_many(
                _CHAIN, [{"row": head.seq, "new_mac": head.mac} for head in made]
            )
            before = made[-1]
        return before != chain.NOTHING

    def _key(self) -> bytes:
        return self._tx.origin_key(b"audit/v1")


def _act(row: Row) -> Act:
    return Act(row.seq, row.actor, row.verb, row.object, as_moment(row.at))


def _fields(actor: str, verb: str, what: str, at: int) -> tuple[bytes, ...]:
    return (actor.encode(), verb.encode(), what.encode(), at.to_bytes(8, "big"))
