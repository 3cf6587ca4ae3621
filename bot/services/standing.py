"""Where a family's reports stand, in words a bot may say.

A bot tells that a report arrived, that somebody works on it, and when the next word comes. It
tells nothing of what was found: that is a person's to say. So a state that has no words of its own
is told in the most general ones, never by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flows import menu
from flows.effects import Say
from flows.text import Sentence
from storage.values import Case

GENERAL = menu.WORK_STATES["active"]


def tell_standing(cases: Sequence[Case], today: date) -> list[Say]:
    """Return one message for each case, oldest first, or one that says there is none.

    ``today`` is the day where the service is: a promised day that has passed is not repeated.
    """
    if not cases:
        return [Say((menu.STATUS_NONE,))]
    *others, last = (_tell(case, today) for case in sorted(cases, key=_age))
    return [*others, Say((*last.paragraphs, menu.STATUS_STANDING))]


def _age(case: Case) -> tuple[date, int]:
    return case.opened_on, case.id


def _tell(case: Case, today: date) -> Say:
    state = menu.WORK_STATES.get(case.work_state, GENERAL)
    told: list[Sentence] = [menu.STATUS.fill(code=case.code, state=state, date=case.opened_on)]
    if case.next_word_on and case.next_word_on >= today:
        told.append(menu.STATUS_NEXT.fill(date=case.next_word_on))
    return Say(tuple(told))
