"""Tries: how often something was tried that people guess at, counted for a day or an hour.

A row is a mark and a number. The mark is made of what is tried, by whom (or by all together) and in
which span of time, keyed with a key that lives for two days (`passing_keys.py`): nobody is found in
the list, and after two days not even by who holds the keystore.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import vault
from storage.errors import KeysMissing
from storage.keyring import KeysUnusable
from storage.passing_keys import passing_key
from storage.tables import tries
from storage.transaction import Transaction, day

Span = Literal["day", "hour"]
ALL: Final = b""
"""Whoever tries: everybody together."""


class Tries:
    """Tries of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def count(self, what: str, who: bytes, span: Span, now: datetime) -> int:
        """Return how often ``who`` has tried this within the present day or hour (UTC)."""
        row = await self._tx.row(_COUNT, {"the_mark": self._mark(what, who, span, now)})
        return int(row.number) if row else 0

    async def note(self, what: str, who: bytes, span: Span, now: datetime) -> int:
        """Count one more; return how many it is with this one."""
        today = day(now.astimezone(UTC).date())
        values = {"mark": self._mark(what, who, span, now), "number": 1, "put_on": today}
        (row,) = await self._tx.rows(_note(self._tx.postgres), values)
        return int(row.number)

    def _mark(self, what: str, who: bytes, span: Span, now: datetime) -> bytes:
        moment = now.astimezone(UTC)
        within = f"{moment:%Y-%m-%d}" if span == "day" else f"{moment:%Y-%m-%dT%H}"
        try:
            key = passing_key(self._tx.keystore.path, moment.date())
        except (KeysUnusable, OSError):
            raise KeysMissing from None
        return vault.tag(key, "try/v1", what, who.hex(), within)


# ── statements ──

_COUNT: Final = select(tries.c.number).where(tries.c.mark == bindparam("the_mark"))


@cache
def _note(postgres: bool) -> Any:
    put = postgresql.insert(tries) if postgres else sqlite.insert(tries)
    one_more = tries.c.number + literal_column("1")
    return put.on_conflict_do_update(
        index_elements=[tries.c.mark], set_={"number": one_more}
    ).returning(tries.c.number)
