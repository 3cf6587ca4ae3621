"""The outbox: what is to be said, kept in the same transaction as what it answers.

A letter waits until it is claimed, is claimed for the length of a lease, and is settled as sent,
dead or to be tried later. A lease that ends unsettled makes the letter claimable again: it may be
said twice, it is never lost.

Theory of the order. A letter is *ahead* of another of the same contact when it is more urgent, or
as urgent and put earlier. Nothing is claimed while a letter ahead of it is due, claimed or waits to
be tried again; so one claim takes at most one letter of a contact, and what it takes is the head of
that contact's line. A letter planned for later and never tried is not ahead of anything yet. And
while any letter of a contact is on its way, no other is claimed. On PostgreSQL two claims at once
skip each other's rows; since a skipped letter still stands ahead, its followers stay where they
are.

Cost. Both indexes hold waiting letters only, and each priority is asked for on its own, so that
neither settled letters nor those planned for later are ever walked over.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate, Update
from sqlalchemy.sql.selectable import NamedFromClause

from storage import letter_keys
from storage.contacts import open_address
from storage.keyring import KeyGone
from storage.ledger import Ledger
from storage.tables import DEAD, SENT, WAITING, contacts, outbox
from storage.transaction import (
    INTEGER,
    Transaction,
    among,
    as_moment,
    day_in_utc,
    milliseconds,
    numbers,
)
from storage.values import Dead, Letter, NewLetter, Noted, Postponed, Sent
from storage.vault import CannotOpen
from storage.wire import Row

PRIORITIES: Final = (0, 1, 2)
"""Replies, follow-ups, broadcasts."""


class Outbox:
    """Letters of one transaction: put, claimed, settled."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, letters: Sequence[NewLetter]) -> None:
        """Keep these letters; per contact and priority they go out in this order."""
        await self._tx.change_many(_PUT, [self._new(letter) for letter in letters])

    async def claim(
        self,
        channel: str,
        account: str,
        now: datetime,
        limit: int,
        lease: timedelta,
        not_for: Collection[int] = (),
    ) -> list[Letter]:
        """Take up to ``limit`` due letters until ``now + lease``, the most urgent, oldest first.

        At most one letter of each contact is taken, none of the contacts in ``not_for``. Letters
        whose words or address can no longer be opened are settled as dead here.
        """
        values = {
            "on_channel": channel,
            "on_account": account,
            "now": milliseconds(now),
            "until": milliseconds(now + lease),
            "most": limit,
            "not_for": numbers(sorted(not_for), postgres=self._tx.postgres),
        }
        taken = await self._tx.rows(_claim(self._tx.postgres), values)
        addresses = await self._addresses([row.contact_id for row in taken])
        opened = [
            self._open(row, addresses.get(row.contact_id))
            for row in sorted(taken, key=lambda row: (row.priority, row.due_at, row.id))
        ]
        await self._bury([it for it in opened if isinstance(it, Dead)], now)
        return [it for it in opened if isinstance(it, Letter)]

    async def settle(
        self,
        sent: Sequence[Sent],
        later: Sequence[Postponed],
        dead: Sequence[Dead],
        now: datetime,
    ) -> None:
        """End claims: words of sent and dead letters are wiped, provider's ids remembered."""
        if sent:
            ids = numbers([it.letter_id for it in sent], postgres=self._tx.postgres)
            values = {"ids": ids, "now": milliseconds(now)}
            await self._tx.change(_sent(self._tx.postgres), values)
            await Ledger(self._tx).remember(
                [Noted(it.contact_id, it.message_id, "out", now) for it in sent if it.message_id]
            )
        await self._tx.change_many(_LATER, [_postponed(it) for it in later])
        await self._bury(dead, now)

    async def next_due(self, channel: str, account: str) -> datetime | None:
        """Return when the next letter can be claimed; None when nothing waits.

        Letters standing behind another of their contact do not count: they follow it.
        """
        row = await self._tx.row(_NEXT_DUE, {"on_channel": channel, "on_account": account})
        return as_moment(row.next_at) if row and row.next_at is not None else None

    async def waiting(self, contact_id: int) -> int:
        """Return how many letters of this contact are not settled."""
        row = await self._tx.row(_WAITING_FOR, {"contact": contact_id})
        return int(row.number) if row else 0

    async def take_over(self, channel: str, account: str, now: datetime) -> int:
        """End the leases of an account at once; return how many there were.

        For who has just become its only sender: whoever claimed them is gone, and a family should
        not wait for the lease of a dead process.
        """
        values = {"on_channel": channel, "on_account": account, "now": milliseconds(now)}
        return await self._tx.change(_TAKE_OVER, values)

    async def cancel(self, contact_id: int, reason: str, now: datetime) -> int:
        """Settle everything that waits for a contact as dead; return how many it was."""
        values = {"contact": contact_id, "why": reason, "now": milliseconds(now)}
        return await self._tx.change(_CANCEL, values)

    # ── within ──

    def _new(self, letter: NewLetter) -> dict[str, Any]:
        handle = secrets.token_bytes(16)
        due_at = milliseconds(letter.due_at)
        return {
            "handle": handle,
            "contact_id": letter.contact_id,
            "channel": letter.channel,
            "account": letter.account,
            "priority": letter.priority,
            "due_at": due_at,
            "next_at": due_at,
            "body": letter_keys.close(
                self._tx, letter.contact_id, day_in_utc(letter.due_at), letter.body, handle
            ),
            "about": letter.about,
            "about_id": letter.about_id,
        }

    def _open(self, row: Row, contact: Row | None) -> Letter | Dead:
        if contact is None:
            return Dead(row.id, "no_contact")
        try:
            reach = open_address(
                self._tx, row.channel, row.account, contact.tag, contact.address_box
            )
            body = letter_keys.open_letter(
                self._tx, row.contact_id, contact.generation, row.body, row.handle
            )
        except KeyGone:
            return Dead(row.id, "expired")
        except CannotOpen:
            return Dead(row.id, "damaged")
        due_at = as_moment(row.due_at)
        return Letter(
            row.id,
            row.contact_id,
            reach,
            row.priority,
            body,
            row.attempts,
            due_at,
            row.about,
            row.about_id,
        )

    async def _addresses(self, ids: Sequence[int]) -> dict[int, Row]:
        if not ids:
            return {}
        values = {"ids": numbers(ids, postgres=self._tx.postgres)}
        rows = await self._tx.rows(_addresses(self._tx.postgres), values)
        return {row.id: row for row in rows}

    async def _bury(self, dead: Sequence[Dead], now: datetime) -> None:
        moment = milliseconds(now)
        rows = [{"row": it.letter_id, "why": it.reason, "now": moment} for it in dead]
        await self._tx.change_many(_DEAD, rows)


