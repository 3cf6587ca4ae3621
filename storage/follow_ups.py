"""Follow-ups: which questions wait for which family, and when something is due about them.

A row says when we act next (`next_at`): ask, remind or let it end. Nothing in clear says what is
asked beyond the name of a set, nor how: the language, the form of the person, who asks, and the day
of the year on which nothing is asked stand in a box under the contact key (`Manner`).

Due rows are taken in slices together with their contacts, which are held as well: so two workers,
or a worker and a family that is just writing, never decide about one contact at once. Nobody waits
for anybody: what somebody else holds is left for the next round.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.dml import Update
from sqlalchemy.types import SmallInteger

from flows.text import Form, Language
from storage import vault
from storage.errors import NotFound
from storage.tables import (
    ABOUT_FOLLOW_UP,
    DEAD,
    FOLLOW_UP_STATES,
    WAITING,
    cases,
    contacts,
    follow_ups,
    outbox,
    staff,
    ties,
)
from storage.tasks import Tasks
from storage.transaction import (
    BYTES,
    INTEGER,
    Transaction,
    among,
    as_date,
    as_moment,
    day_of_act,
    milliseconds,
    numbers,
)
from storage.values import Standing
from storage.wire import Row

PLANNED, ASKED, BEGUN, ANSWERED, DECLINED, EXPIRED, WITHDRAWN, UNDELIVERED = range(
    len(FOLLOW_UP_STATES)
)
UNDELIVERED_TASK: Final = "follow_up_undelivered"
"""The reason of the task that a notice which never arrives leaves behind."""
_SMALLEST_BOX: Final = 128
"""Bytes a manner is padded to, so that its length tells nothing."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a family is asked. ``not_on`` is the month and day on which it is not."""

    language: Language | None = None
    form: Form = ""
    asker: str = field(default="", repr=False)
    not_on: tuple[int, int] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up. ``handle`` is 32 hexadecimal digits, ``by`` the handle of who planned it."""

    id: int
    handle: str
    case_id: int
    contact_id: int | None
    question_set: str
    version: int
    state: int
    next_at: datetime | None
    every_days: int | None
    any_day: bool
    reminded: bool
    manner: Manner
    staff_id: int
    by: str
    put_at: datetime
    asked_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to happen any more."""
        return self.state > BEGUN


