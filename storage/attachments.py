"""Attachments: which files are coming, kept or doomed, and whose they are. Never what they are.

Theory. A file is accepted in the transaction that takes its message in: a row, *coming*, whose
`source_box` holds the provider's key of it under the epoch key of its day. Somebody claims it for
the length of a lease, fetches it, and settles the claim in one transaction with what follows from
it: the key goes into the boxed session of its draft or, when that was sent meanwhile, sealed into
the case. So a crash at any moment leaves a row that is claimed anew.

Whose a file is: its contact's, while it belongs to a draft; its case's, once that is sent. What is
nobody's any more is *doomed*, and whoever sweeps removes the file first and the row after it. A
draft may end in many ways (sent, deleted, withdrawn, expired with its key, gone with its contact);
`doom_ownerless` needs to know none of them: a draft's file lives only as long as its contact has a
session at all. A case that is erased takes its files with it, because the foreign key then says so.

Order of locks, as everywhere: contacts, the log of reports, cases, and then these rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import Delete, ReturningUpdate

from storage import vault
from storage.keyring import KeysUnusable
from storage.tables import ATTACHMENT_STATES, attachments, contacts
from storage.transaction import (
    INTEGER,
    Transaction,
    among,
    as_date,
    as_moment,
    day_in_utc,
    locked,
    milliseconds,
    numbers,
    tags,
    tags_given,
)
from storage.vault import CannotOpen, Form
from storage.wire import Row

COMING, KEPT, DOOMED = range(len(ATTACHMENT_STATES))


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file just accepted. ``handle`` is 32 hexadecimal digits."""

    handle: str
    contact_id: int
    channel: str
    account: str
    provider_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Coming:
    """A claimed file. ``provider_id`` is None when its key has ended; ``attempts`` counts this one.

    ``attempts`` is also the mark of the claim: whoever claimed it later has a higher one.
    """

    id: int
    handle: str
    contact_id: int | None
    case_id: int | None
    provider_id: str | None = field(repr=False)
    attempts: int
    put_on: date


@dataclass(frozen=True, slots=True)
class Doomed:
    """A file nobody wants any more: where it lies with us, if it does, and with the provider."""

    id: int
    place: str
    channel: str
    account: str
    provider_id: str | None = field(repr=False)


