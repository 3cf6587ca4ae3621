"""The worklist, tasks, and who has which case."""

from __future__ import annotations

from starlette.responses import Response

from bot.services.cases import Filters, Refused
from bot.services.permissions import NotAllowed
from bot.staff.web.labels import CASE_REFUSALS, TASKS
from bot.staff.web.visit import BadForm, Visit
from flows.case import WORK_STATES
from flows.text import _

URGENT_ONLY, MINE, NOBODYS = "urgent", "mine", "nobody"


async def show_worklist(visit: Visit) -> Response:
    """Show a page of the worklist, filtered by what stands in the address: fixed words and days."""
    query = visit.query
    cases = visit.console.services.cases
    try:
        page = await cases.worklist(visit.actor, _filters(visit), query.word("after"))
    except ValueError:
        raise BadForm(OLD_PAGE) from None
    return visit.show(
        "worklist.html",
        page=page,
        query=query,
        states=WORK_STATES,
        state_options=[
            ("all", visit.say(EVERYTHING)),
            *((state, visit.say(words)) for state, words in WORK_STATES.items()),
        ],
        tail={name: query[name] for name in _KEPT if query.get(name)},
        filtered=any(query.get(name) for name in _KEPT),
    )


_KEPT = ("state", "urgent", "whose", "tasks", "from", "until")
EVERYTHING = _("All, finished ones too")
OLD_PAGE = _("This page of the list is not there any more. Please begin at the first.")


def _filters(visit: Visit) -> Filters:
    query = visit.query
    state = query.choice("state", (*WORK_STATES, "all"))
    whose = query.choice("whose", (MINE, NOBODYS))
    return Filters(
        work_states=tuple(WORK_STATES) if state == "all" else (state,) if state else (),
        urgent=True if query.choice("urgent", ("1",)) else None,
        assigned_to=visit.actor.staff if whose == MINE else None,
        unassigned=whose == NOBODYS,
        has_tasks=bool(query.choice("tasks", ("1",))),
        opened_from=query.day("from"),
        opened_until=query.day("until"),
    )


async def take(visit: Visit) -> Response:
    """Take a case nobody has."""
    handle = visit.handle()
    try:
        await visit.console.services.cases.take(visit.actor, handle)
    except Refused as refused:
        return visit.show("sorry.html", 409, words=CASE_REFUSALS[refused.reason])
    return visit.go(f"/cases/{handle}", said="taken")


async def find_code(visit: Visit) -> Response:
    """Go to the case with a receipt code. The code comes in the form, never in the address."""
    row = await visit.console.services.cases.find(visit.actor, visit.form.word("code"))
    if row is None:
        raise NotAllowed
    if not row.readable:
        return visit.go("/cases", whose=NOBODYS)
    return visit.go(f"/cases/{row.handle}")


async def show_tasks(visit: Visit) -> Response:
    """Show what waits for a person."""
    tasks = await visit.console.services.cases.tasks(visit.actor)
    return visit.show("tasks.html", tasks=tasks, names=TASKS)


async def finish_task(visit: Visit) -> Response:
    """Mark a task as done."""
    number = str(visit.request.path_params.get("number", ""))
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise NotAllowed
    await visit.console.services.cases.finish_task(visit.actor, int(number))
    handle = visit.form.word("case")
    if len(handle) == 32 and handle.isalnum():
        return visit.go(f"/cases/{handle}", said="done")
    return visit.go("/tasks", said="done")
