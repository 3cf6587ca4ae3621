"""Alerts: what the staff's bot is to tell, as fixed words, numbers and a case; never any content.

Something that happens puts one alert for whom it concerns, which is not worked out there: putting
costs one statement and asks nothing. Later an alert is *directed*: it becomes one row for each
person, and each of those rows is claimed for the length of a lease, told and settled by itself. So
a crash between telling and settling repeats what one person was told last and loses nothing.

An alert equal to one that waits untried is not put a second time. Where the number counts events,
they are added up; where it measures something, the newest stands.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    String,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate, Update

from storage.tables import DEAD, SENT, WAITING, alerts, cases
from storage.transaction import (
    INTEGER,
    Transaction,
    among,
    as_moment,
    milliseconds,
    numbers,
)
from storage.wire import Row


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; ``attempts`` counts the claim it was taken with, ``staff_id`` whom it is for.

    ``assigned_to`` is the handle of who looks after the case, where it is not directed yet.
    """

    id: int
    kind: str
    case_id: int | None
    staff_id: int | None
    number: int | None
    attempts: int
    put_at: datetime
    assigned_to: str | None = None


@dataclass(frozen=True, slots=True)
class Last:
    """The newest alert of a kind: when it was put and which number it told."""

    put_at: datetime
    number: int


