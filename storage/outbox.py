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
from collections.abc import Collection, Mapping, Sequence
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

from storage import announcements, letter_keys
from storage.contacts import open_address
from storage.covers import open_cover
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
from storage.values import Dead, Ending, Letter, NewLetter, Noted, Postponed, Reach, Sent
from storage.vault import CannotOpen
from storage.wire import Row

PRIORITIES: Final = (0, 1, 2)
"""Replies, follow-ups, broadcasts."""

STOPPED: Final = announcements.STOPPED
"""Why a letter ended: its contact asked for silence."""
NEVER: Final = 2**62
"""A moment, in milliseconds, after the end of every lease."""


class Outbox:
    """Letters of one transaction: put, claimed, settled."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, letters: Sequence[NewLetter]) -> None:
        """Keep these letters; per contact and priority they go out in this order."""
        await self._tx.change_many(_PUT, [self._new(letter) for letter in letters])

    async def claim_new(
        self,
        letters: Sequence[NewLetter],
        reaches: Mapping[int, Reach],
        now: datetime,
        lease: timedelta,
    ) -> list[Letter]:
        """Take those of the replies just put that nothing stands before, as `claim` would.

        For whoever puts and sends in one process: what it has in hand need not be read back and
        opened. ``letters`` holds at most one letter of each contact, ``reaches`` where each is
        reached. A contact with another reply waiting, or a letter on its way, is left to `claim`.
        """
        values = {
            "ids": numbers([it.contact_id for it in letters], postgres=self._tx.postgres),
            "until": milliseconds(now + lease),
        }
        ids = {
            row.contact_id: row.id
            for row in await self._tx.rows(_claim_new(self._tx.postgres), values)
        }
        return [
            Letter(
                ids[it.contact_id],
                it.contact_id,
                reaches[it.contact_id],
                it.priority,
                it.body,
                1,
                it.due_at,
                it.about,
                it.about_id,
            )
            for it in letters
            if it.contact_id in ids
        ]

    async def claim(
        self,
        channel: str,
        account: str,
        now: datetime,
        limit: int,
        lease: timedelta,
        not_for: Collection[int] = (),
        broadcasts: int | None = None,
    ) -> list[Letter]:
        """Take up to ``limit`` due letters until ``now + lease``, the most urgent, oldest first.

        At most one letter of each contact is taken, none of the contacts in ``not_for``, and of
        broadcasts no more than ``broadcasts``. Letters whose words or address can no longer be
        opened, and those nobody wants to be sent any more, are settled as dead here.
        """
        values = {
            "on_channel": channel,
            "on_account": account,
            "now": milliseconds(now),
            "until": milliseconds(now + lease),
            "most": limit,
            "most_broadcasts": limit if broadcasts is None else min(limit, broadcasts),
            "not_for": numbers(sorted(not_for), postgres=self._tx.postgres),
        }
        taken = await self._tx.rows(_claim(self._tx.postgres), values)
        addresses = await self._addresses([row.contact_id for row in taken])
        opened = [
            self._open(row, addresses.get(row.contact_id))
            for row in sorted(taken, key=lambda row: (row.priority, row.due_at, row.id))
        ]
        letters = [it for it in opened if isinstance(it, Letter)]
        unwanted = await self._unwanted(letters)
        await self._bury([it for it in opened if isinstance(it, Dead)] + unwanted, now)
        gone = {it.letter_id for it in unwanted}
        return [it for it in letters if it.id not in gone] if gone else letters

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
            await Ledger(self._tx).remember([_noted(it, now) for it in sent if it.message_id])
            if about := [it for it in sent if it.about is not None]:
                await announcements.sent(self._tx, about, now)
        await self._tx.change_many(_LATER, [_postponed(it) for it in later])
        await self._bury(dead, now)

    async def next_due(self, channel: str, account: str) -> datetime | None:
        """Return when the next letter can be claimed; None when nothing waits.

        Letters standing behind another of their contact do not count: they follow it.
        """
        row = await self._tx.row(_NEXT_DUE, {"on_channel": channel, "on_account": account})
        return as_moment(row.next_at) if row and row.next_at is not None else None

    async def first_unclaimed(self, channel: str, account: str) -> datetime | None:
        """Return when the first letter nobody has claimed is due, also one behind another."""
        values = {"on_channel": channel, "on_account": account}
        row = await self._tx.row(_FIRST_UNCLAIMED, values)
        return as_moment(row.next_at) if row and row.next_at is not None else None

    async def waiting(self, contact_id: int) -> int:
        """Return how many letters of this contact are not settled."""
        row = await self._tx.row(_WAITING_FOR, {"contact": contact_id})
        return int(row.number) if row else 0

    async def take_over(self, channel: str, account: str) -> int:
        """End the leases of an account at once; return how many there were.

        For who has just become its only sender: whoever claimed them is gone, and a family should
        not wait for the lease of a dead process.
        """
        values = {"on_channel": channel, "on_account": account}
        return await self._tx.change(_TAKE_OVER, values)

    async def release(self, claims: Sequence[tuple[int, datetime]], now: datetime) -> None:
        """End these claims, each named by its letter and the end of its lease.

        For letters whose transaction may have come to nothing: there may be no such letter, and
        its number may be another's by now, which has another lease.
        """
        rows = [
            {"row": letter_id, "until": milliseconds(until), "now": milliseconds(now)}
            for letter_id, until in claims
        ]
        await self._tx.change_many(_RELEASE, rows)

    async def cancel(self, contact_id: int, reason: str, now: datetime) -> int:
        """Settle everything that waits for a contact as dead; return how many it was."""
        return await self._cancel(contact_id, reason, now, PRIORITIES[0])

    async def silence(self, contact_id: int, reason: str, now: datetime) -> int:
        """Settle what waits for a contact without being a reply to it; return how many it was.

        What is just being sent to somebody who said stop ends by what the provider says: sent, or
        never again, for nobody who said stop is written to a second time.
        """
        return await self._cancel(contact_id, reason, now, PRIORITIES[1])

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

    async def _cancel(self, contact_id: int, reason: str, now: datetime, least: int) -> int:
        values = {
            "contact": contact_id, "why": reason, "now": milliseconds(now), "least": least,
            "under_way": milliseconds(now) if reason == STOPPED else NEVER,
        }  # fmt: skip
        ended = await self._tx.rows(_CANCEL, values)
        ending: Ending = "opted_out" if reason == STOPPED else "cancelled"
        about = [
            Dead(
                row.id,
                reason,
                row.about,
                row.about_id,
                "unclear" if row.unsure else ending,
                row.unsure > 1,
            )
            for row in ended
            if row.about is not None
        ]
        if about:
            await announcements.dead(self._tx, about, now)
        return len(ended)

    async def _unwanted(self, letters: Sequence[Letter]) -> list[Dead]:
        """Return the end of those letters that are not to be sent, for all that they are due."""
        if all(it.priority == PRIORITIES[0] for it in letters):
            return []
        return await announcements.unwanted(self._tx, letters)

    def _open(self, row: Row, contact: Row | None) -> Letter | Dead:
        if contact is None:
            return Dead(row.id, "no_contact", row.about, row.about_id)
        try:
            reach = open_address(
                self._tx, row.channel, row.account, contact.tag, contact.address_box
            )
            body = letter_keys.open_letter(
                self._tx, row.contact_id, contact.generation, row.body, row.handle
            )
        except KeyGone:
            return Dead(row.id, "expired", row.about, row.about_id)
        except CannotOpen:
            return Dead(row.id, "damaged", row.about, row.about_id)
        if row.priority > PRIORITIES[0] and contact.state != "active":
            ending: Ending = "opted_out" if contact.state == STOPPED else "blocked"
            if row.unsure > 1:
                ending = "unclear"  # it was tried before, and may have arrived then
            return Dead(row.id, contact.state, row.about, row.about_id, ending)
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
            row.unsure,
            contact.zone,
            contact.hours,
            open_cover(self._tx, contact.tag, contact.cover_box),
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
        if about := [it for it in dead if it.about is not None]:
            await announcements.dead(self._tx, about, now)


def _noted(it: Sent, now: datetime) -> Noted:
    due_at = None if it.stays is None else now + timedelta(seconds=it.stays)
    return Noted(it.contact_id, it.message_id, "out", now, it.sort, due_at)


def _postponed(it: Postponed) -> dict[str, Any]:
    return {
        "row": it.letter_id,
        "why": it.reason,
        "new_next_at": milliseconds(it.due_at),
        "clear": 0 if it.unclear else 1,
    }


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
    most = "most_broadcasts" if priority == PRIORITIES[2] else "most"
    query = (
        select(own.c.id)
        .where(_of_account(own, priority), own.c.next_at <= now, ~blocked, ~left_out)
        .order_by(own.c.next_at, own.c.id)
        .limit(bindparam(most))
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
        .values(
            attempts=outbox.c.attempts + 1,
            unsure=outbox.c.unsure + 1,
            next_at=until,
            lease_at=until,
        )
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
            outbox.c.unsure,
        )
    )


@cache
def _claim_new(postgres: bool) -> ReturningUpdate[Any]:
    other = outbox.alias("other")
    before = or_(
        other.c.priority == literal_column(str(PRIORITIES[0])), other.c.lease_at.is_not(None)
    )
    until = bindparam("until", type_=INTEGER)
    return (
        update(outbox)
        .where(
            among(outbox.c.contact_id, "ids", postgres=postgres),
            outbox.c.state == literal_column(str(WAITING)),
            outbox.c.priority == literal_column(str(PRIORITIES[0])),
            outbox.c.attempts == literal_column("0"),
            ~exists().where(
                other.c.contact_id == outbox.c.contact_id,
                other.c.state == literal_column(str(WAITING)),
                other.c.id != outbox.c.id,
                before,
            ),
        )
        .values(
            attempts=outbox.c.attempts + 1,
            unsure=outbox.c.unsure + 1,
            next_at=until,
            lease_at=until,
        )
        .returning(outbox.c.id, outbox.c.contact_id)
    )


@cache
def _addresses(postgres: bool) -> Select[Any]:
    return select(
        contacts.c.id,
        contacts.c.tag,
        contacts.c.address_box,
        contacts.c.generation,
        contacts.c.state,
        contacts.c.zone,
        contacts.c.hours,
        contacts.c.cover_box,
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


def _first_unclaimed() -> Select[Any]:
    parts = []
    for priority in PRIORITIES:
        own = outbox.alias()
        first = (
            select(own.c.next_at)
            .where(_of_account(own, priority), own.c.lease_at.is_(None))
            .order_by(own.c.next_at, own.c.id)
            .limit(1)
        )
        parts.append(select(first.scalar_subquery().label("next_at")))
    due = union_all(*parts).subquery()
    return select(func.min(due.c.next_at).label("next_at"))


_FIRST_UNCLAIMED: Final = _first_unclaimed()

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
    .values(
        next_at=bindparam("new_next_at"),
        reason=bindparam("why"),
        unsure=outbox.c.unsure - bindparam("clear", type_=INTEGER),
        lease_at=None,
    )
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

_RELEASE: Final[Update] = (
    update(outbox)
    .where(
        outbox.c.id == bindparam("row"),
        outbox.c.state == literal_column(str(WAITING)),
        outbox.c.lease_at == bindparam("until"),
    )
    .values(next_at=bindparam("now"), lease_at=None)
)

_TAKE_OVER: Final[Update] = (
    update(outbox)
    .where(
        outbox.c.state == literal_column(str(WAITING)),
        outbox.c.channel == bindparam("on_channel"),
        outbox.c.account == bindparam("on_account"),
        outbox.c.lease_at.is_not(None),
    )
    # Due as at first: what may have been under way goes before what has not been tried yet.
    .values(next_at=outbox.c.due_at, lease_at=None)
)

_CANCEL: Final[ReturningUpdate[Any]] = (
    update(outbox)
    .where(
        outbox.c.contact_id == bindparam("contact"),
        outbox.c.priority >= bindparam("least"),
        outbox.c.state == literal_column(str(WAITING)),
        or_(outbox.c.lease_at.is_(None), outbox.c.lease_at <= bindparam("under_way")),
    )
    .values(**_BURIED)
    .returning(outbox.c.id, outbox.c.about, outbox.c.about_id, outbox.c.unsure)
)
