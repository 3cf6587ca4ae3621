"""The ledger: the provider's ids of messages, so that a conversation can be wiped over there.

An id alone is no word of a family's, but with a stolen token it fetches one. So ids are boxed,
bound to their contact, and gone after a week: providers let nobody delete older messages anyway.

When a message is to leave its chat stands with it (``due_at``) from the moment it is remembered, so
that clearing costs the conversation no statement of its own. Whoever clears asks for what is due,
does it at the provider, and drops the rows; if it dies in between, the rows are still there and the
provider is asked once more, which does no harm. Rows of what can never be cleared are dropped, too.

A family's message that holds a file waits while files of that family are still to be fetched: no
provider promises to keep a file whose message is gone. It waits no longer than it can be deleted at
all, and whoever wipes a chat does not ask here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import Delete, Update

from storage import vault
from storage.contacts import open_address
from storage.keyring import KeysUnusable
from storage.tables import ATTACHMENT_STATES, SORTS, attachments, contacts, ledger
from storage.transaction import (
    INTEGER,
    Transaction,
    among,
    as_moment,
    day_in_utc,
    milliseconds,
    numbers,
)
from storage.values import Direction, Noted, Shown, Sort, ToClear
from storage.vault import CannotOpen
from storage.wire import Row

_LABEL = b"ledger/v1"
_DAY = struct.Struct(">I")


class Ledger:
    """Message ids of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def remember(self, rows: Sequence[Noted]) -> None:
        """Remember these messages. Raises `CannotKeep`."""
        await self._tx.change_many(_PUT, [self._new(noted) for noted in rows])

    async def list(self, contact_id: int, since: datetime) -> Sequence[Noted]:
        """Return the messages of a contact since then, oldest first; unreadable ones left out."""
        values = {"contact": contact_id, "since": milliseconds(since)}
        opened = [self._noted(row) for row in await self._tx.rows(_LIST, values)]
        return [noted for noted in opened if noted]

    async def shown(self, contact_id: int) -> Sequence[Shown]:
        """Return all that is known of a contact's chat, oldest first; unreadable ones left out."""
        values = {"contact": contact_id, "since": 0}
        opened = [self._shown(row) for row in await self._tx.rows(_LIST, values)]
        return [shown for shown in opened if shown]

    async def forget(self, contact_id: int, until: datetime) -> int:
        """Forget a contact's messages up to then; return how many it was."""
        values = {"contact": contact_id, "until": milliseconds(until)}
        return await self._tx.change(_FORGET, values)

    # ── what is to leave the chats ──

    async def end(self, contact_ids: Sequence[int], now: datetime) -> None:
        """Let everything of these conversations be due now, but for what lasts."""
        values = {"ids": self._numbers(contact_ids), "now": milliseconds(now)}
        await self._tx.change(_end(self._tx.postgres), values)

    async def hide_drafts(self, contact_ids: Sequence[int], now: datetime) -> None:
        """Let what shows these contacts' drafts be due now."""
        values = {"ids": self._numbers(contact_ids), "now": milliseconds(now)}
        await self._tx.change(_hide_drafts(self._tx.postgres), values)

    async def keep(self, contact_id: int) -> None:
        """Let nothing of this conversation leave the chat by itself."""
        await self._tx.change(_KEEP, {"contact": contact_id})

    async def let_go(
        self, contact_id: int, now: datetime, stays: timedelta, *, theirs_now: bool
    ) -> None:
        """Let what was to stay leave: the family's messages now or, like ours, ``stays`` after
        they were written."""
        values = {"contact": contact_id, "stays": stays // timedelta(milliseconds=1)}
        await self._tx.change(_LET_GO, values)
        if theirs_now:
            values = {"contact": contact_id, "now": milliseconds(now)}
            await self._tx.change(_LET_THEIRS_GO, values)

    async def hold_files(self, contact_ids: Sequence[int], until: datetime) -> None:
        """Let messages of these contacts that hold files stay until then, if they are to leave.

        For who is detached: nothing says any more whether a file of theirs is still coming.
        """
        values = {"ids": self._numbers(contact_ids), "until": milliseconds(until)}
        await self._tx.change(_hold_files(self._tx.postgres), values)

    async def due(
        self, channel: str, account: str, now: datetime, waits_since: datetime, limit: int
    ) -> Sequence[ToClear]:
        """Return what is due in the chats of an account, by chat: at most ``limit`` messages.

        A message younger than ``waits_since`` that holds a file waits until that was fetched. Rows
        that do not open any more are dropped here.
        """
        values = {
            "on_channel": channel,
            "on_account": account,
            "now": milliseconds(now),
            "since": milliseconds(waits_since),
            "most": limit,
        }
        by_contact: dict[int, tuple[Row, list[Shown]]] = {}
        lost: list[int] = []
        for row in await self._tx.rows(_due(self._tx.postgres), values):
            shown = self._shown(row)
            if shown is None:
                lost.append(row.id)
            else:
                by_contact.setdefault(row.contact_id, (row, []))[1].append(shown)
        chats: list[ToClear] = []
        for row, of_chat in by_contact.values():
            try:
                chats.append(self._to_clear(row, of_chat))
            except CannotOpen:  # no address is left: they would stand before all others for ever
                lost += [shown.id for shown in of_chat]
        await self.drop(lost)
        return chats

    async def drop(self, ids: Sequence[int]) -> None:
        """Drop these rows: their messages are gone, or can never be cleared."""
        if ids:
            await self._tx.change(_drop(self._tx.postgres), {"ids": self._numbers(ids)})

    async def postpone(self, ids: Sequence[int], until: datetime) -> None:
        """Let these rows be due again then."""
        if ids:
            values = {"ids": self._numbers(ids), "until": milliseconds(until)}
            await self._tx.change(_postpone(self._tx.postgres), values)

    # ── within ──

    def _numbers(self, ids: Sequence[int]) -> Any:
        return numbers(ids, postgres=self._tx.postgres)

    def _new(self, noted: Noted) -> dict[str, Any]:
        today = day_in_utc(noted.at)
        self._tx.key_of(today)
        key = self._tx.day_key(today, _LABEL)
        message = vault.pad(noted.message_id.encode("utf-8", "surrogatepass"), 32)
        sealed = vault.box(key, message, _place(noted.contact_id, noted.direction))
        return {
            "contact_id": noted.contact_id,
            "direction": noted.direction,
            "message_box": _DAY.pack(today) + sealed,
            "at": milliseconds(noted.at),
            "sort": SORTS.index(noted.sort),
            "due_at": None if noted.due_at is None else milliseconds(noted.due_at),
        }

    def _message_id(self, row: Row) -> str | None:
        try:
            key = self._tx.day_key(_DAY.unpack_from(row.message_box)[0], _LABEL)
            place = _place(row.contact_id, row.direction)
            message = vault.unpad(vault.unbox(key, bytes(row.message_box[_DAY.size :]), place))
        except (KeysUnusable, CannotOpen, struct.error):
            return None
        return message.decode("utf-8", "surrogatepass")

    def _noted(self, row: Row) -> Noted | None:
        message_id = self._message_id(row)
        if message_id is None:
            return None
        due_at = None if row.due_at is None else as_moment(row.due_at)
        sort = cast(Sort, SORTS[row.sort])
        return Noted(row.contact_id, message_id, row.direction, as_moment(row.at), sort, due_at)

    def _shown(self, row: Row) -> Shown | None:
        message_id = self._message_id(row)
        if message_id is None:
            return None
        return Shown(row.id, message_id, row.direction, as_moment(row.at))

    def _to_clear(self, row: Row, shown: Sequence[Shown]) -> ToClear:
        reach = open_address(self._tx, row.channel, row.account, row.tag, row.address_box)
        return ToClear(row.contact_id, reach, tuple(shown))


def _place(contact_id: int, direction: Direction) -> bytes:
    return vault.place("ledger", direction, contact_id.to_bytes(8, "big"))


# ── statements ──

_PUT = insert(ledger)
_LIST = (
    select(ledger)
    .where(ledger.c.contact_id == bindparam("contact"), ledger.c.at >= bindparam("since"))
    .order_by(ledger.c.at, ledger.c.id)
)
_FORGET = delete(ledger).where(
    ledger.c.contact_id == bindparam("contact"), ledger.c.at <= bindparam("until")
)

_DRAFT: Final[ColumnElement[int]] = literal_column(str(SORTS.index("draft")))
_LASTING: Final[ColumnElement[int]] = literal_column(str(SORTS.index("lasting")))
_FILE: Final[ColumnElement[int]] = literal_column(str(SORTS.index("file")))


def _is_later() -> ColumnElement[bool]:
    return or_(ledger.c.due_at.is_(None), ledger.c.due_at > bindparam("now", type_=INTEGER))


@cache
def _end(postgres: bool) -> Update:
    of_these = among(ledger.c.contact_id, "ids", postgres=postgres)
    return (
        update(ledger)
        .where(of_these, ledger.c.sort != _LASTING, _is_later())
        .values(due_at=bindparam("now", type_=INTEGER))
    )


@cache
def _hide_drafts(postgres: bool) -> Update:
    of_these = among(ledger.c.contact_id, "ids", postgres=postgres)
    return (
        update(ledger)
        .where(of_these, ledger.c.sort == _DRAFT, _is_later())
        .values(due_at=bindparam("now", type_=INTEGER))
    )


@cache
def _hold_files(postgres: bool) -> Update:
    of_these = among(ledger.c.contact_id, "ids", postgres=postgres)
    until = bindparam("until", type_=INTEGER)
    return (
        update(ledger)
        .where(of_these, ledger.c.sort == _FILE, ledger.c.due_at < until)
        .values(due_at=until)
    )


_KEEP: Final = (
    update(ledger)
    .where(ledger.c.contact_id == bindparam("contact"), ledger.c.due_at.is_not(None))
    .values(due_at=None)
)
_LET_GO: Final = (
    update(ledger)
    .where(
        ledger.c.contact_id == bindparam("contact"),
        ledger.c.sort != _LASTING,
        ledger.c.due_at.is_(None),
    )
    .values(due_at=ledger.c.at + bindparam("stays", type_=INTEGER))
)
_LET_THEIRS_GO: Final = (
    update(ledger)
    .where(
        ledger.c.contact_id == bindparam("contact"),
        ledger.c.direction == "in",
        ledger.c.due_at > bindparam("now", type_=INTEGER),
    )
    .values(due_at=bindparam("now", type_=INTEGER))
)

_IS_COMING: Final = exists().where(
    attachments.c.contact_id == ledger.c.contact_id,
    attachments.c.state == literal_column(str(ATTACHMENT_STATES.index("coming"))),
)
_MAY_GO: Final = or_(ledger.c.sort != _FILE, ledger.c.at <= bindparam("since"), ~_IS_COMING)
_IS_DUE: Final = (
    ledger.c.due_at.is_not(None),  # in these words: only so is the partial index used
    ledger.c.due_at <= bindparam("now"),
)
_OF_ACCOUNT: Final = (
    contacts.c.id == ledger.c.contact_id,
    contacts.c.channel == bindparam("on_channel"),
    contacts.c.account == bindparam("on_account"),
)


@cache
def _due(postgres: bool) -> Select[Any]:
    # A whole account's contacts are most of the table, what is due is little. PostgreSQL cannot
    # know that while the tables are new, and went through all contacts for 30 ms each time; with
    # the OFFSET it has to begin at what is due.
    of_account = select(contacts).where(*_OF_ACCOUNT).offset(literal_column("0"))
    whose = of_account.lateral() if postgres else contacts
    query = select(
        ledger.c.id,
        ledger.c.contact_id,
        ledger.c.direction,
        ledger.c.message_box,
        ledger.c.at,
        whose.c.channel,
        whose.c.account,
        whose.c.tag,
        whose.c.address_box,
    )
    if not postgres:
        query = query.where(*_OF_ACCOUNT)
    due = query.where(*_IS_DUE, _MAY_GO).order_by(ledger.c.due_at, ledger.c.id)
    return due.limit(bindparam("most"))


@cache
def _drop(postgres: bool) -> Delete:
    return delete(ledger).where(among(ledger.c.id, "ids", postgres=postgres))


@cache
def _postpone(postgres: bool) -> Update:
    return (
        update(ledger)
        .where(among(ledger.c.id, "ids", postgres=postgres))
        .values(due_at=bindparam("until"))
    )
