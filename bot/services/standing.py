"""Where a family's reports stand, in words a bot may say.

A bot tells that a report arrived and who looks after it, the last word there was and its day, what
happens next, and by when the next word comes. It tells nothing of what was found: that is a
person's to say. So a state that has no words of its own is told in the most general ones, never by
its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from bot.services.waiting import words_of
from flows import follow_up, leaving, menu
from flows.case import UPDATES
from flows.effects import Say
from flows.engine import Tools
from flows.text import Sentence
from storage.database import Work
from storage.values import Case

GENERAL = "active"
"""The state in whose words every other one is told that has none of its own."""


async def tell_standing(
    work: Work, cases: Sequence[Case], now: datetime, tools: Tools
) -> list[Say]:
    """Return one message for each case, oldest first, or one that says there is none.

    A promised day that has passed, where the service is, is not repeated.
    """
    if not cases:
        return [Say((menu.STATUS_NONE,))]
    told = [await _tell(work, case, now, tools) for case in sorted(cases, key=_age)]
    *others, last = told
    return [*map(Say, others), Say((*last, menu.STATUS_STANDING))]


def first_name(name: str) -> str:
    """Return the first name in a name, whole where it is made of two words."""
    first, *rest = name.split() or [""]
    return f"{first} {rest[0]}" if rest and first.casefold() in _COMPOUND else first


_COMPOUND = frozenset({"عبد", "أبو", "ابو", "أم", "نور", "abd", "abu", "umm", "nour", "noor"})
"""First words that are no name without the second one."""


def _age(case: Case) -> tuple[date, int]:
    return case.opened_on, case.id


async def _tell(work: Work, case: Case, now: datetime, tools: Tools) -> tuple[Sentence, ...]:
    state = case.work_state if case.work_state in menu.WORK_STATES else GENERAL
    words = menu.WORK_STATES[state]
    told: list[Sentence] = [menu.STATUS.fill(code=case.code, state=words, date=case.opened_on)]
    withdrawn = await work.leaving.find(case.id)
    if withdrawn is not None:
        last_day = withdrawn.erase_on - timedelta(days=1)
        return (*told, leaving.STATUS_WITHDRAWN.fill(date=last_day))
    told += await _who(work, case)
    told += await _last_word(work, case, tools)
    if state in menu.STATUS_STEPS:
        told.append(menu.STATUS_STEPS[state])
    if case.next_word_on and case.next_word_on >= tools.today(now):
        told.append(menu.STATUS_NEXT.fill(date=case.next_word_on))
    return tuple(told)


async def _who(work: Work, case: Case) -> list[Sentence]:
    """Name who looks after a case, unless nobody does or somebody who is gone."""
    member = await work.staff.find(case.assigned_to) if case.assigned_to else None
    if member is None or not member.active:
        return []
    return [menu.STATUS_WHO.fill(name=first_name(member.name))]


async def _last_word(work: Work, case: Case, tools: Tools) -> list[Sentence]:
    last = await work.updates.last_of(case.id)
    if last is None or last.kind not in UPDATES:
        return []
    return [follow_up.LAST_WORD.fill(date=tools.today(last.put_at), news=words_of(last))]
