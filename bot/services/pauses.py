"""Pauses: a family wants no words of our own accord before a day, and then hears from us again.

During a pause nothing is thrown away: questions are planned for its end, a dated word waits unsaid,
words to many are held. When the day comes, one notice says that there is a message, if there is
any. Nobody has to remember a pause to end it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from bot.services.notices import Notices
from bot.services.upkeep import day_begins
from bot.services.waiting import Waiting
from flows.effects import Pause
from flows.engine import Tools
from storage.database import Database, Work
from storage.values import NewLetter

AT_ONCE: Final = 100
PRIORITY: Final = 1
PAUSED: Final = "paused"
"""Why a letter ended: its contact asked for a pause. What it announced is announced afterwards."""


async def begin(work: Work, contact_id: int, effect: Pause, now: datetime) -> None:
    """Write nothing of our own accord to this contact before the day it has named."""
    await work.contacts.pause(contact_id, effect.until)
    # Held first: a notice that then ends unsent is of questions that are only planned, and so it
    # ends none of them.
    await work.follow_ups.hold_of(contact_id, datetime.combine(effect.until, time(0), UTC))
    await work.outbox.silence(contact_id, PAUSED, now)


class Pauses:
    """The duty that ends them."""

    def __init__(
        self,
        database: Database,
        tools: Tools,
        notices: Notices,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._tools = tools
        self._notices = notices
        self._zone = zone
        self._clock = clock

    async def end_due(self) -> int:
        """End the pauses whose day has come, in the daytime; return how many it was."""
        now = self._clock()
        if day_begins(now, self._zone) is not None:
            return 0

        async def job(work: Work) -> tuple[int, list[NewLetter]]:
            today = now.astimezone(self._zone).date()
            ended = await work.contacts.end_pauses(today, AT_ONCE)
            letters = [
                letter
                for contact_id in ended
                if (letter := await self._notice(work, contact_id, now)) is not None
            ]
            await work.outbox.put(letters)
            return len(ended), letters

        number, letters = await self._database.run(job)
        self._notices.send(letters)
        return number

    async def _notice(self, work: Work, contact_id: int, now: datetime) -> NewLetter | None:
        """Return one notice for whatever has gathered; None where nothing has, or silence holds."""
        contact = await work.contacts.get(contact_id)
        if contact.state != "active":
            return None
        if not await Waiting(work, contact_id, now, self._tools).has_any():
            return None
        language = contact.session.language if contact.session else None
        return self._notices.letter(contact_id, contact.reach, language, PRIORITY, now)
