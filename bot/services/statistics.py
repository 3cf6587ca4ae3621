"""Statistics for coordinators: how many, never who.

Work (states, months, tasks) is counted exactly. Governorate, year and language are known of
reachable families alone, and a small number there could point at one family to somebody who knows
the place: below five it is told as "<5", and where that would be the only number kept back, which
a subtraction gives away, the next smallest is kept back as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.services.permissions import Actor, require
from flows.case import WORK_STATES
from storage.database import Database, Work

LEAST: Final = 5
"""Numbers of families below this are not told."""
FEW: Final = f"<{LEAST}"
KEPT_BACK: Final = "…"
"""Stands for a number that is large enough but would give a small one away."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table: ``code`` says of what, ``shown`` is how it is told.

    ``number`` is None where it is not told.
    """

    code: str
    number: int | None
    shown: str


@dataclass(frozen=True, slots=True)
class Answering:
    """How families answer follow-ups: of those ``asked`` and ended, how many did what.

    ``percent`` is the share that was answered, None where none has ended. ``waiting`` are asked
    and not ended, ``planned`` not asked yet; neither is among ``asked``.
    """

    asked: int
    answered: int
    declined: int
    expired: int
    waiting: int
    planned: int
    undelivered: int
    percent: int | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """All of it. ``by_month`` has a cell for each month from the first to the last, as YYYY-MM.

    ``erased`` are not among ``total``: of them nothing is left but this number.

    Of ``by_area``, ``by_year`` and ``by_language`` an empty code is "not told".
    """

    total: int
    urgent: int
    unassigned: int
    open_tasks: int
    overdue_words: int
    erased: int
    by_state: tuple[Cell, ...]
    by_month: tuple[Cell, ...]
    by_area: tuple[Cell, ...]
    by_year: tuple[Cell, ...]
    by_language: tuple[Cell, ...]
    answering: Answering


class Numbers:
    """The service. ``zone`` is where the service's day begins and ends."""

    def __init__(
        self, database: Database, *, zone: ZoneInfo, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock

    async def read(self, actor: Actor) -> Statistics:
        """Return the numbers as they are now. Raises `NotAllowed`."""
        require(actor, "statistics.read")
        now = self._clock()
        today = now.astimezone(self._zone).date()

        async def job(work: Work) -> Statistics:
            await work.audit.append(actor.staff, "statistics.read", "statistics", now)
            return await _count(work, today)

        return await self._database.run(job)


async def _count(work: Work, today: date) -> Statistics:
    counts = work.counts
    of_cases = await counts.cases(today)
    by_state = of_cases.by_state
    years = {str(year or ""): number for year, number in (await counts.by_year()).items()}
    return Statistics(
        total=sum(by_state.values()),
        urgent=of_cases.by_urgency.get(True, 0),
        unassigned=of_cases.unassigned,
        open_tasks=await counts.open_tasks(),
        overdue_words=of_cases.overdue,
        erased=await work.leaving.ended(),
        by_state=_exact({state: by_state.get(state, 0) for state in WORK_STATES}),
        by_month=_exact(_months(of_cases.by_day)),
        by_area=guarded(await counts.by_area()),
        by_year=guarded(years),
        by_language=guarded(await counts.by_language()),
        answering=_answering(await counts.follow_ups()),
    )


def _exact(counted: Mapping[str, int]) -> tuple[Cell, ...]:
    return tuple(Cell(code, number, str(number)) for code, number in counted.items())


def _months(by_day: Mapping[date, int]) -> Mapping[str, int]:
    """Return a number for every month from the first to the last, those without a case as well."""
    counted: Counter[tuple[int, int]] = Counter()
    for day, number in by_day.items():
        counted[day.year, day.month] += number
    if not counted:
        return {}
    (year, month), last, months = min(counted), max(counted), {}
    while (year, month) <= last:
        months[f"{year:04}-{month:02}"] = counted[year, month]
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return months


def guarded(counted: Mapping[str, int]) -> tuple[Cell, ...]:
    """Return a table in which no number of families below `LEAST` can be read or worked out."""
    small = {code for code, number in counted.items() if 0 < number < LEAST}
    others = sorted((number, code) for code, number in counted.items() if number >= LEAST)
    given_away = {others[0][1]} if len(small) == 1 and others else set()
    return tuple(_cell(code, number, small, given_away) for code, number in counted.items())


def _cell(code: str, number: int, small: set[str], given_away: set[str]) -> Cell:
    if code in small:
        return Cell(code, None, FEW)
    return Cell(code, None, KEPT_BACK) if code in given_away else Cell(code, number, str(number))


_WAITING: Final[Sequence[str]] = ("asked", "begun")


def _answering(states: Mapping[str, int]) -> Answering:
    answered, declined, expired = (states.get(it, 0) for it in ("answered", "declined", "expired"))
    ended = answered + declined + expired
    return Answering(
        asked=ended,
        answered=answered,
        declined=declined,
        expired=expired,
        waiting=sum(states.get(state, 0) for state in _WAITING),
        planned=states.get("planned", 0),
        undelivered=states.get("undelivered", 0),
        percent=round(100 * answered / ended) if ended else None,
    )
