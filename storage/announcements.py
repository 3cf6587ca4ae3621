"""What letters announce, and how whoever asked for them learns what became of them.

A letter may be about a person of a broadcast, a follow-up or an update (`outbox.about`). When it
ends, the row it is about is told, in the same transaction. And before it is sent it is asked once
more whether it is still wanted: between being put and being sent a broadcast is paused, a family
asks for silence or withdraws, or has read already what the letter would announce.

Nobody is written to twice without knowing: a letter about a broadcast whose attempts may have
carried it out twice is not tried a third time, and a second time shows in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, exists, or_, select, update
from sqlalchemy.sql.dml import Update
from sqlalchemy.types import Boolean

from storage.tables import (
    ABOUT_BROADCAST,
    ABOUT_FOLLOW_UP,
    ABOUT_UPDATE,
    FOLLOW_UP_STATES,
    LEDGER_STATES,
    broadcast_people,
    broadcasts,
    cases,
    follow_ups,
    ties,
    updates,
)
from storage.transaction import Transaction, among, milliseconds, numbers
from storage.values import Dead, Ending, Letter, Sent
from storage.wire import Row

STOPPED: Final = "stopped"
"""The reason of letters that did not go out because the family wants no words from us."""
NOTHING_WAITS: Final = "nothing_waits"
"""The reason of notices that did not go out because nothing was behind them any more, for whom they
were to; what they were about goes on without them."""
WITHDRAWN: Final = "withdrawn"
"""The work state of cases nobody is written to about."""
TRIES: Final = 2
"""Attempts of one letter about a broadcast that may have carried it out."""

QUEUED, PUT, SENT, OPENED, FAILED, BLOCKED, OPTED_OUT, CANCELLED, UNCLEAR, PAUSED = range(
    len(LEDGER_STATES)
)
_LEDGER_STATE: Final[dict[Ending, int]] = {
    "failed": FAILED,
    "blocked": BLOCKED,
    "unclear": UNCLEAR,
    "opted_out": OPTED_OUT,
    "cancelled": CANCELLED,
    "opened": OPENED,
    "put_back": QUEUED,
}


async def sent(tx: Transaction, letters: Sequence[Sent], now: datetime) -> None:
    """Tell what these letters are about that they went out."""
    moment = milliseconds(now)
    people = [it for it in letters if it.about == ABOUT_BROADCAST]
    for repeated in (False, True):
        ids = [it.about_id for it in people if it.repeated is repeated]
        if ids:
            values = {"ids": _numbers(tx, ids), "now": moment, "again": repeated}
            await tx.change(_sent(tx.postgres), values)
    if told := [it.about_id for it in letters if it.about == ABOUT_UPDATE]:
        await tx.change(_told(tx.postgres), {"ids": _numbers(tx, told), "now": moment})


async def dead(tx: Transaction, letters: Sequence[Dead], now: datetime) -> None:
    """Tell what these letters are about that they will not go out."""
    moment = milliseconds(now)
    rows = [
        {
            "row": it.about_id,
            "new_state": _LEDGER_STATE[it.ending],
            "why": None if it.ending == "put_back" else it.reason,
            "again": it.repeated,
            "now": moment,
        }
        for it in letters
        if it.about == ABOUT_BROADCAST
    ]
    await tx.change_many(_ENDED, rows)
    asked = [it for it in letters if it.about == ABOUT_FOLLOW_UP and it.reason != NOTHING_WAITS]
    # Who said stop is not to be looked after by a person for it: the questions end quietly.
    if quiet := [it.about_id for it in asked if it.reason == STOPPED]:
        await _taken_back(tx, quiet, now)
    if ids := [it.about_id for it in asked if it.reason != STOPPED]:
        await _undelivered(tx, ids, now)


async def unwanted(tx: Transaction, letters: Sequence[Letter]) -> list[Dead]:
    """Return the end of those letters that are not to be sent any more."""
    return [*await _unwanted_notices(tx, letters), *await _unwanted_of_many(tx, letters)]


async def _unwanted_notices(tx: Transaction, letters: Sequence[Letter]) -> list[Dead]:
    """Return the end of notices behind which nothing waits (any more) for whom they go to.

    What they are about is not told of it: where its family has gone, the clock finds out (for
    questions, `services/follow_ups.py`), and what was opened or has ended stands as it stands.
    """
    ends: list[Dead] = []
    for about, query in ((ABOUT_FOLLOW_UP, _questions_wait), (ABOUT_UPDATE, _update_waits)):
        some = [it for it in letters if it.about == about]
        if some:
            rows = await tx.rows(
                query(tx.postgres), {"ids": _numbers(tx, [it.about_id for it in some])}
            )
            waits = {(row.id, row.contact_id) for row in rows}
            ends += [
                Dead(it.id, NOTHING_WAITS)
                for it in some
                if (it.about_id, it.contact_id) not in waits
            ]
    return ends


async def _unwanted_of_many(tx: Transaction, letters: Sequence[Letter]) -> list[Dead]:
    ids = [it.about_id for it in letters if it.about == ABOUT_BROADCAST]
    if not ids:
        return []
    rows = await tx.rows(_standing(tx.postgres), {"ids": _numbers(tx, ids)})
    standing = {row.id: row for row in rows}
    ends = (_end(it, standing.get(it.about_id)) for it in letters if it.about == ABOUT_BROADCAST)
    return [end for end in ends if end is not None]


def _end(letter: Letter, row: Row | None) -> Dead | None:
    """Return why ``letter`` is not to be sent; None when it is."""
    end = _why(row)
    again = letter.unsure > TRIES
    if end is None and not again:
        return None
    reason, ending = end or ("unclear", "unclear")
    if letter.unsure > 1 and ending in ("cancelled", "put_back"):
        ending = "unclear"  # it was tried before, and may have arrived then
    return Dead(letter.id, reason, letter.about, letter.about_id, ending, again)


def _why(row: Row | None) -> tuple[str, Ending] | None:
    if row is None:
        return "cancelled", "cancelled"
    if row.state != PUT:
        return "opened", "opened"
    if row.broadcast_state == "paused":
        return "paused", "put_back"
    if row.broadcast_state != "running":
        return "cancelled", "cancelled"
    if row.tied is None:
        return WITHDRAWN, "cancelled"
    return None


async def _undelivered(tx: Transaction, ids: Iterable[int | None], now: datetime) -> None:
    # Imported here: follow-ups put letters, and so know the outbox.
    from storage.follow_ups import FollowUps

    await FollowUps(tx).note_undelivered([it for it in ids if it is not None], now)


async def _taken_back(tx: Transaction, ids: Iterable[int | None], now: datetime) -> None:
    from storage.follow_ups import FollowUps

    await FollowUps(tx).note_unwanted([it for it in ids if it is not None], now)


def _numbers(tx: Transaction, ids: Iterable[int | None]) -> list[int] | str:
    return numbers([it for it in ids if it is not None], postgres=tx.postgres)


# ── statements ──


@cache
def _sent(postgres: bool) -> Update:
    return (
        update(broadcast_people)
        .where(
            among(broadcast_people.c.id, "ids", postgres=postgres),
            broadcast_people.c.state == PUT,
        )
        .values(
            state=SENT,
            reason=None,
            repeated=bindparam("again", type_=Boolean()),
            changed_at=bindparam("now"),
        )
    )


@cache
def _told(postgres: bool) -> Update:
    return (
        update(updates)
        .where(among(updates.c.id, "ids", postgres=postgres), updates.c.told_at.is_(None))
        .values(told_at=bindparam("now"))
    )


_ENDED: Final[Update] = (
    update(broadcast_people)
    .where(broadcast_people.c.id == bindparam("row"), broadcast_people.c.state == PUT)
    .values(
        state=bindparam("new_state"),
        reason=bindparam("why"),
        repeated=bindparam("again", type_=Boolean()),
        changed_at=bindparam("now"),
    )
)


def tied_of(contact_id: Any) -> Select[Any]:
    """Return a query for one case that is not withdrawn and that this contact is tied to."""
    return (
        select(ties.c.case_id)
        .join(cases, cases.c.id == ties.c.case_id)
        .where(ties.c.contact_id == contact_id, cases.c.work_state != WITHDRAWN)
        .limit(1)
    )


@cache
def _questions_wait(postgres: bool) -> Select[Any]:
    """Return a query for those of these follow-ups that wait for their contact.

    Who has begun is not told that questions wait, but may be reminded of them.
    """
    may_answer = exists().where(
        ties.c.contact_id == follow_ups.c.contact_id,
        ties.c.case_id == follow_ups.c.case_id,
        cases.c.id == follow_ups.c.case_id,
        cases.c.work_state != WITHDRAWN,
    )
    asked, begun = FOLLOW_UP_STATES.index("asked"), FOLLOW_UP_STATES.index("begun")
    waits = or_(
        follow_ups.c.state == asked,
        and_(follow_ups.c.state == begun, follow_ups.c.reminded.is_(True)),
    )
    return select(follow_ups.c.id, follow_ups.c.contact_id).where(
        among(follow_ups.c.id, "ids", postgres=postgres), waits, may_answer
    )


@cache
def _update_waits(postgres: bool) -> Select[Any]:
    """Return a query for those of these updates that their contact may open and has not."""
    may_open = exists().where(
        ties.c.contact_id == updates.c.contact_id, ties.c.case_id == updates.c.case_id
    )
    return select(updates.c.id, updates.c.contact_id).where(
        among(updates.c.id, "ids", postgres=postgres), updates.c.opened_at.is_(None), may_open
    )


@cache
def _standing(postgres: bool) -> Select[Any]:
    return (
        select(
            broadcast_people.c.id,
            broadcast_people.c.state,
            broadcasts.c.state.label("broadcast_state"),
            tied_of(broadcast_people.c.contact_id).scalar_subquery().label("tied"),
        )
        .join(broadcasts, broadcasts.c.id == broadcast_people.c.broadcast_id)
        .where(among(broadcast_people.c.id, "ids", postgres=postgres))
    )