class Alerts:
    """Alerts of one transaction: put, directed, claimed, settled."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(
        self,
        kind: str,
        now: datetime,
        *,
        case_id: int | None = None,
        staff_id: int | None = None,
        number: int | None = None,
        adding: bool = False,
    ) -> None:
        """Put an alert, unless an equal one waits that nobody has tried to tell yet.

        ``kind`` is a fixed word; with a ``staff_id`` it is for this person alone. A ``number``
        replaces that of the waiting alert, or is added to it when ``adding``.
        """
        at = milliseconds(now)
        row = {
            "kind": kind, "case_id": case_id, "staff_id": staff_id, "number": number,
            "next_at": at, "put_at": at,
        }  # fmt: skip
        if number is not None:
            changed = {"more": number, "adding": int(adding)}
            if await self._tx.change(_renumber(case_id is None), _equal(row) | changed):
                return
        await self._tx.change(_put_once(case_id is None), row | _equal(row))

    async def put_new(self, about: Collection[tuple[str, int]], now: datetime) -> None:
        """Put alerts (kind, case) about cases just opened, of which no equal one can wait."""
        at = milliseconds(now)
        rows = [
            {
                "kind": kind, "case_id": case_id, "staff_id": None, "number": None,
                "next_at": at, "put_at": at,
            }
            for kind, case_id in about
        ]  # fmt: skip
        await self._tx.change_many(_PUT, rows)

    async def undirected(self, limit: int) -> list[Alert]:
        """Take the oldest alerts that are not directed yet; held to the end of the transaction."""
        rows = await self._tx.rows(_undirected(self._tx.postgres), {"most": limit})
        return [
            replace(_alert(row), assigned_to=row.assigned_to.hex() if row.assigned_to else None)
            for row in rows
        ]

    async def direct(self, alert: Alert, staff_ids: Collection[int], now: datetime) -> None:
        """Put one alert for each of these people in the place of ``alert``."""
        await self._tx.change(_ENDED, {"row": alert.id, "end": SENT})
        at = milliseconds(now)
        rows = [
            {
                "kind": alert.kind, "case_id": alert.case_id, "staff_id": who,
                "number": alert.number, "next_at": at, "put_at": milliseconds(alert.put_at),
            }
            for who in sorted(staff_ids)
        ]  # fmt: skip
        await self._tx.change_many(_PUT, rows)

    async def claim(self, now: datetime, limit: int, lease: timedelta) -> list[Alert]:
        """Take up to ``limit`` directed alerts that are due, oldest first, until ``now + lease``.

        Two claims at once never take the same.
        """
        values = {
            "now": milliseconds(now), "until": milliseconds(now + lease), "most": limit
        }  # fmt: skip
        rows = await self._tx.rows(_claim(self._tx.postgres), values)
        return sorted(map(_alert, rows), key=lambda alert: alert.id)

    async def settle(self, told: Collection[int], dead: Collection[int] = ()) -> None:
        """End claims: these were told, those never will be."""
        for ids, end in ((told, SENT), (dead, DEAD)):
            if ids:
                given = numbers(sorted(ids), postgres=self._tx.postgres)
                await self._tx.change(_settle(self._tx.postgres), {"ids": given, "end": end})

    async def postpone(self, ids: Collection[int], until: datetime) -> None:
        """Give claims back, to be tried again from ``until`` on."""
        if ids:
            given = numbers(sorted(ids), postgres=self._tx.postgres)
            values = {"ids": given, "new_next_at": milliseconds(until)}
            await self._tx.change(_postpone(self._tx.postgres), values)

    async def give_up(self, before: datetime) -> int:
        """End what was put before then and never told; return how many it was."""
        return await self._tx.change(_GIVE_UP, {"before": milliseconds(before)})

    async def last(self, kind: str) -> Last | None:
        """Return the newest alert of this kind about no case, told or not, or None."""
        row = await self._tx.row(_LAST, {"equal_kind": kind})
        return Last(as_moment(row.put_at), row.number or 0) if row is not None else None


def _alert(row: Row) -> Alert:
    return Alert(
        row.id, row.kind, row.case_id, row.staff_id, row.number, row.attempts, as_moment(row.put_at)
    )  # fmt: skip


def _equal(row: dict[str, Any]) -> dict[str, Any]:
    same = {"equal_kind": row["kind"], "equal_staff": row["staff_id"] or 0}
    return same if row["case_id"] is None else same | {"equal_case": row["case_id"]}


# ── statements ──

_PUT: Final = insert(alerts)
_WAITS: Final = alerts.c.state == literal_column(str(WAITING))


def _untried_equal(of_no_case: bool) -> ColumnElement[bool]:
    # Two forms, so that each is found by the index.
    which = (
        alerts.c.case_id.is_(None) if of_no_case else alerts.c.case_id == bindparam("equal_case")
    )
    kind = bindparam("equal_kind", type_=String())
    staff = bindparam("equal_staff", type_=INTEGER)
    # No index by person: nearly all that waits is for nobody yet.
    owner = func.coalesce(alerts.c.staff_id, literal_column("0"))
    same = (alerts.c.kind == kind) & (owner == staff)
    return which & same & _WAITS & (alerts.c.attempts == literal_column("0"))


@cache
def _put_once(of_no_case: bool) -> Any:
    given = (
        bindparam("kind", type_=String()),
        bindparam("case_id", type_=INTEGER),
        bindparam("staff_id", type_=INTEGER),
        bindparam("number", type_=Integer()),
        bindparam("next_at", type_=INTEGER),
        bindparam("put_at", type_=INTEGER),
    )
    absent = ~exists().where(_untried_equal(of_no_case))
    return insert(alerts).from_select(
        ["kind", "case_id", "staff_id", "number", "next_at", "put_at"], select(*given).where(absent)
    )


@cache
def _renumber(of_no_case: bool) -> Update:
    more = bindparam("more", type_=Integer())
    adding = bindparam("adding", type_=alerts.c.number.type)
    before = func.coalesce(alerts.c.number, literal_column("0"))
    changed = case((adding == literal_column("1"), before + more), else_=more)
    return update(alerts).where(_untried_equal(of_no_case)).values(number=changed)


@cache
def _undirected(postgres: bool) -> Select[Any]:
    query = (
        select(alerts, cases.c.assigned_to)
        .outerjoin(cases, cases.c.id == alerts.c.case_id)
        .where(_WAITS, alerts.c.staff_id.is_(None))
        .order_by(alerts.c.next_at, alerts.c.id)
        .limit(bindparam("most"))
    )
    return query.with_for_update(of=alerts, skip_locked=True) if postgres else query


@cache
def _claim(postgres: bool) -> ReturningUpdate[Any]:
    now, until = bindparam("now", type_=INTEGER), bindparam("until", type_=INTEGER)
    due = (
        select(alerts.c.id)
        .where(_WAITS, alerts.c.staff_id.is_not(None), alerts.c.next_at <= now)
        .order_by(alerts.c.next_at, alerts.c.id)
        .limit(bindparam("most"))
    )
    held = due.with_for_update(skip_locked=True) if postgres else due
    return (
        update(alerts)
        .where(alerts.c.id.in_(select(held.cte("due").c.id)))
        .values(attempts=alerts.c.attempts + literal_column("1"), next_at=until)
        .returning(*alerts.c)
    )


_END: Final = bindparam("end", type_=SmallInteger())
_ENDED: Final[Update] = (
    update(alerts).where(alerts.c.id == bindparam("row"), _WAITS).values(state=_END)
)
_GIVE_UP: Final[Update] = (
    update(alerts).where(_WAITS, alerts.c.put_at < bindparam("before")).values(state=DEAD)
)
_LAST: Final = (
    select(alerts.c.put_at, alerts.c.number)
    .where(alerts.c.kind == bindparam("equal_kind", type_=String()), alerts.c.case_id.is_(None))
    .order_by(alerts.c.put_at.desc(), alerts.c.id.desc())
    .limit(literal_column("1"))
)


@cache
def _settle(postgres: bool) -> Update:
    chosen = among(alerts.c.id, "ids", postgres=postgres)
    return update(alerts).where(chosen, _WAITS).values(state=_END)


@cache
def _postpone(postgres: bool) -> Update:
    chosen = among(alerts.c.id, "ids", postgres=postgres)
    return update(alerts).where(chosen, _WAITS).values(next_at=bindparam("new_next_at"))
