"""Coming back with a receipt code: from another account, on another channel, after a lost phone.

`Intake` calls this in its own transaction. What an account may do is a table (`flows/tie.py`); here
it is found out how an account is bound to a report, and the staff is brought in where a person has
to decide. Nothing is kept of who comes with the code of a detached report.
"""

from __future__ import annotations

from datetime import datetime

from bot.services import guessing
from bot.services.standing import tell_standing
from bot.services.waiting import tell_updates
from flows import menu, tie
from flows.effects import Effect, Say
from flows.engine import Tools
from flows.session import Session
from flows.text import Sentence
from storage.database import Case, Work
from storage.values import Contact

NEW_CONTACT = "new_contact"
"""The task, and the alert: an account waits to be confirmed."""
MOST_CLAIMS = 5
"""Accounts that wait for one case at once: a code that is passed around must not drown the staff.
What a further one may do is the same; it waits for its place."""


class ComingBack:
    """What one contact may do with reports it knows the codes of, within one transaction."""

    def __init__(self, work: Work, contact: Contact, now: datetime, tools: Tools) -> None:
        self._work = work
        self._contact = contact
        self._now = now
        self._tools = tools

    async def settle(self, session: Session) -> tuple[Session, list[Effect]]:
        """Return the session with the codes that a person has confirmed, and what is said of it."""
        if not session.came_with:
            return session, []
        tied = {case.code for case in await self._work.cases.of_contact(self._contact.id)}
        new = [code for code in session.came_with if code in tied]
        if not new:
            return session, []
        said: list[Effect] = [Say(tuple(tie.CONFIRMED.fill(code=code) for code in new))]
        return tie.confirmed(session, frozenset(new)), said

    async def status(self, session: Session) -> list[Effect]:
        """Say where all reports stand that this account is tied to, or came with the code of."""
        cases = list(await self._work.cases.of_contact(self._contact.id))
        known = {case.id for case in cases}
        came = [case for case in await self.came_with(session) if case.id not in known]
        said: list[Effect] = list(
            await tell_standing(self._work, [*cases, *came], self._now, self._tools)
        )
        for case in came:
            said += await self._news(case)
        return said

    async def by_code(self, session: Session, code: str) -> tuple[Session, list[Effect]]:
        """Say where the report with this code stands; return the session that knows of it.

        Every wrong code gets the same words, whether there could be such a one or not.
        """
        if not await guessing.may_try(self._work, "code", self._contact.tag, self._now):
            return session, [Say((tie.TOO_MANY,))]
        case = await self._work.cases.find_by_code(code)
        if case is None:
            await guessing.note_wrong(self._work, "code", self._contact.tag, self._now)
            return session, [Say((menu.ADD_UNKNOWN_CODE,))]
        said: list[Effect] = list(await tell_standing(self._work, [case], self._now, self._tools))
        bound = await self.bound_to(case)
        if bound != "tied":
            is_new = case.code not in session.came_with
            session = tie.came(session, case.code)
            said += await self._news(case)
            said += await self._welcome(case, bound) if is_new else []
        return session, said

    async def why_not(self, code: str) -> Sentence | None:
        """Return the words with which an addition to this code is refused; None when it is not."""
        if not await guessing.may_try(self._work, "code", self._contact.tag, self._now):
            return tie.TOO_MANY
        if await self._work.cases.find_by_code(code) is not None:
            return None
        await guessing.note_wrong(self._work, "code", self._contact.tag, self._now)
        return menu.ADD_UNKNOWN_CODE

    async def came_with(self, session: Session) -> list[Case]:
        """Return the cases whose codes this account came with."""
        found = [await self._work.cases.find_by_code(code) for code in session.came_with]
        return [case for case in found if case is not None]

    async def bound_to(self, case: Case) -> tie.Tie:
        """Return how this account, which knows the code, is bound to the case."""
        tied = {each.contact_id for each in await self._work.claims.tied_to(case.id)}
        claims = await self._work.claims.of_contact(self._contact.id)
        return tie.tie_of(
            tied=self._contact.id in tied,
            locked=self._contact.state == "locked",
            attached=bool(tied) or not await self._work.claims.is_detached(case.id),
            refused=any(it.refused and it.case_id == case.id for it in claims),
        )

    async def ask_to_be_tied(self, session: Session) -> None:
        """Let a person look at this account, for every report it came with the code of."""
        for case in await self.came_with(session):
            if "ask" in tie.MAY[await self.bound_to(case)]:
                await self._claim(case)

    # ── within ──

    async def _welcome(self, case: Case, bound: tie.Tie) -> list[Effect]:
        """Say what can be done here; where another account is tied, a person has to look."""
        if bound == "detached":
            waits = await self._work.follow_ups.waiting_at(case.id) is not None
            return [Say((tie.CAME_DETACHED, *((tie.QUESTIONS_WAIT,) if waits else ())))]
        if bound == "came":
            await self._claim(case)
        return [Say((tie.CAME,))]  # who was refused is not told so

    async def _claim(self, case: Case) -> None:
        if len(await self._work.claims.of_case(case.id)) >= MOST_CLAIMS:
            return
        today = self._now.date()
        if await self._work.claims.put(self._contact.id, case.id, today):
            await self._work.tasks.put(NEW_CONTACT, None, case.id, self._now)
            await self._work.alerts.put(NEW_CONTACT, self._now, case_id=case.id)

    async def _news(self, case: Case) -> list[Effect]:
        """Tell the dated words that wait at a case for whoever has its code."""
        waiting = await self._work.updates.open_at(case.id)
        return await tell_updates(self._work, waiting, {}, self._now, self._tools)