class Attachments:
    """Files of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    # ── accepted ──

    async def put(self, new: Sequence[NewAttachment], now: datetime) -> None:
        """Keep that these files are to be fetched."""
        await self._tx.change_many(_PUT, [self._new(each, now) for each in new])

    async def bind(self, handles: Collection[str], case_id: int, *, detached: bool) -> None:
        """These files belong to this case from now on; ``detached``: and to no contact."""
        rows = [
            {"key": bytes.fromhex(handle), "new_case": case_id, "part": int(detached)}
            for handle in handles
        ]
        await self._tx.change_many(_BIND, rows)

    async def doom(self, handles: Collection[str]) -> None:
        """Nobody wants these files any more. Those of a case are left alone."""
        rows = [{"key": bytes.fromhex(handle)} for handle in handles]
        await self._tx.change_many(_DOOM, rows)

    async def doom_of_case(self, case_id: int) -> int:
        """Erase all files of a case; return how many there were.

        The file of each is removed by the next sweep (`services/attachments.py`, `sweep`). What
        opens them stands in the sealed entries of the case alone.
        """
        return await self._tx.change(_DOOM_OF_CASE, {"row": case_id})

    async def doom_ownerless(self) -> int:
        """Doom files of drafts whose contact has no draft any more; return how many it was."""
        return await self._tx.change(_DOOM_OWNERLESS)

    # ── fetched ──

    async def claim(
        self, channel: str, account: str, now: datetime, limit: int, lease: timedelta
    ) -> list[Coming]:
        """Take up to ``limit`` files that are to be fetched, the oldest first.

        Until ``now + lease`` nobody else gets them.
        """
        values = {
            "on_channel": channel, "on_account": account, "now": milliseconds(now),
            "until": milliseconds(now + lease), "most": limit,
        }  # fmt: skip
        rows = await self._tx.rows(_claim(self._tx.postgres), values)
        return [self._coming(row) for row in sorted(rows, key=lambda row: row.id)]

    async def go_on(self, coming: Coming, until: datetime) -> bool:
        """Keep a claim until then; return False when somebody else has it, or it is not wanted."""
        values = {
            "row": coming.id, "mine": coming.attempts, "until": milliseconds(until), "back": 0
        }  # fmt: skip
        return await self._tx.change(_AGAIN, values) == 1

    async def owner(self, coming: Coming) -> tuple[int | None, int | None] | None:
        """Return (contact, case) of a claimed file as they are now, None when it is not ours."""
        values = {"row": coming.id, "mine": coming.attempts}
        row = await self._tx.row(_OWNER, values)
        return (row.contact_id, row.case_id) if row is not None else None

    async def lock(self, coming: Coming) -> tuple[int | None, int | None] | None:
        """Do what `owner` does, and hold the row until the end."""
        values = {"row": coming.id, "mine": coming.attempts}
        row = await self._tx.row(_held(self._tx.postgres), values)
        return (row.contact_id, row.case_id) if row is not None else None

    async def keep(self, coming: Coming, place: str) -> None:
        """The file is whole and lies there."""
        await self._tx.change(_KEEP, {"row": coming.id, "new_place": bytes.fromhex(place)})

    async def postpone(self, coming: Coming, until: datetime, *, counted: bool = True) -> None:
        """It could not be fetched; another try is made at ``until``.

        Not ``counted``: as if it had not been claimed, for what was not the provider's fault.
        """
        values = {
            "row": coming.id, "mine": coming.attempts, "until": milliseconds(until),
            "back": int(not counted),
        }  # fmt: skip
        await self._tx.change(_AGAIN, values)

    async def lose(self, coming: Coming) -> None:
        """It will never be fetched."""
        await self._tx.change(_LOSE, {"row": coming.id, "mine": coming.attempts})

    async def is_expected(self, contact_id: int) -> bool:
        """Return whether another file of this contact is still coming."""
        return await self._tx.row(_EXPECTED, {"contact": contact_id}) is not None

    async def next_due(self, channel: str, account: str) -> datetime | None:
        """Return when the next file can be claimed, None when none is coming."""
        row = await self._tx.row(_NEXT, {"on_channel": channel, "on_account": account})
        return as_moment(row.next_at) if row and row.next_at is not None else None

    # ── kept, and let go ──

    async def places_of(self, case_id: int) -> dict[str, str]:
        """Return where the files of a case lie, by handle."""
        rows = await self._tx.rows(_PLACES, {"row": case_id})
        return {row.handle.hex(): row.place.hex() for row in rows}

    async def doomed(self, limit: int) -> list[Doomed]:
        """Return up to ``limit`` rows whose file is to be removed."""
        return [
            Doomed(
                row.id, row.place.hex() if row.place else "", row.channel, row.account,
                self._source(row) if row.source_box else None,
            )
            for row in await self._tx.rows(_DOOMED, {"most": limit})
        ]  # fmt: skip

    async def is_coming(self, coming: Coming) -> bool:
        """Return whether anybody still wants a claimed file fetched, by whosever claim."""
        return await self._tx.row(_STILL, {"row": coming.id}) is not None

    async def forget(self, ids: Collection[int]) -> None:
        """Their files are gone: so are these rows."""
        given = numbers(sorted(ids), postgres=self._tx.postgres)
        await self._tx.change(_forget(self._tx.postgres), {"ids": given})

    async def unknown(self, places: Collection[str]) -> list[str]:
        """Return those places on the shelf that no row names."""
        postgres = self._tx.postgres
        given = tags([bytes.fromhex(place) for place in places], postgres=postgres)
        named = {row.place.hex() for row in await self._tx.rows(_named(postgres), given)}
        return [place for place in places if place not in named]

    # ── within ──

    def _new(self, new: NewAttachment, now: datetime) -> dict[str, Any]:
        today, handle = day_in_utc(now), bytes.fromhex(new.handle)
        key = self._tx.key_of(today)
        source = new.provider_id.encode("utf-8", "surrogatepass")
        return {
            "handle": handle,
            "contact_id": new.contact_id,
            "channel": new.channel,
            "account": new.account,
            "state": COMING,
            "next_at": milliseconds(now),
            "source_box": vault.box_waiting(Form.INBOX, key, today, source, _place(handle)),
            "put_on": today,
        }

    def _coming(self, row: Row) -> Coming:
        return Coming(
            row.id,
            row.handle.hex(),
            row.contact_id,
            row.case_id,
            self._source(row),
            row.attempts,
            as_date(row.put_on),
        )

    def _source(self, row: Row) -> str | None:
        try:
            key = self._tx.epoch_key(vault.day_of(row.source_box))
            source = vault.unbox_waiting(Form.INBOX, key, row.source_box, _place(row.handle))
        except (KeysUnusable, CannotOpen):
            return None
        return source.decode("utf-8", "surrogatepass")


def _place(handle: bytes) -> bytes:
    return vault.place("attachments", "source_box", handle)


# ── statements ──

# Written out, not as a parameter: so the indexes for these rows are used.
_IS_COMING: Final = attachments.c.state == literal_column(str(COMING))
_MINE: Final = (
    (attachments.c.id == bindparam("row"))
    & _IS_COMING
    & (attachments.c.attempts == bindparam("mine"))
)

_PUT: Final = insert(attachments)
_BIND: Final = (
    update(attachments)
    .where(attachments.c.handle == bindparam("key"), attachments.c.state != DOOMED)
    .values(
        case_id=bindparam("new_case", type_=INTEGER),
        # Who is detached is not named beside its case; and what is kept has nothing more to tell.
        contact_id=case(
            (or_(bindparam("part", type_=INTEGER) == 1, attachments.c.state == KEPT), null()),
            else_=attachments.c.contact_id,
        ),
    )
)
# The provider's key stays for the next sweep: a copy of a file lies there too.
_ENDED: Final[dict[str, Any]] = {"state": DOOMED, "contact_id": null(), "case_id": null()}
_DOOM: Final = (
    update(attachments)
    .where(attachments.c.handle == bindparam("key"), attachments.c.case_id.is_(None))
    .values(_ENDED)
)
_DOOM_OF_CASE: Final = (
    update(attachments).where(attachments.c.case_id == bindparam("row")).values(_ENDED)
)
_OWNED: Final = exists().where(
    contacts.c.id == attachments.c.contact_id, contacts.c.session_box.is_not(None)
)
# In the words of the index that holds them.
_DOOM_OWNERLESS: Final = (
    update(attachments)
    .where(
        attachments.c.case_id.is_(None), attachments.c.state < literal_column(str(DOOMED)), ~_OWNED
    )
    .values(_ENDED)
)

_AGAIN: Final = (
    update(attachments)
    .where(_MINE)
    .values(
        next_at=bindparam("until", type_=INTEGER),
        attempts=attachments.c.attempts - bindparam("back", type_=INTEGER),
    )
)
_OWNER: Final = select(attachments.c.contact_id, attachments.c.case_id).where(_MINE)
_KEEP: Final = (
    update(attachments)
    .where(attachments.c.id == bindparam("row"))
    .values(
        state=KEPT,
        place=bindparam("new_place"),
        source_box=null(),
        next_at=0,  # the moment a family sent it is nothing to keep; `put_on` says the day
        contact_id=case((attachments.c.case_id.is_(None), attachments.c.contact_id), else_=null()),
    )
)
_LOSE: Final = delete(attachments).where(_MINE)
_EXPECTED: Final = (
    select(attachments.c.id)
    .where(attachments.c.contact_id == bindparam("contact"), _IS_COMING)
    .limit(1)
)
_OF_ACCOUNT: Final = (
    _IS_COMING
    & (attachments.c.channel == bindparam("on_channel"))
    & (attachments.c.account == bindparam("on_account"))
)
_NEXT: Final = select(func.min(attachments.c.next_at).label("next_at")).where(_OF_ACCOUNT)
_PLACES: Final = select(attachments.c.handle, attachments.c.place).where(
    attachments.c.case_id == bindparam("row"), attachments.c.state == KEPT
)
_STILL: Final = select(attachments.c.id).where(attachments.c.id == bindparam("row"), _IS_COMING)
_DOOMED: Final = (
    select(
        attachments.c.id,
        attachments.c.handle,
        attachments.c.place,
        attachments.c.channel,
        attachments.c.account,
        attachments.c.source_box,
    )
    .where(attachments.c.state == literal_column(str(DOOMED)))
    .order_by(attachments.c.id)
    .limit(bindparam("most"))
)


@cache
def _named(postgres: bool) -> Select[Any]:
    given = tags_given(postgres=postgres)  # a place is as long as a mark
    return select(attachments.c.place).where(attachments.c.place.in_(given))


@cache
def _held(postgres: bool) -> Select[Any]:
    return locked(_OWNER, postgres=postgres)


@cache
def _claim(postgres: bool) -> ReturningUpdate[Any]:
    due = (
        select(attachments.c.id)
        .where(_OF_ACCOUNT, attachments.c.next_at <= bindparam("now", type_=INTEGER))
        .order_by(attachments.c.next_at, attachments.c.id)
        .limit(bindparam("most"))
    )
    if postgres:
        due = due.with_for_update(skip_locked=True)
    return (
        update(attachments)
        .where(attachments.c.id.in_(due))
        .values(
            next_at=bindparam("until", type_=INTEGER), attempts=attachments.c.attempts + 1
        )
        .returning(
            attachments.c.id, attachments.c.handle, attachments.c.contact_id,
            attachments.c.case_id, attachments.c.source_box, attachments.c.attempts,
            attachments.c.put_on,
        )
    )  # fmt: skip


@cache
def _forget(postgres: bool) -> Delete:
    return delete(attachments).where(among(attachments.c.id, "ids", postgres=postgres))
