"""By which key a contact's telephone is known, where the channel tells (Signal's safety number).

Only a keyed mark of the key is kept, to notice that it is another one than before. It says nothing
to whoever has the database, and goes with the contact.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import vault
from storage.tables import telephones
from storage.transaction import Transaction

_KNOWN: Final = select(telephones.c.mark).where(telephones.c.contact_id == bindparam("contact"))


def _note(insert: Any) -> Any:
    statement = insert(telephones)
    new = {"mark": statement.excluded["mark"]}
    return statement.on_conflict_do_update(index_elements=["contact_id"], set_=new)


_NOTE: Final = {True: _note(postgresql.insert), False: _note(sqlite.insert)}


class Telephones:
    """Marks of telephones' keys, in one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def note(self, contact_id: int, key: str) -> bool:
        """Note by which key this contact's telephone is known; say whether it was another before.

        The contact's row is held by the caller.
        """
        mark = vault.tag(self._tx.tag_key(), "telephone", str(contact_id), key)
        known = await self._tx.row(_KNOWN, {"contact": contact_id})
        if known is not None and bytes(known.mark) == mark:
            return False
        await self._tx.change(_NOTE[self._tx.postgres], {"contact_id": contact_id, "mark": mark})
        return known is not None
