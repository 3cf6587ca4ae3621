"""Asking one family: which questions, when, and taking it back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bot.services.accounts import TooMany
from bot.services.follow_ups import CannotPlan
from bot.services.permissions import NotAllowed
from bot.staff.web.labels import CASE_REFUSALS
from bot.staff.web.preview import preview_of
from bot.staff.web.visit import BadForm, Visit
from bot.staff.words import CANNOT_PLAN
from flows.text import Sentence

NOW, AT, REPEAT = "now", "at", "repeat"
CHECK_IN = 90


async def show_plan(visit: Visit) -> Response:
    """Show which questions can be asked, and when."""
    return await _plan_page(visit, visit.handle())


async def _plan_page(
    visit: Visit, handle: str, problem: Sentence | None = None, status: int = 200
) -> Response:
    follow_ups = visit.console.services.follow_ups
    sets = await follow_ups.sets(visit.actor)
    # Whoever may not see this case learns it here, before anything is chosen.
    waiting = await follow_ups.of_case(visit.actor, handle)
    chosen = visit.form.get("set") or visit.query.get("set", "")
    return visit.show(
        "follow_up.html",
        status,
        problem=problem,
        handle=handle,
        sets=sets,
        chosen=chosen if chosen in {it.name for it in sets} else "",
        waiting=[it for it in waiting if it.ended_at is None],
        check_in=CHECK_IN,
        earliest=visit.voice.local(visit.console.clock()),
    )


async def preview(visit: Visit) -> Response:
    """Show the questions of a set as the family will see them, in both languages."""
    handle, follow_ups = visit.handle(), visit.console.services.follow_ups
    name = visit.form.word("set")
    try:
        await follow_ups.of_case(visit.actor, handle)
        data = await follow_ups.read_set(visit.actor, name)
    except CannotPlan as error:
        return await _plan_page(visit, handle, CANNOT_PLAN[error.reason], 409)
    return visit.show(
        "follow_up_preview.html",
        handle=handle,
        kept={key: visit.form[key] for key in _FIELDS if key in visit.form},
        phones=preview_of(follow_ups.preview(visit.actor, data)),
    )


_FIELDS = ("set", "when", "at", "every_days", "any_day")


async def plan(visit: Visit) -> Response:
    """Plan a follow-up."""
    handle, form = visit.handle(), visit.form
    if form.get("again"):
        return await _plan_page(visit, handle)
    try:
        wanted = _wanted(visit)
        given = await _what_only_readers_know(visit, handle)
        await visit.console.services.follow_ups.plan(
            visit.actor, handle, form.word("set"), any_day=bool(form.get("any_day")),
            **wanted, **given,
        )  # fmt: skip
    except CannotPlan as error:
        return await _plan_page(visit, handle, CANNOT_PLAN[error.reason], 409)
    except BadForm as error:
        return await _plan_page(visit, handle, error.words, 400)
    except TooMany:
        return await _plan_page(visit, handle, CASE_REFUSALS["stopped"], 409)
    return visit.go(f"/cases/{handle}", said="planned")


def _wanted(visit: Visit) -> dict[str, Any]:
    form = visit.form
    when = form.choice("when", (NOW, AT, REPEAT))
    moment = form.moment("at", visit.console.place.zone) if when != NOW else None
    every = form.number("every_days", 7, 730) if when == REPEAT else None
    return {"when": moment, "every_days": (every or CHECK_IN) if when == REPEAT else None}


async def _what_only_readers_know(visit: Visit, handle: str) -> dict[str, Any]:
    """Return how the family's questions are worded, and on which day they are not asked."""
    file = await visit.console.services.cases.open_case(visit.actor, visit.here.held, handle)
    forms = [entry.form for entry in file.entries if entry.form]
    days = [entry.gone_on for entry in file.entries if entry.gone_on]
    return {
        "form": forms[-1] if forms else "",
        "not_on": (days[-1].month, days[-1].day) if days else None,
    }


async def withdraw(visit: Visit) -> Response:
    """Take a follow-up back, before or after the family was asked."""
    try:
        await visit.console.services.follow_ups.withdraw(visit.actor, visit.handle())
    except CannotPlan as error:
        return visit.show("sorry.html", 409, words=CANNOT_PLAN[error.reason])
    case = visit.form.word("case")
    if len(case) != 32 or not case.isalnum():
        raise NotAllowed
    return visit.go(f"/cases/{case}", said="withdrawn")