def _postponed(it: Postponed) -> dict[str, Any]:
    return {"row": it.letter_id, "why": it.reason, "new_next_at": milliseconds(it.due_at)}


# ── statements ──

_PUT: Final = insert(outbox)


def _ahead(other: NamedFromClause[Any], own: NamedFromClause[Any]) -> ColumnElement[bool]:
    more_urgent = other.c.priority < own.c.priority
    earlier = and_(other.c.priority == own.c.priority, other.c.id < own.c.id)
    return or_(more_urgent, earlier)


def _unsettled_beside(
    other: NamedFromClause[Any], own: NamedFromClause[Any]
) -> ColumnElement[bool]:
    # "state = 0" word for word: only so do both databases use the partial indexes.
    return and_(
        other.c.contact_id == own.c.contact_id,
        other.c.state == literal_column(str(WAITING)),
        other.c.id != own.c.id,
    )


def _of_account(own: NamedFromClause[Any], priority: int) -> ColumnElement[bool]:
    return and_(
        own.c.state == literal_column(str(WAITING)),
        own.c.channel == bindparam("on_channel"),
        own.c.account == bindparam("on_account"),
        own.c.priority == literal_column(str(priority)),
    )


def _heads(priority: int, postgres: bool) -> Select[tuple[int]]:
    own, other = outbox.alias("own"), outbox.alias("other")
    now = bindparam("now", type_=INTEGER)
    in_line = and_(_ahead(other, own), or_(other.c.attempts > 0, other.c.next_at <= now))
    blocked = exists().where(_unsettled_beside(other, own), or_(other.c.lease_at > now, in_line))
    left_out = among(own.c.contact_id, "not_for", postgres=postgres)
    query = (
        select(own.c.id)
        .where(_of_account(own, priority), own.c.next_at <= now, ~blocked, ~left_out)
        .order_by(own.c.next_at, own.c.id)
        .limit(bindparam("most"))
    )
    return query.with_for_update(of=own, skip_locked=True) if postgres else query


