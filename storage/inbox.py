"""The inbox: which events have been taken in, so that a repeat changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Integer, bindparam, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from storage import vault
from storage.keyring import KeysUnusable
from storage.tables import inbox, set_aside
from storage.transaction import Transaction, as_date, day, day_in_utc, tags, tags_given
from storage.values import SetAside, UpdateKey
from storage.vault import CannotOpen, Form


def _remember(postgres: bool) -> ReturningInsert[Any]:
    insertion: Any = (postgresql if postgres else sqlite).insert(inbox)
    given = tags_given(postgres=postgres).cte("given")
    # SQLite takes the ON of "ON CONFLICT" for a join's unless a WHERE stands before it.
    came_on = bindparam("on_day", type_=Integer())
    source = select(given.c.tag, came_on).where(literal_column("1") == literal_column("1"))
    kept: ReturningInsert[Any] = (
        insertion.from_select(["tag", "came_on"], source)
        .on_conflict_do_nothing()
        .returning(inbox.c.tag)
    )
    return kept


_REMEMBER = {True: _remember(True), False: _remember(False)}
_SET_ASIDE = insert(set_aside)
_ASIDE = select(set_aside).order_by(set_aside.c.id).limit(bindparam("most"))


class Inbox:
    """Repeats are recognised by a keyed mark of what came; the mark says nothing to others."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def remember(self, keys: Sequence[UpdateKey], on: date) -> set[UpdateKey]:
        """Return those of ``keys`` that were never seen before, and remember them all."""
        tag_key = self._tx.tag_key()
        by_tag = {
            vault.tag(tag_key, "update", it.channel, it.account, it.update_id, it.event): it
            for it in keys
        }
        if not by_tag:
            return set()
        # In one order everywhere, so that two workers with the same events do not lock crosswise.
        values = tags(sorted(by_tag), postgres=self._tx.postgres) | {"on_day": day(on)}
        new = await self._tx.rows(_REMEMBER[self._tx.postgres], values)
        return {by_tag[row.tag] for row in new}

    async def set_aside(self, key: UpdateKey, raw: bytes, reason: str, now: datetime) -> None:
        """Keep an event that cannot be read, boxed under today's epoch key.

        ``reason`` is a short fixed word. Raises `CannotKeep`.
        """
        today, handle = day_in_utc(now), secrets.token_bytes(16)
        epoch_key = self._tx.key_of(today)
        row = {
            "handle": handle,
            "channel": key.channel,
            "account": key.account,
            "reason": reason,
            "body": vault.box_waiting(Form.INBOX, epoch_key, today, raw, handle),
            "put_on": today,
        }
        await self._tx.change(_SET_ASIDE, row)

    async def list_set_aside(self, limit: int = 100) -> list[SetAside]:
        """Return the oldest events set aside; ``raw`` is None where the key has ended."""
        rows = await self._tx.rows(_ASIDE, {"most": limit})
        return [
            SetAside(
                row.id,
                row.channel,
                row.account,
                row.reason,
                self._open(row.body, row.handle),
                as_date(row.put_on),
            )
            for row in rows
        ]

    def _open(self, body: bytes, handle: bytes) -> bytes | None:
        try:
            epoch_key = self._tx.epoch_key(vault.day_of(body))
            return vault.unbox_waiting(Form.INBOX, epoch_key, body, handle)
        except (KeysUnusable, CannotOpen):
            return None
