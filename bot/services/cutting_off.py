"""Cutting an account off: somebody else may hold its telephone.

An account that is cut off is tied to nothing, is sent nothing, and hears what any stranger hears of
a help line; its chat is cleared as far as the provider lets us. What it had is kept as a *lock*
(`storage/claims.py`), so that a person of the staff can give it back or let it stand. Why this
works at once, also by the receipt code alone, and what bounds it: `docs/adr/0018-lost-phone.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.letters import pack
from bot.messages import Outbound
from bot.services.coming_back import ComingBack
from flows import cover, tie
from flows.conversation import is_greeting, wants_cleared
from flows.effects import CutOff, Effect, Say, Tap, WipeChat
from flows.engine import Heard
from flows.session import Session
from storage.claims import Cause, Tied
from storage.database import Case, Work
from storage.values import Contact, NewLetter

GONE_TASK = "phone_gone"
GONE_ALERT = "phone_taken"
WRITES = "locked_writes"
"""The task, and the alert: an account that was cut off writes to us."""
LOCKED = "locked"
"""Why what waited for an account was not sent."""
REPLY = 0
CLEAR = Outbound("delete")
"""Without ids: delivery finds out what there is."""


@dataclass(slots=True)
class CuttingOff:
    """Cuts accounts off within one transaction; ``locked`` are those that were, besides our own."""

    work: Work
    contact: Contact
    now: datetime
    back: ComingBack
    locked: list[Contact] = field(default_factory=list)

    async def itself(self) -> None:
        """Cut this account off. Its session is the caller's to forget or to keep."""
        cases = await self.work.cases.of_contact(self.contact.id)
        await self._lock(self.contact, "itself")
        for case in cases:
            await self._tell_staff(case)
        if not cases:
            await self.work.tasks.put(GONE_TASK, self.contact.id, None, self.now)
            await self.work.alerts.put(GONE_ALERT, self.now)

    async def other(self, effect: CutOff, session: Session) -> list[Effect]:
        """Cut off the other accounts of the reports this one knows; return what is said of it."""
        cut = asked = False
        for case in await self._known(session):
            bound = await self.back.bound_to(case)
            others = [
                it
                for it in await self.work.claims.tied_to(case.id)
                if it.contact_id != self.contact.id
            ]
            if others or bound != "tied":
                await self._tell_staff(case)
            for each in others:
                if self._may(bound, each):
                    await self._cut(each.contact_id)
                    cut = True
                else:
                    asked = True
        words = effect.done if cut else effect.asked if asked else effect.none
        return [Say((words,))] if words else []

    # ── within ──

    async def _known(self, session: Session) -> list[Case]:
        tied = await self.work.cases.of_contact(self.contact.id)
        known = {case.id for case in tied}
        came = await self.back.came_with(session)
        return [*tied, *(case for case in came if case.id not in known)]

    def _may(self, bound: tie.Tie, other: Tied) -> bool:
        """Whether another account is cut off at once: not again soon by the code alone."""
        if "cut_off" not in tie.MAY[bound]:
            return False
        if bound == "tied" or other.restored_on is None:
            return True
        return self.now.date() - other.restored_on > timedelta(days=tie.NOT_AGAIN_FOR)

    async def _cut(self, contact_id: int) -> None:
        contact = await self.work.contacts.get(contact_id)
        await self._lock(contact, "code")
        if contact.session is None or not has_unsent(contact.session):
            contact = await self.work.contacts.renew(contact)
        reach = contact.reach
        body = pack((CLEAR,))
        letter = NewLetter(contact.id, reach.channel, reach.account, REPLY, body, self.now)
        await self.work.outbox.put([letter])
        self.locked.append(contact)

    async def _lock(self, contact: Contact, cause: Cause) -> None:
        await self.work.outbox.cancel(contact.id, LOCKED, self.now)
        await self.work.claims.lock(contact.id, cause, self.now.date())

    async def _tell_staff(self, case: Case) -> None:
        await self.work.tasks.put(GONE_TASK, None, case.id, self.now)
        await self.work.alerts.put(GONE_ALERT, self.now, case_id=case.id)


def has_unsent(session: Session) -> bool:
    """Return whether something was told here that is not sent."""
    return bool(session.drafts.keys() - {"consent"})


def answer_locked(heard: Heard) -> tuple[Effect, ...]:
    """Return what an account hears that was cut off: never anything else, whatever it writes."""
    taps: tuple[Effect, ...] = (Tap(),) if heard.kind == "button" else ()
    clears: tuple[Effect, ...] = (WipeChat(),) if wants_cleared(heard) else ()
    greeted = heard.kind == "text" and is_greeting(heard.text)
    return (*taps, *clears, Say((cover.answer(0, greeted),)))


async def note_locked_writes(work: Work, contact: Contact, now: datetime) -> None:
    """Let the staff know, once a day, that somebody writes there: perhaps it is the family."""
    if await work.tries.note("locked", contact.tag, "day", now) > 1:
        return
    locks = await work.claims.locks_of_contact(contact.id)
    for lock in locks:
        contact_id = contact.id if lock.case_id is None else None
        await work.tasks.put(WRITES, contact_id, lock.case_id, now)
        await work.alerts.put(WRITES, now, case_id=lock.case_id)
