"""The ledger: the provider's ids of messages, so that a conversation can be wiped over there.

An id alone is no word of a family's, but with a stolen token it fetches one. So ids are boxed,
bound to their contact, and gone after a week: providers let nobody delete older messages anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from storage import vault
from storage.keyring import KeysUnusable
from storage.tables import ledger
from storage.transaction import Transaction, as_moment, day_in_utc, milliseconds
from storage.values import Direction, Noted
from storage.vault import CannotOpen
from storage.wire import Row

_LABEL = b"ledger/v1"
_DAY = struct.Struct(">I")
_PUT = insert(ledger)
_LIST = (
    select(ledger)
    .where(ledger.c.contact_id == bindparam("contact"), ledger.c.at >= bindparam("since"))
    .order_by(ledger.c.at, ledger.c.id)
)
_FORGET = delete(ledger).where(
    ledger.c.contact_id == bindparam("contact"), ledger.c.at <= bindparam("until")
)


class Ledger:
    """Message ids of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def remember(self, rows: Sequence[Noted]) -> None:
        """Remember these messages. Raises `CannotKeep`."""
        await self._tx.change_many(_PUT, [self._new(noted) for noted in rows])

    async def list(self, contact_id: int, since: datetime) -> list[Noted]:
        """Return the messages of a contact since then, oldest first; unreadable ones left out."""
        values = {"contact": contact_id, "since": milliseconds(since)}
        opened = [self._open(row) for row in await self._tx.rows(_LIST, values)]
        return [noted for noted in opened if noted]

    async def forget(self, contact_id: int, until: datetime) -> int:
        """Forget a contact's messages up to then; return how many it was."""
        values = {"contact": contact_id, "until": milliseconds(until)}
        return await self._tx.change(_FORGET, values)

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
        }

    def _open(self, row: Row) -> Noted | None:
        try:
            key = self._tx.day_key(_DAY.unpack_from(row.message_box)[0], _LABEL)
            place = _place(row.contact_id, row.direction)
            message = vault.unpad(vault.unbox(key, bytes(row.message_box[_DAY.size :]), place))
        except (KeysUnusable, CannotOpen, struct.error):
            return None
        text = message.decode("utf-8", "surrogatepass")
        return Noted(row.contact_id, text, row.direction, as_moment(row.at))


def _place(contact_id: int, direction: Direction) -> bytes:
    return vault.place("ledger", direction, contact_id.to_bytes(8, "big"))
