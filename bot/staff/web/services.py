"""What the console asks: the services of the staff rooms, and one search for each session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.services.accounts import Accounts, Session

if TYPE_CHECKING:
    from bot.services.audit import AuditLog
    from bot.services.broadcasts import Broadcasts
    from bot.services.case_attachments import CaseAttachments
    from bot.services.cases import Cases
    from bot.services.follow_ups import FollowUps
    from bot.services.leavings import Leavings
    from bot.services.linking import Linking
    from bot.services.reaching import Reaching
    from bot.services.rehearsals import Rehearsals
    from bot.services.search import Progress, Search
    from bot.services.statistics import Numbers
    from bot.services.updates import Updates
    from bot.services.vouching import Vouching


log = structlog.get_logger(__name__)
GLANCE = 0.5
"""Seconds a page waits for what it would otherwise show the progress of."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a page can ask. ``new_search`` makes the index of one session."""

    accounts: Accounts
    cases: Cases
    files: CaseAttachments
    leavings: Leavings
    follow_ups: FollowUps
    updates: Updates
    broadcasts: Broadcasts
    statistics: Numbers
    audit: AuditLog
    linking: Linking
    reaching: Reaching
    vouching: Vouching
    rehearsals: Rehearsals
    new_search: Callable[[Session], Search]


class Searches:
    """The searches of this process, each as long as its session."""

    def __init__(self, services: Services) -> None:
        self._new = services.new_search
        self._by_session: dict[str, Search] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._meeting: dict[str, asyncio.Task[None]] = {}
        services.accounts.when_ended(self._forget)

    def of(self, session: Session) -> Search:
        """Return the search of a session, a new one at first."""
        found = self._by_session.get(session.id)
        if found is None:
            found = self._by_session[session.id] = self._new(session)
        return found

    def begin(self, session: Session) -> Progress:
        """Begin to open what the session may search, without waiting; return how far it is."""
        search = self.of(session)
        running = self._opening.get(session.id)
        if running is None or (running.done() and not search.progress.ready):
            self._opening[session.id] = asyncio.create_task(_open(search.prepare), name="index")
        return search.progress

    async def meet(self, session: Session) -> bool:
        """Let all cases be made ready to be compared; return whether that has come to an end.

        Where it takes longer than a glance it goes on by itself.
        """
        running = self._meeting.get(session.id)
        if running is None or running.done():
            act = _open(self.of(session).meet)
            running = self._meeting[session.id] = asyncio.create_task(act, name="meeting")
        await asyncio.wait({running}, timeout=GLANCE)
        return running.done()

    def _forget(self, session: Session) -> None:
        self._by_session.pop(session.id, None)
        for tasks in (self._opening, self._meeting):
            running = tasks.pop(session.id, None)
            if running is not None:
                running.cancel()


async def _open(act: Callable[[], Awaitable[None]]) -> None:
    try:
        await act()
    except Exception as error:  # what opens it is asked again by the search itself
        log.warning("index_not_opened", exc_info=error)