@cache
def _claim(postgres: bool) -> ReturningUpdate[Any]:
    parts = [_heads(priority, postgres).cte(f"heads_{priority}") for priority in PRIORITIES]
    heads = union_all(*(select(part.c.id) for part in parts)).limit(bindparam("most")).cte("heads")
    until = bindparam("until", type_=INTEGER)
    return (
        update(outbox)
        .where(outbox.c.id.in_(select(heads.c.id)))
        .values(attempts=outbox.c.attempts + 1, next_at=until, lease_at=until)
        .returning(
            outbox.c.id,
            outbox.c.handle,
            outbox.c.contact_id,
            outbox.c.channel,
            outbox.c.account,
            outbox.c.priority,
            outbox.c.attempts,
            outbox.c.due_at,
            outbox.c.body,
            outbox.c.about,
            outbox.c.about_id,
        )
    )


@cache
def _addresses(postgres: bool) -> Select[Any]:
    return select(
        contacts.c.id, contacts.c.tag, contacts.c.address_box, contacts.c.generation
    ).where(among(contacts.c.id, "ids", postgres=postgres))


def _next_due() -> Select[Any]:
    parts = []
    for priority in PRIORITIES:
        own, other = outbox.alias(), outbox.alias()
        in_line = and_(
            _ahead(other, own), or_(other.c.attempts > 0, other.c.next_at <= own.c.next_at)
        )
        blocked = exists().where(
            _unsettled_beside(other, own), or_(other.c.lease_at.is_not(None), in_line)
        )
        head = (
            select(own.c.next_at)
            .where(_of_account(own, priority), ~blocked)
            .order_by(own.c.next_at, own.c.id)
            .limit(1)
        )
        parts.append(select(head.scalar_subquery().label("next_at")))
    due = union_all(*parts).subquery()
    return select(func.min(due.c.next_at).label("next_at"))


_NEXT_DUE: Final = _next_due()

_WAITING_FOR: Final = select(func.count().label("number")).where(
    outbox.c.contact_id == bindparam("contact"),
    outbox.c.state == literal_column(str(WAITING)),
)


@cache
def _sent(postgres: bool) -> Update:
    return (
        update(outbox)
        .where(among(outbox.c.id, "ids", postgres=postgres), outbox.c.state == WAITING)
        .values(state=SENT, body=None, lease_at=None, settled_at=bindparam("now"))
    )


_LATER: Final[Update] = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), outbox.c.state == WAITING)
    .values(next_at=bindparam("new_next_at"), reason=bindparam("why"), lease_at=None)
)

_BURIED: Final[dict[str, Any]] = {
    "state": DEAD,
    "body": None,
    "lease_at": None,
    "reason": bindparam("why"),
    "settled_at": bindparam("now"),
}

_DEAD: Final[Update] = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), outbox.c.state == WAITING)
    .values(**_BURIED)
)

_TAKE_OVER: Final[Update] = (
    update(outbox)
    .where(
        outbox.c.state == literal_column(str(WAITING)),
        outbox.c.channel == bindparam("on_channel"),
        outbox.c.account == bindparam("on_account"),
        outbox.c.lease_at.is_not(None),
    )
    .values(next_at=bindparam("now"), lease_at=None)
)

_CANCEL: Final[Update] = (
    update(outbox)
    .where(
        outbox.c.contact_id == bindparam("contact"),
        outbox.c.state == literal_column(str(WAITING)),
    )
    .values(**_BURIED)
)
