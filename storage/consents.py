"""Consents: what a family agreed to, for which purpose and towards whom, and what it took back.

One row for each purpose and recipient, appended whenever that changes; the newest holds. A row says
which words were shown (`Consent.text`), in which language, when, and whether it was given or taken
back.

Which bodies a family trusts is nobody's business but its own, so nothing of it stands in clear but
the day. Staff need it, and so does whoever hands a report over without opening it; so the rows are
boxed, not sealed. They are boxed under the key of their case: whoever erases the case has erased
them in every copy, too.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, insert, select, update

from flows.consents import Consent
from storage import vault
from storage.tables import consents
from storage.transaction import Transaction, day_in_utc
from storage.wire import Row

_SMALLEST_BOX: Final = 256


class Consents:
    """Consents of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def note(self, case_id: int, said: Sequence[Consent]) -> int:
        """Append what is new in ``said``; return how many rows that made.

        What is said again as it stands, in the same words, is no news. What was never given is not
        taken back.
        """
        standing = newest(await self.of_case(case_id))
        changed = [one for one in said if _is_news(one, standing.get((one.purpose, one.recipient)))]
        await self._tx.change_many(_PUT, [self._new(case_id, one) for one in changed])
        return len(changed)

    async def of_case(self, case_id: int) -> list[Consent]:
        """Return the whole history of a case, oldest first; rows that do not open are left out."""
        rows = await self._tx.rows(_OF_CASE, {"row": case_id})
        return [one for row in rows if (one := self._open(row)) is not None]

    async def standing(self, case_id: int) -> Mapping[tuple[str, str], Consent]:
        """Return what holds now, by purpose and recipient."""
        return newest(await self.of_case(case_id))

    async def enclose_case(self, case_id: int) -> None:
        """Box the rows of a case anew, under the key it was just given."""
        rows = await self._tx.rows(_OF_CASE, {"row": case_id})
        anew = [
            {"row": row.id, "new_box": vault.box(self._key(case_id), padded, _place(row.handle))}
            for row in rows
            if (padded := self._unboxed(row)) is not None
        ]
        await self._tx.change_many(_REBOX, anew)

    # ── within ──

    def _new(self, case_id: int, one: Consent) -> dict[str, Any]:
        handle = secrets.token_bytes(16)
        told = [one.purpose, one.recipient, one.given, one.text, one.language, one.at.isoformat()]
        packed = json.dumps(told, separators=(",", ":")).encode("ascii")
        padded = vault.pad(packed, _SMALLEST_BOX)
        return {
            "handle": handle,
            "case_id": case_id,
            "body_box": vault.box(self._key(case_id), padded, _place(handle)),
            "put_on": day_in_utc(one.at),
        }

    def _open(self, row: Row) -> Consent | None:
        padded = self._unboxed(row)
        if padded is None:
            return None
        try:
            purpose, recipient, given, text, language, at = json.loads(vault.unpad(padded))
        except (vault.CannotOpen, ValueError):
            return None
        return Consent(purpose, recipient, given, text, language, datetime.fromisoformat(at))

    def _unboxed(self, row: Row) -> bytes | None:
        for key in self._tx.keys_for_case(row.case_id, _LABEL):
            try:
                return vault.unbox(key, row.body_box, _place(row.handle))
            except vault.CannotOpen:
                continue
        return None

    def _key(self, case_id: int) -> bytes:
        return self._tx.key_for_case(case_id, _LABEL)


def newest(history: Sequence[Consent]) -> dict[tuple[str, str], Consent]:
    """Return the newest word on each purpose and recipient."""
    return {(one.purpose, one.recipient): one for one in history}


def _is_news(said: Consent, before: Consent | None) -> bool:
    if before is None:
        return said.given
    return (said.given, said.text, said.language) != (before.given, before.text, before.language)


def _place(handle: bytes) -> bytes:
    return vault.place("consents", "body_box", handle)


_LABEL: Final = b"consents/v1"
_PUT: Final = insert(consents)
_REBOX: Final = (
    update(consents).where(consents.c.id == bindparam("row")).values(body_box=bindparam("new_box"))
)
_OF_CASE: Final[Select[Any]] = (
    select(consents).where(consents.c.case_id == bindparam("row")).order_by(consents.c.id)
)