@dataclass(frozen=True, slots=True)
class Asking:
    """A contact about to be asked: where it is, and what speaks against asking it.

    Before ``paused_until`` it is asked nothing.
    """

    channel: str
    account: str
    state: Standing
    zone: str | None
    hours: str | None
    unfinished: bool
    tied: bool
    paused_until: date | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What one contact has before it: ``waiting`` questions, and how many it ``was_asked``."""

    waiting: int = 0
    was_asked: int = 0


class FollowUps:
    """Follow-ups of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    # ── planned and looked at ──

    async def plan(
        self,
        case_id: int,
        contact_id: int | None,
        question_set: str,
        version: int,
        due_at: datetime,
        manner: Manner,
        by: str,
        now: datetime,
        *,
        every_days: int | None = None,
        any_day: bool = False,
    ) -> str:
        """Plan one; return its handle. Raises `NotFound` when ``by`` does not work here."""
        row = await self._tx.row(_STAFF, {"key": bytes.fromhex(by)})
        if row is None:
            raise NotFound
        return await self._plan(
            row.id, case_id, contact_id, question_set, version, due_at, manner, now,
            every_days=every_days, any_day=any_day,
        )  # fmt: skip

    async def plan_again(
        self, ended: FollowUp, contact_id: int | None, version: int, due_at: datetime, now: datetime
    ) -> str:
        """Plan the next round of one that repeats; return its handle."""
        return await self._plan(
            ended.staff_id, ended.case_id, contact_id, ended.question_set, version, due_at,
            ended.manner, now, every_days=ended.every_days, any_day=ended.any_day,
        )  # fmt: skip

    async def lock(self, handle: str) -> FollowUp:
        """Return the one with this handle, held until the end. Raises `NotFound`."""
        found = await self.find(handle)
        if found is None:
            raise NotFound
        return found

    async def find(self, handle: str) -> FollowUp | None:
        """Return the one with this handle, held until the end; None when there is none."""
        row = await self._tx.row(_by_handle(self._tx.postgres), {"key": _as_handle(handle)})
        return self._opened(row) if row is not None else None

    async def of_case(self, case_id: int) -> list[FollowUp]:
        """Return all of a case, newest first."""
        return [self._opened(row) for row in await self._tx.rows(_OF_CASE, {"row": case_id})]

    async def waiting_for(self, contact_id: int) -> FollowUp | None:
        """Return the one this contact was asked and has not ended, the oldest; held."""
        row = await self._tx.row(_waiting(self._tx.postgres), {"contact": contact_id})
        return self._opened(row) if row is not None else None

    async def waiting_at(self, case_id: int) -> FollowUp | None:
        """Return the oldest that waits at a case for whoever comes with its code; held."""
        row = await self._tx.row(_waiting_at(self._tx.postgres), {"row": case_id})
        return self._opened(row) if row is not None else None

    async def leave_at_case(self, follow_up_id: int, now: datetime, until: datetime) -> None:
        """Nobody can be told that these wait: they do so at the case, until then."""
        values = {"row": follow_up_id, "now": milliseconds(now), "new_next_at": milliseconds(until)}
        await self._tx.change(_LEAVE_AT_CASE, values)

    async def move_all_to(self, case_id: int, contact_id: int) -> None:
        """Ask this contact whatever is planned for the case, or waits there."""
        await self._tx.change(_MOVE_ALL, {"row": case_id, "new_contact": contact_id})

    async def is_waiting(self, case_id: int, question_set: str) -> bool:
        """Return whether these questions are planned for this case or wait there already."""
        values = {"row": case_id, "name": question_set}
        return await self._tx.row(_SAME, values) is not None

    # ── by the clock ──

    async def due(self, now: datetime, limit: int) -> list[tuple[FollowUp, Asking]]:
        """Take up to ``limit`` about which something is due, with their contacts; all held."""
        values = {"now": milliseconds(now), "most": limit}
        rows = await self._tx.rows(_due(self._tx.postgres), values)
        return [(self._opened(row), _asking(row)) for row in rows]

    async def due_to_nobody(self, now: datetime, limit: int) -> list[FollowUp]:
        """Take up to ``limit`` that are due and whose contact is gone; held."""
        values = {"now": milliseconds(now), "most": limit}
        rows = await self._tx.rows(_due_to_nobody(self._tx.postgres), values)
        return [self._opened(row) for row in rows]

    async def loads(self, contact_ids: Collection[int], since: datetime) -> dict[int, Load]:
        """Return what these contacts have before them, and were asked after ``since``."""
        given = numbers(sorted(contact_ids), postgres=self._tx.postgres)
        values = {"ids": given, "since": milliseconds(since)}
        rows = await self._tx.rows(_loads(self._tx.postgres), values)
        return {row.contact_id: Load(row.waiting, row.was_asked) for row in rows}

    async def note_asked(self, ids: Collection[int], now: datetime, next_at: datetime) -> None:
        """These were asked now; something is due about them at ``next_at``."""
        if ids:
            values = {"now": milliseconds(now), "new_next_at": milliseconds(next_at)}
            given = numbers(sorted(ids), postgres=self._tx.postgres)
            await self._tx.change(_asked(self._tx.postgres), values | {"ids": given})

    async def note_reminded(self, ends: Mapping[int, datetime]) -> None:
        """These were reminded; each ends at its moment."""
        rows = [{"row": row, "new_next_at": milliseconds(at)} for row, at in ends.items()]
        await self._tx.change_many(_REMINDED, rows)

    async def postpone(self, ids: Collection[int], until: datetime) -> None:
        """Look at these again at ``until``."""
        if ids:
            given = numbers(sorted(ids), postgres=self._tx.postgres)
            values = {"ids": given, "new_next_at": milliseconds(until)}
            await self._tx.change(_postpone(self._tx.postgres), values)

    async def move_to(self, follow_up_id: int, contact_id: int) -> None:
        """Ask another contact of the case instead."""
        await self._tx.change(_MOVE, {"row": follow_up_id, "new_contact": contact_id})

    # ── by the family and the staff ──

    async def begin(self, follow_up_id: int) -> None:
        """The family has opened it."""
        await self._tx.change(_BEGIN, {"row": follow_up_id})

    async def put_off(self, follow_up_id: int, until: datetime, *, reminded: bool) -> None:
        """The family wants it another day: something is due at ``until``.

        ``reminded`` says whether it will be reminded then (no), or only ends (yes).
        """
        values = {
            "row": follow_up_id,
            "new_next_at": milliseconds(until),
            "is_reminded": reminded,
        }
        await self._tx.change(_PUT_OFF, values)

    async def end(self, ids: Collection[int], state: int, now: datetime) -> None:
        """These have come to ``state``, and nothing is due about them any more."""
        if ids:
            given = numbers(sorted(ids), postgres=self._tx.postgres)
            values = {"ids": given, "new_state": state, "now": day_of_act(now)}
            await self._tx.change(_end(self._tx.postgres), values)

    async def withdraw(self, follow_up: FollowUp, now: datetime) -> None:
        """Take one back; its notice is not sent, if it has not been sent already."""
        await self.end([follow_up.id], WITHDRAWN, now)
        if follow_up.contact_id is not None:
            values = {
                "contact": follow_up.contact_id, "of": follow_up.id, "now": milliseconds(now)
            }  # fmt: skip
            await self._tx.change(_UNSAY, values)

    async def note_undelivered(self, ids: Sequence[int], now: datetime) -> None:
        """The notices of these will never arrive: a person has to look after each.

        One whose questions the family has opened all the same has not ended by it.
        """
        rows = await self._unopened(ids)
        await self.end([row.id for row in rows], UNDELIVERED, now)
        for row in rows:
            await Tasks(self._tx).put(UNDELIVERED_TASK, None, row.case_id, now)

    async def note_unwanted(self, ids: Sequence[int], now: datetime) -> None:
        """The families of these have asked for silence before the notice went out."""
        await self.end([row.id for row in await self._unopened(ids)], WITHDRAWN, now)

    async def _unopened(self, ids: Sequence[int]) -> Sequence[Row]:
        if not ids:
            return []
        given = numbers(sorted(set(ids)), postgres=self._tx.postgres)
        return await self._tx.rows(_unopened(self._tx.postgres), {"ids": given})

    async def hold_of(self, contact_id: int, until: datetime) -> None:
        """The family pauses: what waits for it is asked anew then, with all the time it had."""
        values = {"contact": contact_id, "until": milliseconds(until)}
        await self._tx.change(_HOLD_OF, values)

    async def withdraw_of(self, case_id: int, now: datetime) -> None:
        """The family has withdrawn its report: nothing is asked about it any more."""
        await self._tx.change(_WITHDRAW_OF, {"row": case_id, "now": day_of_act(now)})

    # ── within ──

    async def _plan(
        self,
        staff_id: int,
        case_id: int,
        contact_id: int | None,
        question_set: str,
        version: int,
        due_at: datetime,
        manner: Manner,
        now: datetime,
        *,
        every_days: int | None,
        any_day: bool,
    ) -> str:
        handle = secrets.token_bytes(16)
        row = {
            "handle": handle,
            "case_id": case_id,
            "contact_id": contact_id,
            "question_set": question_set,
            "set_version": version,
            "state": PLANNED,
            "next_at": milliseconds(due_at),
            "every_days": every_days,
            "any_day": any_day,
            "manner_box": close_manner(self._tx, manner, handle),
            "staff_id": staff_id,
            "put_at": milliseconds(now),
        }
        await self._tx.change(_PLAN, row)
        return handle.hex()

    def _opened(self, row: Row) -> FollowUp:
        return FollowUp(
            row.id,
            row.handle.hex(),
            row.case_id,
            row.contact_id,
            row.question_set,
            row.set_version,
            row.state,
            _moment(row.next_at),
            row.every_days,
            bool(row.any_day),
            bool(row.reminded),
            _open_manner(self._tx, row.manner_box, row.handle),
            row.staff_id,
            row.by.hex() if row.by else "",
            as_moment(row.put_at),
            _moment(row.asked_at),
            _moment(row.ended_at),
        )


