"""Asking again: what covers the window in which a family's answer may be lost (ADR 0025).

On a channel that says "received" before anything is stored, a crash can take an answer along, and
nobody knows. So there a question that stays without an answer is asked once more. While the talk
is still warm that is the question itself. Later it is a line that says nothing of what was asked,
for telephones lie on tables and are looked into; whoever writes then is welcomed back and asked.

It is done once for each question, by day and at safe hours only, never in a chat that shows a help
line, and not to whoever wants no words from us. Who is only thinking loses nothing by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from bot.channels.base import Limits
from bot.languages import Known
from bot.letters import gather, pack, wake_for
from bot.messages import ChannelName
from bot.render import Reader, render
from bot.services import hygiene
from bot.services.upkeep import next_moment, zone_named
from bot.services.waiting import flows_for
from flows.conversation import FLOWS, MENU, ask_again
from flows.effects import Turn
from flows.engine import Tools
from flows.follow_up import FOLLOW_UP
from flows.session import Session
from storage.database import Database, Work
from storage.errors import NotFound
from storage.open_questions import Unanswered
from storage.values import Contact, NewLetter
from storage.vault import CannotOpen

log = structlog.get_logger(__name__)

AFTER: Final = timedelta(minutes=10)
"""How long an answer may take before it may have been lost: long enough to think and to type."""
WARM: Final = timedelta(minutes=30)
"""How long after its question a talk is still one, so that the question may be said again."""
AT_ONCE: Final = 50
PRIORITY: Final = 1


def overdue_at(session: Session | None, now: datetime) -> datetime | None:
    """Return when the open question may be asked again; None where nothing waits for an answer."""
    if session is None or session.asked is None or session.flow == MENU:
        return None
    return None if session.paused or session.quiet else now + AFTER


async def note(
    work: Work, talks: Iterable[tuple[int, Session | None, Limits]], now: datetime
) -> None:
    """Note the open questions of those who have just written, by contact and session."""
    due: list[tuple[int, datetime]] = []
    none: list[int] = []
    for contact_id, session, limits in talks:
        if not limits.acknowledges_early:
            continue
        at = overdue_at(session, now)
        if at is None:
            none.append(contact_id)
        else:
            due.append((contact_id, at))
    if due:
        await work.open_questions.note(due)
    await work.open_questions.forget(none)


class AskingAgain:
    """The duty; each call does a slice of what is due."""

    def __init__(
        self,
        database: Database,
        tools: Tools,
        limits: Mapping[ChannelName, Limits],
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None],
        known: Known,
    ) -> None:
        self._database = database
        self._tools = tools
        self._limits: dict[str, Limits] = {str(name): each for name, each in limits.items()}
        self._zone = zone
        self._clock = clock
        self._wake = wake
        self._known = known

    async def ask_due(self) -> int:
        """Ask again whoever has not answered; return how many it was."""
        now = self._clock()

        async def job(work: Work) -> list[NewLetter]:
            return await self._ask_some(work, now)

        letters = await self._database.run(job)
        wake_for(self._wake, letters)
        return len({letter.contact_id for letter in letters})

    async def _ask_some(self, work: Work, now: datetime) -> list[NewLetter]:
        changed: list[tuple[Contact, Session]] = []
        letters: list[NewLetter] = []
        later: list[tuple[int, datetime]] = []
        done: list[int] = []
        for one in await work.open_questions.due(now, AT_ONCE):
            if until := await self._rests(work, one, now):
                later.append((one.contact_id, until))
                continue
            done.append(one.contact_id)
            try:
                contact = await work.contacts.get(one.contact_id)
                turn = await self._turn(work, contact, now)
            except (NotFound, CannotOpen):
                continue
            except Exception as error:  # one talk that cannot be said must not silence the others
                log.error("question_not_repeated", alarm=True, exc_info=error)
                continue
            if turn is not None:
                changed.append((contact, turn.session))
                letters += self._letters(contact, turn, now)
        await work.open_questions.postpone(later)
        await work.open_questions.forget(done)
        await work.contacts.save(changed, now.date(), heard=False)
        await work.outbox.put(letters)
        return letters

    async def _rests(self, work: Work, one: Unanswered, now: datetime) -> datetime | None:
        """Return until when this one is left in peace; None when it may be asked now."""
        if await work.outbox.waiting(one.contact_id):
            return now + AFTER  # the question itself has not gone out yet
        zone = zone_named(one.zone, self._zone)
        return next_moment(now, zone, one.hours, one.paused_until)

    async def _turn(self, work: Work, contact: Contact, now: datetime) -> Turn | None:
        session = contact.session
        closed = contact.cover is not None and contact.cover.hides(now)
        if session is None or closed or contact.state != "active":
            return None
        if contact.reach.channel not in self._limits or overdue_at(session, now) is None:
            return None
        flows = FLOWS
        if FOLLOW_UP in session.drafts:
            flows = await flows_for(work, session, FLOWS)
        warm = now.timestamp() - session.asked_at <= WARM.total_seconds()
        return ask_again(session, now, self._tools, flows, warm=warm)

    def _letters(self, contact: Contact, turn: Turn, now: datetime) -> Sequence[NewLetter]:
        channel, account = contact.reach.channel, contact.reach.account
        limits, session = self._limits[channel], turn.session
        reader = Reader(
            self._tools.speak, session.language, session.form, limits, known=self._known
        )
        said = hygiene.staying(render(turn.effects, reader), session.clearing, limits)
        return [
            NewLetter(contact.id, channel, account, PRIORITY, pack(parcel), now)
            for parcel in gather(said)
        ]
