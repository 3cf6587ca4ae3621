"""Covers: what a contact keeps of its quiet mode (`flows/cover.py`), beside its session.

A session ends with its draft; the cover must not, or a telephone that is taken away a month later
would show what the chat is for. So it is boxed under the contact key, like the address, in a column
of its own, always of the same size, and stays until the family turns it off or its row ends.

A box that does not open counts as closed for good: nothing that was hidden shows through damage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.sql.dml import Update
from sqlalchemy.types import LargeBinary

from flows.cover import LOST, Cover, pack, unpack
from storage import vault
from storage.tables import contacts
from storage.transaction import INTEGER, Transaction, milliseconds
from storage.vault import CannotOpen

_ROOM: Final = 512
"""Bytes every packed cover is filled up to: the box tells nothing of what it holds."""


@dataclass(frozen=True, slots=True)
class DueCover:
    """A cover about which something is due, with where its contact is."""

    contact_id: int
    channel: str
    account: str
    tag: bytes
    cover: Cover


class Covers:
    """Covers of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, changed: Sequence[tuple[int, bytes, Cover | None]]) -> None:
        """Keep these covers (contact, its tag, the cover or None); the caller holds the rows."""
        await self._tx.change_many(_PUT, [self._row(*each) for each in changed])

    async def due(self, now: datetime, limit: int) -> list[DueCover]:
        """Return covers whose chats nobody has written to for long enough; their rows are held."""
        values = {"now": milliseconds(now), "limit": limit}
        rows = await self._tx.rows(_due(self._tx.postgres), values)
        return [
            DueCover(
                row.id, row.channel, row.account, row.tag,
                open_cover(self._tx, row.tag, row.cover_box) or LOST,
            )
            for row in rows
        ]  # fmt: skip

    def _row(self, contact_id: int, tag: bytes, cover: Cover | None) -> dict[str, Any]:
        closes_at = cover.closes_at if cover else None
        return {
            "row": contact_id,
            "new_box": close_cover(self._tx, tag, cover) if cover else None,
            "new_at": None if closes_at is None else closes_at * 1000,
        }


def close_cover(tx: Transaction, tag: bytes, cover: Cover) -> bytes:
    """Return ``cover`` boxed for the row of the contact with this tag."""
    return vault.box(_key(tx), vault.pad(pack(cover), _ROOM), _place(tag))


def open_cover(tx: Transaction, tag: bytes, box: bytes | None) -> Cover | None:
    """Return the cover in a contact's row; None where it has none."""
    if box is None:
        return None
    try:
        return unpack(vault.unpad(vault.unbox(_key(tx), bytes(box), _place(tag))))
    except CannotOpen:
        return LOST


def _key(tx: Transaction) -> bytes:
    return tx.contact_key(b"cover/v1")


def _place(tag: bytes) -> bytes:
    return vault.place("contacts", "cover_box", tag)


# ── statements ──

_PUT: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values(
        cover_box=bindparam("new_box", type_=LargeBinary()),
        cover_at=bindparam("new_at", type_=INTEGER),
    )
)


@cache
def _due(postgres: bool) -> Select[Any]:
    query = (
        select(
            contacts.c.id,
            contacts.c.channel,
            contacts.c.account,
            contacts.c.tag,
            contacts.c.cover_box,
        )
        .where(contacts.c.cover_at <= bindparam("now", type_=INTEGER))
        .order_by(contacts.c.cover_at, contacts.c.id)
        .limit(bindparam("limit"))
    )
    return query.with_for_update(skip_locked=True) if postgres else query
