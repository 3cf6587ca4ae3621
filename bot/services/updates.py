"""Status updates: a dated word to one family, from fixed words alone.

There is no free text here, so no fate can be told by mistake: what can be said is a list
(`kinds`), namely the moves of a case that a bot may announce and "nothing new since". The family
gets a notice first and reads the words when it opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.services.case_access import case_for
from bot.services.linking import Once
from bot.services.notices import Notices
from bot.services.permissions import Actor
from bot.services.upkeep import day_begins, day_of, zone_named
from bot.services.waiting import words_of
from flows.case import AT_WILL, UPDATES, WORK_MOVES
from flows.text import Sentence
from storage.database import Case, Database, Work
from storage.tables import ABOUT_UPDATE
from storage.updates import WITHDRAWN_HERE, StatusUpdate
from storage.values import NewLetter

NOTHING_NEW: Final = "nothing_new"
"""The kind that needs ``since``."""
WITHDRAWN: Final = "withdrawn"
PRIORITY: Final = 1
AGAIN_AFTER: Final = timedelta(days=1)
"""A family that has not opened an update hears of the next one without a second notice until then.
"""


class CannotTell(Exception):
    """An update cannot be sent; ``reason`` is a fixed word faces have a sentence for.

    ``no_case``, ``unreachable``, ``not_announceable``, ``since`` (missing, or in the future),
    ``told`` (the same word went to this family today).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ToldUpdate:
    """An update as staff see it; ``opened_at`` is None until the family has read it."""

    kind: str
    words: Sentence
    since: date | None
    told_at: datetime
    opened_at: datetime | None
    by: str = field(repr=False)


class Updates:
    """Status updates, for every face of the staff rooms."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._notices = notices
        self._zone = zone
        self._clock = clock

    def kinds(self) -> Mapping[str, Sentence]:
        """Return what can be told, with the words the family will read."""
        return UPDATES

    async def tell(
        self,
        actor: Actor,
        case: str,
        kind: str,
        *,
        since: date | None = None,
        once: Once | None = None,
    ) -> int:
        """Tell the family of ``case`` (a handle); return to how many contacts a notice goes.

        None goes to a family that chose to be detached: its update waits for the receipt code.
        ``once`` is asked in the same transaction. Raises `NotAllowed`, `CannotTell`, and what
        ``once`` raises.
        """
        now = self._clock()
        self._check(kind, since, now)

        async def job(work: Work) -> list[NewLetter]:
            if once is not None:
                await once(work)
            found = await case_for(work, actor, "update.tell", case)
            if not may_be_told(kind, found.work_state):
                raise CannotTell("not_announceable")
            if await work.updates.was_put(found.id, kind, self._today_begins(now)):
                raise CannotTell("told")
            letters = await self._put(work, found, kind, since, actor.staff, now)
            await work.audit.append(actor.staff, "update.tell", case, now)
            return letters

        letters = await self._database.run(job)
        self.send(letters)
        return len(letters)

    async def put_withdrawn(
        self, work: Work, case: Case, by: str, last_day: date, now: datetime
    ) -> list[NewLetter]:
        """Let the family of a case that staff have withdrawn know, within that transaction.

        Returns the notices, for `wake` once they are committed. Nobody whose silence or pause holds
        gets one; what waits is read by whoever opens it, until it is undone or erased.
        """
        try:
            return await self._put(work, case, WITHDRAWN_HERE, last_day, by, now)
        except CannotTell:
            return []  # nobody there hears of us at present

    def send(self, letters: Sequence[NewLetter]) -> None:
        """Let these go out; after the commit."""
        self._notices.send(letters)

    async def of_case(self, actor: Actor, case: str) -> list[ToldUpdate]:
        """Return all updates of a case, newest first. Raises `NotAllowed`."""

        async def job(work: Work) -> list[StatusUpdate]:
            found = await case_for(work, actor, "update.tell", case)
            return await work.updates.of_case(found.id)

        return [_shown(each) for each in await self._database.run(job) if each.kind in UPDATES]

    # ── within ──

    def _check(self, kind: str, since: date | None, now: datetime) -> None:
        if kind not in UPDATES:
            raise CannotTell("not_announceable")
        if kind == NOTHING_NEW and (since is None or since > day_of(now, self._zone)):
            raise CannotTell("since")

    def _today_begins(self, now: datetime) -> datetime:
        return datetime.combine(day_of(now, self._zone), time(0), self._zone)

    async def _put(
        self, work: Work, case: Case, kind: str, since: date | None, by: str, now: datetime
    ) -> list[NewLetter]:
        """Keep the update for each contact of the case, with one notice each."""
        reached = await work.cases.reached(case.id)
        active = [each for each in reached if each.state == "active"]
        if reached and not active:
            raise CannotTell("unreachable")
        day = since if kind in (NOTHING_NEW, WITHDRAWN_HERE) else None
        if not reached:
            await work.updates.put(case.id, None, kind, day, by, now)
        letters = []
        for each in active:
            contact = await work.contacts.get(each.contact_id)
            # Who has asked for a pause hears of it when that is over (`services/pauses.py`).
            waits = each.paused_until is not None and day_of(now, self._zone) < each.paused_until
            if kind != WITHDRAWN_HERE:  # of that the notice itself may be the only warning
                waits = waits or await work.updates.is_announced(contact.id, now - AGAIN_AFTER)
            row = await work.updates.put(case.id, contact.id, kind, day, by, now)
            if not waits:
                language = contact.session.language if contact.session else None
                due_at = day_begins(now, zone_named(each.zone, self._zone), each.hours) or now
                letters.append(
                    self._notices.letter(
                        contact.id, contact.reach, language, PRIORITY, due_at, ABOUT_UPDATE, row
                    )
                )
        await work.outbox.put(letters)
        return letters


def may_be_told(kind: str, work_state: str) -> bool:
    """Return whether a bot may say this of a case in this state: at will, or as its last move."""
    return work_state != WITHDRAWN and (
        kind in AT_WILL
        or any(move.end == work_state and move.update == kind for move in WORK_MOVES)
    )


def _shown(update: StatusUpdate) -> ToldUpdate:
    return ToldUpdate(
        update.kind,
        words_of(update),
        update.since,
        update.told_at or update.put_at,
        update.opened_at,
        update.by,
    )
