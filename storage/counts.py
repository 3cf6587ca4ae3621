"""Counts: how many cases there are of which kind, for the statistics. Never who.

What is counted stands in the tables in clear. Area, year and language are known of reachable
families' cases alone (`tables.segments`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Column, Select, bindparam, case, func, select

from storage.tables import FOLLOW_UP_STATES, cases, follow_ups, segments, tasks
from storage.transaction import Transaction, as_date, day


def _by(column: Column[Any]) -> Select[Any]:
    number = func.count().label("number")
    return select(column.label("value"), number).group_by(column).order_by(column)


# One walk over the cases for all that is counted of them: SQLite's one writer waits meanwhile.
_OF_CASES: Final = select(
    cases.c.work_state,
    cases.c.urgent,
    cases.c.opened_on,
    func.count().label("number"),
    func.sum(case((cases.c.assigned_to.is_(None), 1), else_=0)).label("unassigned"),
    func.sum(case((cases.c.next_word_on < bindparam("today"), 1), else_=0)).label("overdue"),
).group_by(cases.c.work_state, cases.c.urgent, cases.c.opened_on)
_BY_AREA: Final = _by(segments.c.area)
_BY_YEAR: Final = _by(segments.c.year)
_BY_LANGUAGE: Final = _by(segments.c.language)
_BY_STANDING: Final = _by(follow_ups.c.state)
_OPEN_TASKS: Final = (
    select(func.count().label("number")).select_from(tasks).where(tasks.c.done_on.is_(None))
)


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """How many cases there are: by work state, by urgency, by the day they came in.

    ``unassigned`` are those nobody looks after; ``overdue`` those whose family was promised a word
    by a day that has passed.
    """

    by_state: Mapping[str, int]
    by_urgency: Mapping[bool, int]
    by_day: Mapping[date, int]
    unassigned: int
    overdue: int


class Counts:
    """Counts of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def cases(self, today: date) -> CaseCounts:
        """Return how many cases there are of which kind; a day before ``today`` has passed."""
        by_state: Counter[str] = Counter()
        by_urgency: Counter[bool] = Counter()
        by_day: Counter[date] = Counter()
        unassigned = overdue = 0
        for row in await self._tx.rows(_OF_CASES, {"today": day(today)}):
            by_state[row.work_state] += row.number
            by_urgency[bool(row.urgent)] += row.number
            by_day[as_date(row.opened_on)] += row.number
            unassigned += int(row.unassigned)
            overdue += int(row.overdue)
        return CaseCounts(by_state, by_urgency, by_day, unassigned, overdue)

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

    async def open_tasks(self) -> int:
        """Return how many tasks nobody has done."""
        row = await self._tx.row(_OPEN_TASKS)
        return int(row.number) if row else 0

    async def _counted(self, statement: Select[Any]) -> dict[Any, int]:
        return {row.value: row.number for row in await self._tx.rows(statement)}
