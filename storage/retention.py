"""Retention: what has had its time is deleted, a slice at a time.

Deleting rows is tidiness; what makes things unreadable is that their keys end (`keystore.py`). The
periods and why they are what they are: `docs/adr/0006-retention-periods.md`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import Delete

from storage.claims import has_claims, has_locks
from storage.contacts import Contacts
from storage.copies import Copies
from storage.leaving import Leaving
from storage.periods import Periods
from storage.shown_numbers import KEPT
from storage.tables import (
    WAITING,
    alerts,
    broadcast_people,
    broadcasts,
    claims,
    contacts,
    inbox,
    ledger,
    outbox,
    set_aside,
    shown_numbers,
    ties,
    tries,
)
from storage.transaction import Transaction, among, day, milliseconds, numbers
from storage.values import Due

TRY_DAYS: Final = 1
"""By then the keys of their marks are gone."""
DEFAULT: Final = Periods()
LEDGER: Final = timedelta(days=DEFAULT.message_ids)
"""So long the ids of messages are there at least: settings can only make it longer."""
COVER_DAYS: Final = DEFAULT.covers


class Retention:
    """Deletes what is due. One call is one slice, so that no transaction grows long."""

    def __init__(self, tx: Transaction, people: Contacts) -> None:
        self._tx = tx
        self._contacts = people
        self._copies = Copies(tx)

    async def preview(
        self, now: datetime, periods: Periods = DEFAULT, today: date | None = None
    ) -> Due:
        """Return how many rows are due now, and delete nothing.

        ``today`` is the day where the service is, on which cases are erased whose family withdrew
        them (`services/erasing.py` does it; `run` does not). Without it, the day in UTC.
        """
        today = today or now.astimezone(UTC).date()
        values = _limits(now, periods)
        counts = {name: await self._count(name, values) for name in _DUE}
        copies = await self._copies.count_due(_day_before(now, periods.copies))
        cases = await Leaving(self._tx, self._contacts).count_due(today)
        return Due(**counts, copies=copies, cases=cases)

    async def run(self, now: datetime, limit: int = 500, periods: Periods = DEFAULT) -> Due:
        """Delete one slice: of each kind the oldest ``limit`` rows; return how many it was.

        Call it again, in a new transaction, until ``total`` is 0.
        """
        values = _limits(now, periods) | {"most": limit}
        drafts = await self._contacts.expire(now.astimezone(UTC).date(), limit)
        deleted = {
            name: await self._tx.change(_slice(name), values) for name in _DUE if name not in _OWN
        }
        parted = await self._tx.change(_PART, values)
        idle = await self._delete_idle(values)
        copies = await self._end_copies(now, limit, periods)
        return Due(drafts=drafts, contacts=idle, people=parted, copies=copies, **deleted)

    async def _end_copies(self, now: datetime, limit: int, periods: Periods) -> int:
        """End copies nobody has opened, and forget those long ended; return how many ended."""
        today = now.astimezone(UTC).date()
        await self._copies.forget(_day_before(now, 2 * periods.copies), limit)
        return await self._copies.expire(_day_before(now, periods.copies), today, limit)

    async def _delete_idle(self, values: dict[str, int]) -> int:
        """Delete contacts with nothing open, in two steps.

        Somebody may be returning in this very moment. So the rows are held first, leaving out those
        that others hold, and are looked at anew once they are ours: a single DELETE would wait for
        the other transaction and then delete what it has just begun.
        """
        rows = await self._tx.rows(_idle(self._tx.postgres), values)
        ids = numbers([row.id for row in rows], postgres=self._tx.postgres)
        return await self._tx.change(_delete(self._tx.postgres), values | {"ids": ids})

    async def _count(self, name: str, values: dict[str, int]) -> int:
        row = await self._tx.row(_number(name), values)
        return int(row.number) if row else 0


def _day_before(now: datetime, days: int) -> date:
    return now.astimezone(UTC).date() - timedelta(days=days)


def _limits(now: datetime, periods: Periods) -> dict[str, int]:
    today = day(now.astimezone(UTC).date())
    return {
        "inbox_before": today - periods.events,
        "aside_before": today - periods.set_aside,
        "settled_before": milliseconds(now - timedelta(days=periods.letters)),
        "ledger_before": milliseconds(now - timedelta(days=periods.message_ids)),
        "alerts_before": milliseconds(now - timedelta(days=periods.alerts)),
        "people_before": milliseconds(now - timedelta(days=periods.broadcast_people)),
        "claims_before": today - periods.claims,
        "tries_before": today - TRY_DAYS,
        "numbers_before": milliseconds(now - KEPT),
        "cover_before": today - periods.covers,
        "idle_before": today - periods.contacts,
        "today": today,
    }


def _nothing_open() -> ColumnElement[bool]:
    letters = exists().where(
        outbox.c.contact_id == contacts.c.id,
        outbox.c.state == literal_column(str(WAITING)),
    )
    tied = exists().where(ties.c.contact_id == contacts.c.id)
    # What is still to leave its chat needs the address; that is never longer than the ledger lasts.
    clearing = exists().where(ledger.c.contact_id == contacts.c.id, ledger.c.due_at.is_not(None))
    # Without a draft there is no session and no key; "IS NULL" uses the index of idle contacts.
    idle = contacts.c.last_on < bindparam("idle_before")
    covered = contacts.c.cover_box.is_not(None) & (contacts.c.last_on >= bindparam("cover_before"))
    waits = has_claims(contacts.c.id) | has_locks(contacts.c.id)
    busy = or_(letters, tied, clearing, waits, covered)
    return and_(contacts.c.expire_on.is_(None), idle, not_(busy))


def _long_ended() -> ColumnElement[bool]:
    ended = select(broadcasts.c.id).where(broadcasts.c.ended_at < bindparam("people_before"))
    return broadcast_people.c.broadcast_id.in_(ended) & (broadcast_people.c.contact_id > 0)


_DUE: Final[dict[str, tuple[Table, ColumnElement[Any], ColumnElement[bool]]]] = {
    "inbox": (inbox, inbox.c.tag, inbox.c.came_on < bindparam("inbox_before")),
    "set_aside": (set_aside, set_aside.c.id, set_aside.c.put_on < bindparam("aside_before")),
    "letters": (outbox, outbox.c.id, outbox.c.settled_at < bindparam("settled_before")),
    "ledger": (ledger, ledger.c.id, ledger.c.at < bindparam("ledger_before")),
    "alerts": (alerts, alerts.c.id, alerts.c.put_at < bindparam("alerts_before")),
    "claims": (claims, claims.c.id, claims.c.put_on < bindparam("claims_before")),
    "tries": (tries, tries.c.mark, tries.c.put_on < bindparam("tries_before")),
    "numbers": (
        shown_numbers,
        shown_numbers.c.id,
        shown_numbers.c.shown_at < bindparam("numbers_before"),
    ),
    "drafts": (contacts, contacts.c.id, contacts.c.expire_on <= bindparam("today")),
    "contacts": (contacts, contacts.c.id, _nothing_open()),
    "people": (broadcast_people, broadcast_people.c.id, _long_ended()),
}


_OWN: Final = frozenset({"drafts", "contacts", "people"})
"""What is not deleted by one statement."""

_SOME_PEOPLE: Final = select(broadcast_people.c.id).where(_long_ended()).limit(bindparam("most"))
_PART: Final = (
    update(broadcast_people)
    .where(broadcast_people.c.id.in_(_SOME_PEOPLE))
    .values(contact_id=-broadcast_people.c.id)
)
"""Take the contacts out of ledgers of broadcasts: what became of how many stays."""


@cache
def _idle(postgres: bool) -> Select[tuple[int]]:
    query = (
        select(contacts.c.id)
        .where(_nothing_open())
        .order_by(contacts.c.last_on, contacts.c.id)
        .limit(bindparam("most"))
    )
    return query.with_for_update(skip_locked=True) if postgres else query


@cache
def _delete(postgres: bool) -> Delete:
    chosen = among(contacts.c.id, "ids", postgres=postgres)
    return delete(contacts).where(chosen, _nothing_open())


@cache
def _slice(name: str) -> Delete:
    table, key, due = _DUE[name]
    return delete(table).where(key.in_(select(key).where(due).limit(bindparam("most"))))


@cache
def _number(name: str) -> Select[Any]:
    table, _key, due = _DUE[name]
    return select(func.count().label("number")).select_from(table).where(due)
