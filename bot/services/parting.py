"""What a family may see of its report, and how it leaves: within the transaction of its turn.

`Intake` calls this. A withdrawal is marked at once and can be taken back until its day; who knows
only the code of a report may take back and never withdraw. Whatever is said of consents is written
down beside what is sealed, purpose by purpose (`storage/consents.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from flows import leaving
from flows.consents import US, Consent, consents_in, recipients
from flows.effects import AskCopy, Effect, Say, ShowCopy, Silence, Undo, Withdraw
from flows.engine import Tools
from flows.session import Report, Session
from flows.text import Bilingual, Language, Sentence
from storage.database import Work
from storage.leaving import WITHDRAWN
from storage.values import Case

COPY_ASKED: Final = "copy_asked"
"""The task, and the alert, of a family that wants to see its report."""
UNDONE: Final = "withdrawal_undone"
"""The same for a family that has changed its mind: follow-ups have to be planned anew."""
SILENCED: Final = "quiet/1"
"""The name of the words by which a family asks for silence, or ends it."""


class Parting:
    """Withdrawals, copies and consents of one contact, within one transaction."""

    def __init__(
        self, work: Work, contact_id: int, language: Language, now: datetime, tools: Tools
    ) -> None:
        self._work = work
        self._contact_id = contact_id
        self._language = language
        self._now = now
        self._tools = tools

    async def withdraw(self, cases: Sequence[Case], effect: Withdraw) -> list[Effect]:
        """Mark these cases; say whom they may have been shared with, if there is anybody."""
        erase_on = effect.last_day + timedelta(days=1)
        agreed: dict[str, None] = {}
        for case in cases:
            for (purpose, recipient), said in (await self._work.consents.standing(case.id)).items():
                if said.given and purpose in ("share", "photo"):
                    agreed[recipient] = None
            if await self._work.leaving.withdraw(case, erase_on, self._now.date()):
                await self._work.follow_ups.withdraw_of(case.id, self._now)
                await self._end_copies(case)
        await self._work.outbox.silence(self._contact_id, WITHDRAWN, self._now)
        known = recipients()
        names = [known[recipient] for recipient in agreed if recipient in known]
        return [Say((leaving.PASSED_ON.fill(who=self._joined(names)),))] if names else []

    async def undo(
        self, cases: Sequence[Case], effect: Undo, session: Session
    ) -> tuple[Session, list[Effect]]:
        """Let what was withdrawn stand again; a tied family's session knows its codes again."""
        kept = [case for case in cases if await self._work.leaving.undo(case)]
        for case in kept:
            await self._work.tasks.put(UNDONE, None, case.id, self._now)
            await self._work.alerts.put(UNDONE, self._now, case_id=case.id)
        if not kept:
            return session, [Say((effect.nothing,))]
        tied = {case.code for case in await self._work.cases.of_contact(self._contact_id)}
        codes = (case.code for case in kept if case.code in tied)
        receipts = tuple(dict.fromkeys((*session.receipts, *codes)))
        return replace(session, receipts=receipts), [Say((effect.done,))]

    async def ask_copy(self, cases: Sequence[Case], effect: AskCopy) -> list[Effect]:
        """Ask the staff for a copy of each of these cases."""
        today, news = self._now.date(), False
        for case in cases:
            if case.work_state == WITHDRAWN:
                continue
            if await self._work.copies.ask(case.id, self._contact_id, self._language, today):
                news = True
                await self._work.tasks.put(COPY_ASKED, None, case.id, self._now)
                await self._work.alerts.put(COPY_ASKED, self._now, case_id=case.id)
        return [Say((effect.done if news else effect.under_way,))]

    async def show_copy(self, effect: ShowCopy) -> list[Effect]:
        """Say what waits, once; from then on it is not kept here any more."""
        said: list[Effect] = []
        for copy in await self._work.copies.waiting_for(self._contact_id):
            text = await self._work.copies.text_of(copy)
            state = "opened" if text is not None else "expired"
            await self._work.copies.end(copy, state, self._now.date())  # type: ignore[arg-type]
            if text is not None:
                said.append(Say((Bilingual(text, text),), shows=True))
        return [*said, Say((effect.after,))] if said else [Say((effect.none,))]

    async def note(self, case_id: int, report: Report) -> None:
        """Write down what ``report`` says of consents."""
        said = consents_in(report)
        if said:
            await self._work.consents.note(case_id, said)

    async def note_silence(self, cases: Sequence[Case], effect: Silence) -> None:
        """Write down that a family wants no words from us, or wants them again."""
        said = Consent("write", US, effect.over, SILENCED, self._language, self._now)
        for case in cases:
            await self._work.consents.note(case.id, [said])

    # ── within ──

    async def _end_copies(self, case: Case) -> None:
        for copy in await self._work.copies.of_case(case.id):
            await self._work.copies.end(copy, "refused", self._now.date())

    def _joined(self, names: Sequence[Sentence]) -> str:
        comma = "، " if self._language == "ar" else ", "
        return comma.join(self._tools.speak(name, self._language, "") for name in names)
