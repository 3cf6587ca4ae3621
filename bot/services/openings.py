"""How many sealed cases one person opens in a day; beyond the number, a second person has to look.

Whoever works reads a handful of cases a day. Whoever reads hundreds may be copying them, or is not
the one whose session it is. So the openings of a day are counted in the database; one too many
stops further opening, tells coordinators and administrators, and stays stopped until another person
lifts it. A case opened again on the same day counts once, for as long as this process lives.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from bot.services import permissions
from bot.services.permissions import Actor, NotAllowed
from storage.database import Database, Work

MOST: Final = 200
"""Cases one person opens in a day, unless the settings say another number."""


class TooMany(Exception):
    """This person has opened too many cases today, and opens none until somebody lifts that."""


class Openings:
    """Counts openings. `note` comes before every opening, in a transaction of its own."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], most: int = MOST
    ) -> None:
        self._database = database
        self._clock = clock
        self._most = most
        self._day = date.min
        self._counted: set[tuple[str, str]] = set()

    async def note(self, actor: Actor, case: str) -> None:
        """Count that ``actor`` opens the case with this handle. Raises `TooMany`.

        Kept whether or not what follows comes about: an opening is never done and not counted.
        """
        now = self._clock()
        self._begin_day(now.astimezone(UTC).date())
        if (actor.staff, case) in self._counted:
            return

        async def job(work: Work) -> bool:
            return await self._count(work, actor, now)

        if not await self._database.run(job):
            self._counted = {it for it in self._counted if it[0] != actor.staff}
            raise TooMany
        self._counted.add((actor.staff, case))

    async def lift(self, actor: Actor, person: str) -> bool:
        """Let somebody else open cases again; return whether that was stopped.

        Raises `NotAllowed`, also for oneself and where there is nobody.
        """
        permissions.require(actor, "staff.lift")
        if person == actor.staff:
            raise NotAllowed("staff.lift")
        now = self._clock()

        async def job(work: Work) -> bool:
            if await work.staff.find(person) is None:
                raise NotAllowed("staff.lift")
            await work.audit.append(actor.staff, "staff.lift", person, now)
            return await work.staff.lift_stop(person)

        return await self._database.run(job)

    # ── within ──

    def _begin_day(self, today: date) -> None:
        if today != self._day:
            self._day = today
            self._counted.clear()

    async def _count(self, work: Work, actor: Actor, now: datetime) -> bool:
        today = now.astimezone(UTC).date()
        opening = await work.staff.note_opening(actor.staff, today, self._most)
        if opening == "stopped_now":
            await work.audit.append(actor.staff, "staff.stopped", actor.staff, now)
            await work.alerts.put("many_openings", now, number=self._most)
        return opening == "counted"
