"""Counts: how many cases there are of which kind, for the statistics. Never who.

What is counted stands in the tables in clear. Area, year and language are known of reachable
families' cases alone (`tables.segments`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Column, Select, bindparam, func, select

from storage.tables import FOLLOW_UP_STATES, cases, follow_ups, segments, tasks
from storage.transaction import Transaction, as_date, day


def _by(column: Column[Any]) -> Select[Any]:
    number = func.count().label("number")
    return select(column.label("value"), number).group_by(column).order_by(column)


_BY_STATE: Final = _by(cases.c.work_state)
_BY_URGENCY: Final = _by(cases.c.urgent)
_BY_DAY: Final = _by(cases.c.opened_on)
_BY_AREA: Final = _by(segments.c.area)
_BY_YEAR: Final = _by(segments.c.year)
_BY_LANGUAGE: Final = _by(segments.c.language)
_BY_STANDING: Final = _by(follow_ups.c.state)
_UNASSIGNED: Final = (
    select(func.count().label("number")).select_from(cases).where(cases.c.assigned_to.is_(None))
)
_OPEN_TASKS: Final = (
    select(func.count().label("number")).select_from(tasks).where(tasks.c.done_on.is_(None))
)
_WORD_OVERDUE: Final = (
    select(func.count().label("number"))
    .select_from(cases)
    .where(cases.c.next_word_on < bindparam("today"))
)


class Counts:
    """Counts of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def by_state(self) -> Mapping[str, int]:
        """Return how many cases are in each work state."""
        return await self._counted(_BY_STATE)

    async def by_urgency(self) -> Mapping[bool, int]:
        """Return how many cases are urgent and how many are not."""
        return {bool(value): number for value, number in (await self._counted(_BY_URGENCY)).items()}

    async def by_day(self) -> Mapping[date, int]:
        """Return how many cases came in on each day on which there were any."""
        return {as_date(value): number for value, number in (await self._counted(_BY_DAY)).items()}

    async def by_area(self) -> Mapping[str, int]:
        """Return how many reachable families' cases there are in each area."""
        return await self._counted(_BY_AREA)

    async def by_year(self) -> Mapping[int | None, int]:
        """Return how many of them are from each year; None where it is not known."""
        return await self._counted(_BY_YEAR)

    async def by_language(self) -> Mapping[str, int]:
        """Return how many of them are in each language."""
        return await self._counted(_BY_LANGUAGE)

    async def follow_ups(self) -> Mapping[str, int]:
        """Return how many follow-ups there are in each state (a word of `FOLLOW_UP_STATES`)."""
        counted = await self._counted(_BY_STANDING)
        return {FOLLOW_UP_STATES[value]: number for value, number in counted.items()}

    async def unassigned(self) -> int:
        """Return how many cases nobody looks after."""
        return await self._number(_UNASSIGNED)

    async def open_tasks(self) -> int:
        """Return how many tasks nobody has done."""
        return await self._number(_OPEN_TASKS)

    async def overdue_words(self, today: date) -> int:
        """Return to how many families a word was promised by a day that has passed."""
        return await self._number(_WORD_OVERDUE, today)

    async def _counted(self, statement: Select[Any]) -> dict[Any, int]:
        return {row.value: row.number for row in await self._tx.rows(statement)}

    async def _number(self, statement: Select[Any], today: date | None = None) -> int:
        row = await self._tx.row(statement, {"today": day(today)} if today else {})
        return int(row.number) if row else 0
