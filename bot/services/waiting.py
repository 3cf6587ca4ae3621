"""What waits for a family, and what becomes of it when the family opens, answers or leaves it.

`Intake` calls this in its own transaction. What waits is said in one order: the updates on its
reports, words to many, and then the questions of its caseworker, which begin at once. Questions
never interrupt: beside a report that is begun they wait, and it is said that they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.services.follow_ups import (
    EXPIRE_AFTER,
    REMIND_AFTER,
    end,
    ends_at_case,
    find_set,
    title_in_both,
)
from flows import follow_up, tie, trust
from flows.case import UPDATES
from flows.consents import consents_in
from flows.conversation import MENU, ask_follow_up
from flows.effects import AnswerFollowUp, Ask, Effect, LeaveFollowUp, Say, Turn
from flows.engine import Tools
from flows.follow_up import FOLLOW_UP
from flows.leaving import COPY_WAITS
from flows.leaving import WITHDRAWN_HERE as WITHDRAWN_WORDS
from flows.session import Session
from flows.shape import Flow
from flows.text import Later, Sentence, Words
from storage.database import Work
from storage.follow_ups import ANSWERED, DECLINED, WITHDRAWN, FollowUp
from storage.reports import FOLLOW_UP as ENTRY
from storage.updates import CONTACT_ADDED, WITHDRAWN_HERE, StatusUpdate
from storage.values import Case

CHECK_IN: Final = "check_in"
_SAYINGS: Final[Mapping[str, Words]] = {
    **UPDATES,
    CONTACT_ADDED: tie.ADDED,
    WITHDRAWN_HERE: WITHDRAWN_WORDS,
}


async def flows_for(work: Work, session: Session, flows: Mapping[str, Flow]) -> Mapping[str, Flow]:
    """Return ``flows`` with the questions that ``session`` is in the middle of answering.

    They are missing when they were taken back meanwhile, or are nowhere to be found.
    """
    draft = session.drafts[FOLLOW_UP]
    which = draft.answers.get(follow_up.WHICH)
    found = await work.follow_ups.find(str(which.value)) if which else None
    if found is None or found.state == WITHDRAWN:
        return flows
    questions = await find_set(work, draft.flow, draft.version)
    return {**flows, FOLLOW_UP: follow_up.as_asked(questions)} if questions else flows


class Waiting:
    """What waits for one contact, within one transaction."""

    def __init__(self, work: Work, contact_id: int, now: datetime, tools: Tools) -> None:
        self._work = work
        self._contact_id = contact_id
        self._now = now
        self._tools = tools

    async def open(self, session: Session) -> Turn:
        """Say everything that waits, and begin the questions where nothing else is under way."""
        tied = await self._work.cases.of_contact(self._contact_id)
        detached = await self._detached(session)
        cases = [*tied, *detached]
        said: list[Effect] = [*await self._news(tied), *await self._words_to_many()]
        for case in detached:
            waits = await self._work.updates.open_at(case.id)
            said += await tell_updates(self._work, waits, {}, self._now, self._tools)
        if await self._work.copies.waiting_for(self._contact_id):
            said.append(Say((COPY_WAITS,)))
        if FOLLOW_UP in session.drafts and "report" not in session.drafts:
            return Turn(session, tuple(said))  # the conversation asks on by itself
        waiting = await self._first(detached)
        if waiting is None:
            nothing = () if said else (Say((follow_up.NOTHING_WAITS,)),)
            return Turn(session, (*said, *nothing))
        if session.flow != MENU or "report" in session.drafts:
            return Turn(session, (*said, Say((follow_up.STEPS_ASIDE,))))
        begun = await self._begin(session, waiting, cases, bool(said))
        return Turn(begun.session, (*said, *begun.effects))

    async def has_any(self) -> bool:
        """Return whether anything waits; nothing of it is opened by asking."""
        who = self._contact_id
        return (
            await self._work.follow_ups.waiting_for(who) is not None
            or bool(await self._work.copies.waiting_for(who))
            or bool(await self._work.updates.open_for(who))
            or await self._work.broadcasts.waits_for(who)
            or bool(await self._work.copies.waiting_for(who))
        )

    async def offer(self, session: Session, effects: Sequence[object]) -> list[Effect]:
        """Say that questions wait, where the family has just finished something and is not asked.

        They have stepped aside for it.
        """
        if session.flow != MENU or any(isinstance(effect, Ask) for effect in effects):
            return []
        waiting = await self._first(await self._detached(session))
        return [Say((follow_up.STILL_WAIT,))] if waiting else []

    async def answer(self, effect: AnswerFollowUp) -> int:
        """Seal the answers to the case, whatever has become of the follow-up meanwhile.

        Returns the case.
        """
        found = await self._work.follow_ups.lock(effect.handle)
        report = effect.report.to_data()
        content = {
            "by": found.by,
            "follow_up": effect.handle,
            "title": await title_in_both(self._work, found, self._tools),
            "report": report,
            "asked": dict(effect.asked),
            **({"by_code": True} if found.contact_id is None else {}),
        }
        await self._work.cases.seal_entry(found.case_id, ENTRY, content, self._now)
        await self._work.consents.note(found.case_id, consents_in(effect.report))
        await self._work.alerts.put("follow_up_answered", self._now, case_id=found.case_id)
        await self._work.tasks.put("follow_up_answered", None, found.case_id, self._now)
        if found.has_ended:  # it came late: the next round is planned already
            await self._work.follow_ups.end([found.id], ANSWERED, self._now)
        else:
            await end(self._work, found, ANSWERED, self._now)
        return found.case_id

    async def leave(self, effect: LeaveFollowUp) -> list[Effect]:
        """Put the questions off, once, or let them be; return what is said."""
        found = await self._work.follow_ups.find(effect.handle)
        again = effect.how == "later" and found is not None and not found.has_ended
        if found is not None and not found.has_ended:
            if effect.how == "declined":
                await end(self._work, found, DECLINED, self._now)
                await self._work.alerts.put("follow_up_answered", self._now, case_id=found.case_id)
            else:
                again = await self._put_off(found)
        words = effect.again if again else effect.last
        return [Say((words,))] if words else []

    # ── within ──

    async def _put_off(self, found: FollowUp) -> bool:
        """Return whether it will be asked once more; nobody can be who comes by the code alone."""
        if found.contact_id is None:
            until = ends_at_case(found, self._now)
            await self._work.follow_ups.put_off(found.id, until, reminded=False)
            return False
        ends = (found.asked_at or self._now) + EXPIRE_AFTER
        later = self._now + REMIND_AFTER
        again = not found.reminded and later < ends
        until = later if again else max(ends, self._now)
        await self._work.follow_ups.put_off(found.id, until, reminded=not again)
        return again

    async def _first(self, detached: Sequence[Case]) -> FollowUp | None:
        """Return the questions to begin with: this contact's own, then those at a case."""
        found = await self._work.follow_ups.waiting_for(self._contact_id)
        for case in detached if found is None else ():
            if (found := await self._work.follow_ups.waiting_at(case.id)) is not None:
                break
        return found

    async def _detached(self, session: Session) -> list[Case]:
        """Return the cases this contact came with the code of, where that is the only way back."""
        if not session.came_with:
            return []
        claims = await self._work.claims.of_contact(self._contact_id)
        refused = {it.case_id for it in claims if it.refused}
        found = [await self._work.cases.find_by_code(code) for code in session.came_with]
        return [
            case
            for case in found
            if case and case.id not in refused and await self._work.claims.is_detached(case.id)
        ]

    async def _news(self, cases: Sequence[Case]) -> list[Effect]:
        waiting = await self._work.updates.open_for(self._contact_id)
        codes = {case.id: case.code for case in cases} if len(cases) > 1 else {}
        return await tell_updates(self._work, waiting, codes, self._now, self._tools)

    async def _words_to_many(self) -> list[Effect]:
        words = await self._work.broadcasts.open_for(self._contact_id, self._now)
        return [Say((sentence,), lasts=True) for sentence in words]

    async def _begin(
        self, session: Session, waiting: FollowUp, cases: Sequence[Case], told: bool
    ) -> Turn:
        questions = await find_set(self._work, waiting.question_set, waiting.version)
        if questions is None:
            return Turn(session, (Say((follow_up.NOTHING_WAITS,)),))
        await self._work.follow_ups.begin(waiting.id)
        opening = [*self._who_asks(waiting, cases), *await self._last_word(waiting, told)]
        form = waiting.manner.form
        return ask_follow_up(
            session, questions, waiting.handle, form, opening, self._now, self._tools
        )

    def _who_asks(self, waiting: FollowUp, cases: Sequence[Case]) -> list[Sentence]:
        us = Later("organisation")
        asker = waiting.manner.asker
        words: Words = follow_up.FROM.fill(asker=asker) if asker else follow_up.FROM_US
        opening: list[Sentence] = [words.fill(organisation=us), trust.NEVER_MONEY]
        code = next((case.code for case in cases if case.id == waiting.case_id), "")
        if len(cases) > 1 and code:
            opening.append(follow_up.ON_REPORT.fill(code=code))
        return opening

    async def _last_word(self, waiting: FollowUp, told: bool) -> list[Sentence]:
        """A check-in begins with our own news, and says so when there are none."""
        if waiting.question_set != CHECK_IN or told:
            return []
        last = await self._work.updates.last_of(waiting.case_id)
        if last is None or last.kind not in UPDATES:
            return [follow_up.NO_WORD]
        day = self._tools.today(last.put_at)
        return [follow_up.LAST_WORD.fill(date=day, news=words_of(last))]


def words_of(update: StatusUpdate) -> Words:
    """Return the sentence of an update; its kind is one of those that have words."""
    words = _SAYINGS[update.kind]
    return words.fill(date=update.since) if update.since else words


async def tell_updates(
    work: Work,
    waiting: Sequence[StatusUpdate],
    codes: Mapping[int, str],
    now: datetime,
    tools: Tools,
) -> list[Effect]:
    """Return what is said of these updates, and note that they were opened.

    ``codes`` are the receipt codes by case, where it has to be said which report it is.
    """
    await work.updates.note_opened([each.id for each in waiting], now)
    said: list[Effect] = []
    for each in waiting:
        if each.kind in _SAYINGS:
            day, news = tools.today(each.put_at), words_of(each)
            code = codes.get(each.case_id)
            sentence = (
                follow_up.NEWS_ON.fill(date=day, code=code, news=news)
                if code
                else follow_up.NEWS.fill(date=day, news=news)
            )
            said.append(Say((sentence,), lasts=True))
    return said