def close_manner(tx: Transaction, manner: Manner, handle: bytes) -> bytes:
    """Return ``manner`` boxed for the row with this handle."""
    told = [manner.language, manner.form, manner.asker, manner.not_on]
    packed = json.dumps(told, separators=(",", ":")).encode("ascii")
    return vault.box(_key(tx), vault.pad(packed, _SMALLEST_BOX), _place(handle))


def _open_manner(tx: Transaction, box: bytes, handle: bytes) -> Manner:
    """Return what is in a box; an empty manner where it does not open: it asks in both languages.

    A family is asked all the same: nothing in it decides about more than the words.
    """
    try:
        packed = vault.unpad(vault.unbox(_key(tx), box, _place(handle)))
        language, form, asker, not_on = json.loads(packed)
    except (vault.CannotOpen, ValueError):
        return Manner()
    return Manner(language, form, asker, (not_on[0], not_on[1]) if not_on else None)


def _key(tx: Transaction) -> bytes:
    return tx.contact_key(b"follow-ups/v1")


def _place(handle: bytes) -> bytes:
    return vault.place("follow_ups", "manner_box", handle)


def _moment(number: int | None) -> datetime | None:
    return None if number is None else as_moment(number)


def _as_handle(handle: str) -> bytes:
    try:
        return bytes.fromhex(handle)
    except ValueError:
        return b""


