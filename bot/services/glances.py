"""A glance at a case: its code, how it stands and whose it is; nothing of what is in it.

For the staff's bot, which holds no key. Nothing sealed is touched here, so there is nothing to be
opened by mistake; who looked stands in the audit log all the same, as it does for the console.
Coordinators glance at every case; a caseworker at its own, and at those nobody has as code, urgency
and day alone, as in the worklist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.services.permissions import Actor, NotAllowed, require
from storage.database import Case, Database, Wanted, Work

_LIST: Final = "cases"
"""What the audit names where somebody looked at a list."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One case from outside. ``days`` counts since it was received.

    ``open`` says that the reader may act on it; else ``work_state``, ``assignee`` and ``tasks``
    are left out. ``assignee`` is the name of who looks after it, empty while nobody does.
    """

    handle: str
    code: str = field(repr=False)
    urgent: bool
    days: int
    moved_on: date
    open: bool
    work_state: str = ""
    assignee: str = ""
    tasks: int = 0


class Glances:
    """Looks at cases from outside. ``zone`` is where the service's day begins and ends."""

    def __init__(
        self, database: Database, *, zone: ZoneInfo, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock

    async def find(self, actor: Actor, code: str) -> Glance | None:
        """Return the case with this receipt code, None when there is none this person may see."""
        require(actor, "case.list")

        async def job(work: Work) -> Glance | None:
            case = await work.cases.find_by_code(code)
            if case is None or not _sees(actor, case):
                return None
            await work.audit.append(actor.staff, "case.find", case.handle, self._clock())
            return await self._glance(work, actor, case)

        return await self._database.run(job)

    async def get(self, actor: Actor, handle: str) -> Glance:
        """Return the case with this handle. Raises `NotAllowed`, also when there is none."""
        require(actor, "case.list")

        async def job(work: Work) -> Glance:
            case = await work.cases.find_by_handle(handle)
            if case is None or not _sees(actor, case):
                raise NotAllowed("case.list")
            await work.audit.append(actor.staff, "case.find", case.handle, self._clock())
            return await self._glance(work, actor, case)

        return await self._database.run(job)

    async def own(self, actor: Actor, first: int, most: int) -> Sequence[Glance]:
        """Return a stretch of the open cases assigned to ``actor``, in the worklist's order."""
        require(actor, "case.list")
        wanted = Wanted(assigned_to=actor.staff)

        async def job(work: Work) -> list[Glance]:
            await work.audit.append(actor.staff, "case.list", _LIST, self._clock())
            listed = await work.cases.worklist(wanted, None, first + most)
            return [self._seen(actor, one.case, actor.name, one.tasks) for one in listed[first:]]

        return await self._database.run(job)

    # ── within ──

    async def _glance(self, work: Work, actor: Actor, case: Case) -> Glance:
        holder = await work.staff.find(case.assigned_to) if case.assigned_to else None
        tasks = len(await work.tasks.of_case(case.id))
        return self._seen(actor, case, holder.name if holder else "", tasks)

    def _seen(self, actor: Actor, case: Case, assignee: str, tasks: int) -> Glance:
        days = (self._clock().astimezone(self._zone).date() - case.opened_on).days
        moved_on = case.moved_on or case.opened_on
        outside = (case.handle, case.code, case.urgent, max(0, days), moved_on)
        if not _acts(actor, case):
            return Glance(*outside, open=False)
        return Glance(*outside, True, case.work_state, assignee, tasks)


def _sees(actor: Actor, case: Case) -> bool:
    return case.assigned_to is None or _acts(actor, case)


def _acts(actor: Actor, case: Case) -> bool:
    return actor.role == "coordinator" or case.assigned_to == actor.staff
