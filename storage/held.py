"""Held: first words of people nobody has answered yet, because very many write at this moment.

A row is one thing a person did, boxed like an event set aside: under the epoch key of its day,
bound to a handle of its own. It is found by the mark its contact will have, so that what somebody
writes while it waits stands behind what it wrote before. People are taken in by turns, in the order
in which the first of them wrote, and a row is deleted in the transaction that takes it in: a crash
leaves it where it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, select
from sqlalchemy.sql.dml import Delete

from storage import vault
from storage.keyring import KeysUnusable
from storage.tables import contacts, held
from storage.transaction import (
    Transaction,
    among,
    day_in_utc,
    numbers,
    tags,
    tags_given,
)
from storage.values import Reach
from storage.vault import CannotOpen, Form

_PUT: Final = insert(held)
_COUNT: Final = select(func.count().label("number")).select_from(held)
_FIRST: Final = select(held.c.tag).order_by(held.c.id).limit(bindparam("most"))
_AFTER: Final[Select[Any]] = (
    select(held.c.id, held.c.handle, held.c.tag, held.c.body)
    .where(held.c.id > bindparam("after"))
    .order_by(held.c.id)
    .limit(bindparam("most"))
)
_LOOKED_AT: Final = 8
"""So many rows are looked at for each person wanted: most people write once or twice."""


@dataclass(frozen=True, slots=True)
class HeldWords:
    """One thing somebody did; ``body`` is None when its key has ended, or it does not open.

    ``tag`` is whose it is: the mark their contact will have.
    """

    id: int
    body: bytes | None = field(repr=False)
    tag: bytes = field(default=b"", repr=False)


class Held:
    """Held words of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def count(self) -> int:
        """Return how many rows are held."""
        row = await self._tx.row(_COUNT)
        return int(row.number) if row else 0

    async def waiting(self, reaches: Sequence[Reach]) -> set[Reach]:
        """Return those of ``reaches`` for whom words are held."""
        return await self._among(_waiting(self._tx.postgres), reaches)

    async def known(self, reaches: Sequence[Reach]) -> set[Reach]:
        """Return those of ``reaches`` with whom somebody has talked before."""
        return await self._among(_known(self._tx.postgres), reaches)

    async def put(self, words: Sequence[tuple[Reach, bytes]], now: datetime) -> None:
        """Hold these words, in order."""
        today = day_in_utc(now)
        await self._tx.change_many(_PUT, [self._new(reach, body, today) for reach, body in words])

    async def first(self, people: int) -> list[bytes]:
        """Return the marks of those who have waited longest, at most so many."""
        rows = await self._tx.rows(_FIRST, {"most": people * _LOOKED_AT})
        return list(dict.fromkeys(bytes(row.tag) for row in rows))[:people]

    async def peek(self, after: int, most: int) -> list[HeldWords]:
        """Return what is held behind row ``after``, in order, and leave it there."""
        rows = await self._tx.rows(_AFTER, {"after": after, "most": most})
        return [HeldWords(row.id, self._open(row.body, row.handle), row.tag) for row in rows]

    async def take(self, people: Sequence[bytes]) -> list[HeldWords]:
        """Take everything held for these people out, in order.

        On PostgreSQL what another process takes at this moment is left to it.
        """
        if not people:
            return []
        postgres = self._tx.postgres
        rows = await self._tx.rows(_rows(postgres), tags(people, postgres=postgres))
        ids = [row.id for row in rows]
        await self._tx.change(_delete(postgres), {"ids": numbers(ids, postgres=postgres)})
        return [HeldWords(row.id, self._open(row.body, row.handle)) for row in rows]

    async def _among(self, query: Select[Any], reaches: Sequence[Reach]) -> set[Reach]:
        by_tag = {self._tag(reach): reach for reach in reaches}
        if not by_tag:
            return set()
        rows = await self._tx.rows(query, tags(sorted(by_tag), postgres=self._tx.postgres))
        return {by_tag[bytes(row.tag)] for row in rows}

    def _new(self, reach: Reach, body: bytes, today: int) -> dict[str, Any]:
        handle = secrets.token_bytes(16)
        return {
            "handle": handle,
            "tag": self._tag(reach),
            "body": vault.box_waiting(Form.INBOX, self._tx.key_of(today), today, body, handle),
            "put_on": today,
        }

    def _tag(self, reach: Reach) -> bytes:
        return vault.tag(
            self._tx.tag_key(), "contact", reach.channel, reach.account, reach.person
        )  # as in `contacts.py`: that is how a held person is known to be somebody already

    def _open(self, body: bytes, handle: bytes) -> bytes | None:
        try:
            epoch_key = self._tx.epoch_key(vault.day_of(body))
            return vault.unbox_waiting(Form.INBOX, epoch_key, body, handle)
        except (KeysUnusable, CannotOpen):
            return None


@cache
def _waiting(postgres: bool) -> Select[Any]:
    return select(held.c.tag).where(held.c.tag.in_(tags_given(postgres=postgres))).distinct()


@cache
def _known(postgres: bool) -> Select[Any]:
    # A contact's first row has revision 0 until its first answer is kept.
    return select(contacts.c.tag).where(
        contacts.c.tag.in_(tags_given(postgres=postgres)), contacts.c.revision > 0
    )


@cache
def _rows(postgres: bool) -> Select[Any]:
    query = (
        select(held.c.id, held.c.handle, held.c.body)
        .where(held.c.tag.in_(tags_given(postgres=postgres)))
        .order_by(held.c.id)
    )
    return query.with_for_update(skip_locked=True) if postgres else query


@cache
def _delete(postgres: bool) -> Delete:
    return delete(held).where(among(held.c.id, "ids", postgres=postgres))