def _asking(row: Row) -> Asking:
    return Asking(
        row.channel,
        row.account,
        row.contact_state,
        row.zone,
        row.hours,
        bool(row.unfinished),
        bool(row.tied),
        None if row.pause_until_on is None else as_date(row.pause_until_on),
    )


# ── statements ──

_PLAN: Final = insert(follow_ups)
_STAFF: Final = select(staff.c.id).where(staff.c.handle == bindparam("key", type_=BYTES))
_BY: Final = (
    select(staff.c.handle).where(staff.c.id == follow_ups.c.staff_id).scalar_subquery().label("by")
)
_WHOLE: Final[Select[Any]] = select(follow_ups, _BY)
_OF_CASE: Final = _WHOLE.where(follow_ups.c.case_id == bindparam("row")).order_by(
    follow_ups.c.id.desc()
)
_OPEN: Final = follow_ups.c.state.in_([literal_column(str(ASKED)), literal_column(str(BEGUN))])
_SAME: Final = (
    select(follow_ups.c.id)
    .where(
        follow_ups.c.case_id == bindparam("row"),
        follow_ups.c.question_set == bindparam("name"),
        follow_ups.c.state <= literal_column(str(BEGUN)),
    )
    .limit(literal_column("1"))
)


_TIED: Final = (
    exists()
    .where(
        ties.c.contact_id == follow_ups.c.contact_id,
        ties.c.case_id == follow_ups.c.case_id,
        cases.c.id == follow_ups.c.case_id,
        cases.c.work_state != literal_column("'withdrawn'"),
    )
    .correlate(follow_ups)
)
"""Whether the contact may still be written to about the case."""


def _held(query: Select[Any], postgres: bool) -> Select[Any]:
    return query.with_for_update(of=follow_ups) if postgres else query


@cache
def _by_handle(postgres: bool) -> Select[Any]:
    return _held(_WHOLE.where(follow_ups.c.handle == bindparam("key", type_=BYTES)), postgres)


@cache
def _waiting(postgres: bool) -> Select[Any]:
    query = (
        _WHOLE.where(follow_ups.c.contact_id == bindparam("contact"), _OPEN, _TIED)
        .order_by(follow_ups.c.id)
        .limit(literal_column("1"))
    )
    return _held(query, postgres)


@cache
def _waiting_at(postgres: bool) -> Select[Any]:
    query = (
        _WHOLE.where(
            follow_ups.c.case_id == bindparam("row"), follow_ups.c.contact_id.is_(None), _OPEN
        )
        .order_by(follow_ups.c.id)
        .limit(literal_column("1"))
    )
    return _held(query, postgres)


@cache
def _unopened(postgres: bool) -> Select[Any]:
    chosen = among(follow_ups.c.id, "ids", postgres=postgres)
    return _held(_WHOLE.where(chosen, follow_ups.c.state == literal_column(str(ASKED))), postgres)


_IS_DUE: Final = follow_ups.c.next_at <= bindparam("now", type_=INTEGER)


@cache
def _due(postgres: bool) -> Select[Any]:
    query = (
        select(
            follow_ups,
            _BY,
            contacts.c.channel,
            contacts.c.account,
            contacts.c.state.label("contact_state"),
            contacts.c.zone,
            contacts.c.hours,
            contacts.c.unfinished,
            contacts.c.pause_until_on,
            _TIED.label("tied"),
        )
        .join(contacts, contacts.c.id == follow_ups.c.contact_id)
        .where(_IS_DUE)
        .order_by(follow_ups.c.next_at, follow_ups.c.id)
        .limit(bindparam("most"))
    )
    if not postgres:
        return query
    return query.with_for_update(of=[follow_ups, contacts], skip_locked=True)


@cache
def _due_to_nobody(postgres: bool) -> Select[Any]:
    query = (
        _WHOLE.where(_IS_DUE, follow_ups.c.contact_id.is_(None))
        .order_by(follow_ups.c.next_at, follow_ups.c.id)
        .limit(bindparam("most"))
    )
    return query.with_for_update(of=follow_ups, skip_locked=True) if postgres else query


@cache
def _loads(postgres: bool) -> Select[Any]:
    one: ColumnElement[int] = literal_column("1")
    none: ColumnElement[int] = literal_column("0")
    later = follow_ups.c.asked_at > bindparam("since", type_=INTEGER)
    return (
        select(
            follow_ups.c.contact_id,
            func.sum(case((_OPEN, one), else_=none)).label("waiting"),
            func.sum(case((later, one), else_=none)).label("was_asked"),
        )
        .where(among(follow_ups.c.contact_id, "ids", postgres=postgres))
        .group_by(follow_ups.c.contact_id)
    )


@cache
def _asked(postgres: bool) -> Update:
    return (
        update(follow_ups)
        .where(
            among(follow_ups.c.id, "ids", postgres=postgres),
            follow_ups.c.state == literal_column(str(PLANNED)),
        )
        .values(
            state=literal_column(str(ASKED)),
            asked_at=bindparam("now", type_=INTEGER),
            next_at=bindparam("new_next_at", type_=INTEGER),
        )
    )


@cache
def _postpone(postgres: bool) -> Update:
    chosen = among(follow_ups.c.id, "ids", postgres=postgres)
    new = bindparam("new_next_at", type_=INTEGER)
    return update(follow_ups).where(chosen, follow_ups.c.next_at.is_not(None)).values(next_at=new)


@cache
def _end(postgres: bool) -> Update:
    return (
        update(follow_ups)
        .where(among(follow_ups.c.id, "ids", postgres=postgres))
        .values(
            state=bindparam("new_state", type_=SmallInteger()),
            next_at=None,
            ended_at=bindparam("now", type_=INTEGER),
        )
    )


_HOLD_OF: Final = (
    update(follow_ups)
    .where(
        follow_ups.c.contact_id == bindparam("contact"),
        follow_ups.c.state.in_([literal_column(str(ASKED)), literal_column(str(BEGUN))]),
    )
    .values(
        state=literal_column(str(PLANNED)),
        next_at=bindparam("until", type_=INTEGER),
        reminded=False,
    )
)
_WITHDRAW_OF: Final = (
    update(follow_ups)
    .where(
        follow_ups.c.case_id == bindparam("row"),
        follow_ups.c.state <= literal_column(str(BEGUN)),
    )
    .values(
        state=literal_column(str(WITHDRAWN)),
        next_at=None,
        ended_at=bindparam("now", type_=INTEGER),
    )
)
_BY_ID: Final = update(follow_ups).where(follow_ups.c.id == bindparam("row"))
_REMINDED: Final = _BY_ID.values(reminded=True, next_at=bindparam("new_next_at"))
_MOVE: Final = _BY_ID.values(contact_id=bindparam("new_contact"))
_LEAVE_AT_CASE: Final = _BY_ID.values(
    contact_id=None,
    state=case(
        (follow_ups.c.state == literal_column(str(PLANNED)), literal_column(str(ASKED))),
        else_=follow_ups.c.state,
    ),
    asked_at=func.coalesce(follow_ups.c.asked_at, bindparam("now", type_=INTEGER)),
    next_at=bindparam("new_next_at", type_=INTEGER),
)
_MOVE_ALL: Final = (
    update(follow_ups)
    .where(
        follow_ups.c.case_id == bindparam("row"),
        follow_ups.c.state <= literal_column(str(BEGUN)),
    )
    .values(contact_id=bindparam("new_contact"))
)
_BEGIN: Final = _BY_ID.where(follow_ups.c.state == literal_column(str(ASKED))).values(
    state=literal_column(str(BEGUN))
)
_PUT_OFF: Final = _BY_ID.where(_OPEN).values(
    state=literal_column(str(ASKED)),
    next_at=bindparam("new_next_at"),
    reminded=bindparam("is_reminded"),
)
_UNSAY: Final[Update] = (
    update(outbox)
    .where(
        outbox.c.contact_id == bindparam("contact"),
        outbox.c.state == literal_column(str(WAITING)),
        outbox.c.about == literal_column(str(ABOUT_FOLLOW_UP)),
        outbox.c.about_id == bindparam("of"),
        outbox.c.lease_at.is_(None),
    )
    .values(state=DEAD, body=None, reason="withdrawn", settled_at=bindparam("now"))
)
