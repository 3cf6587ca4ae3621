"""The case page, where a report is read, and every act on one case.

The page is shown again, with what was written into the form still there, when an act is refused:
the words of a note are not to be typed twice. Opening the page opens every envelope of the case
once, all of it in one call of the service.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from starlette.responses import Response

from bot.services.accounts import TooMany
from bot.services.case_file import CaseFile
from bot.services.cases import Refused
from bot.services.permissions import NotAllowed
from bot.services.updates import CannotTell
from bot.staff.web import labels
from bot.staff.web.visit import BadForm, Visit
from bot.staff.words import CANNOT_TELL, FOLLOW_UP_STATES
from flows.case import CONFIDENCES, FATES, WORK_STATES
from flows.text import Sentence, _

Problem = Sentence | None


async def show_case(visit: Visit) -> Response:
    """Show everything in a case."""
    return await _page(visit, visit.handle())


async def _page(visit: Visit, handle: str, problem: Problem = None, status: int = 200) -> Response:
    services = visit.console.services
    try:
        file = await services.cases.open_case(visit.actor, visit.here.held, handle)
    except TooMany:
        return visit.show("sorry.html", 409, words=labels.CASE_REFUSALS["stopped"])
    return visit.show(
        "case.html",
        status,
        problem=problem,
        file=file,
        row=file.row,
        follow_ups=await services.follow_ups.of_case(visit.actor, handle),
        accounts=await services.reaching.of_case(visit.actor, handle),
        updates=await services.updates.of_case(visit.actor, handle),
        leaving=await services.leavings.standing(visit.actor, handle),
        people_options=[(it.handle, it.name) for it in await _readers(visit)],
        **_names(visit, file),
    )


def _names(visit: Visit, file: CaseFile) -> dict[str, Any]:
    """Return what the page calls things, and what can be chosen on it."""
    fates = {code: fate.label for code, fate in FATES.items()}
    ends = list(dict.fromkeys(move.end for move in file.fate_moves))
    return {
        "labels": labels,
        "label": labels.label,
        "states": WORK_STATES,
        "fates": fates,
        "confidences": CONFIDENCES,
        "follow_up_states": FOLLOW_UP_STATES,
        "move_options": [(it.end, visit.say(WORK_STATES[it.end])) for it in file.moves],
        "fate_options": [(end, visit.say(fates[end])) for end in ends],
        "confidence_options": [(it, visit.say(words)) for it, words in CONFIDENCES.items()],
        "can": {act: visit.may(act) for act in ("case.assign", "case.move_fate", "case.erase")},
    }


async def _readers(visit: Visit) -> list[Any]:
    """Return who a case may be given to, for those who may give it."""
    if not visit.may("case.assign"):
        return []
    people = await visit.console.services.accounts.people(visit.actor)
    return [it for it in people if it.is_active and it.role in ("caseworker", "coordinator")]


async def _act(visit: Visit, handle: str, act: Awaitable[Any], said: str, to: str = "") -> Response:
    """Do one act; lead back to the case, or show it again with what is in the way."""
    try:
        await act
    except Refused as refused:
        return await _page(visit, handle, labels.CASE_REFUSALS[refused.reason], 409)
    return visit.go(f"/cases/{handle}{to}", said=said)


async def assign(visit: Visit) -> Response:
    """Give the case to somebody, or to nobody."""
    handle, form = visit.handle(), visit.form
    to, former = form.word("to") or None, form.word("former") or None
    if to not in {None, *(person.handle for person in await _readers(visit))}:
        raise NotAllowed
    cases = visit.console.services.cases
    try:
        await cases.assign(visit.actor, handle, to, former=former)
    except Refused as refused:
        return visit.show("sorry.html", 409, words=labels.CASE_REFUSALS[refused.reason])
    return visit.go(f"/cases/{handle}", said="assigned")


async def add_note(visit: Visit) -> Response:
    """Add a note to the case."""
    handle, form = visit.handle(), visit.form
    words, told = form.words("note"), bool(form.get("spoken"))
    cases = visit.console.services.cases
    return await _act(visit, handle, cases.add_note(visit.actor, handle, words, told=told), "noted")


async def move_work(visit: Visit) -> Response:
    """Move the work state; what a bot may say of it is offered on the next page."""
    handle, form = visit.handle(), visit.form
    former = form.choice("former", WORK_STATES)
    to = form.choice("to", WORK_STATES)
    try:
        update = await visit.console.services.cases.move_work(
            visit.actor, visit.here.held, handle, to, former=former, reason=form.words("reason")
        )
    except Refused as refused:
        return await _page(visit, handle, labels.CASE_REFUSALS[refused.reason], 409)
    if update:
        return visit.go(f"/cases/{handle}/update", said="moved", kind=update)
    return visit.go(f"/cases/{handle}", said="moved")


async def move_confidence(visit: Visit) -> Response:
    """Say anew on what the fate rests."""
    handle, form = visit.handle(), visit.form
    former, to = form.choice("former", CONFIDENCES), form.choice("to", CONFIDENCES)
    act = visit.console.services.cases.move_confidence(
        visit.actor, visit.here.held, handle, to, former=former, source=form.words("source")
    )
    return await _act(visit, handle, act, "moved")


async def move_fate(visit: Visit) -> Response:
    """Move the fate, or propose it."""
    handle, form = visit.handle(), visit.form
    to, confidence = form.choice("to", FATES), form.choice("confidence", CONFIDENCES)
    former, source = form.choice("former", FATES), form.words("source")
    try:
        done = await visit.console.services.cases.propose_fate(
            visit.actor, visit.here.held, handle, to, confidence, former=former, source=source
        )
    except Refused as refused:
        return await _page(visit, handle, labels.CASE_REFUSALS[refused.reason], 409)
    return visit.go(f"/cases/{handle}", said=done)


async def approve_fate(visit: Visit) -> Response:
    """Make somebody else's proposal so."""
    handle, form = visit.handle(), visit.form
    act = visit.console.services.cases.approve_fate(
        visit.actor, visit.here.held, handle, visit.handle("entry"), reason=form.words("reason")
    )
    return await _act(visit, handle, act, "approved")


async def refuse_fate(visit: Visit) -> Response:
    """Refuse a proposal, or take one's own back."""
    handle, form = visit.handle(), visit.form
    act = visit.console.services.cases.refuse_fate(
        visit.actor, visit.here.held, handle, visit.handle("entry"), reason=form.words("reason")
    )
    return await _act(visit, handle, act, "refused")


async def promise_word(visit: Visit) -> Response:
    """Say by which day the family hears from us next."""
    handle, cases = visit.handle(), visit.console.services.cases
    try:
        await cases.promise_word(visit.actor, handle, visit.form.day("on"))
    except ValueError:
        return await _page(visit, handle, PASSED, 400)
    except BadForm as error:
        return await _page(visit, handle, error.words, 400)
    return visit.go(f"/cases/{handle}", said="saved")


PASSED = _("That day has passed already.")


async def associate(visit: Visit) -> Response:
    """Say which association looks after the case."""
    handle, cases = visit.handle(), visit.console.services.cases
    act = cases.associate(visit.actor, handle, visit.form.word("association"))
    return await _act(visit, handle, act, "saved")


# ------------------------------------------------------------------------------- status updates


async def show_update(visit: Visit) -> Response:
    """Show what can be told to the family, with the words it will read."""
    return await _update_page(visit, visit.handle())


async def _update_page(
    visit: Visit, handle: str, problem: Problem = None, status: int = 200
) -> Response:
    services = visit.console.services
    before = await services.updates.of_case(visit.actor, handle)
    kinds = services.updates.kinds()
    chosen = visit.form.get("kind") or visit.query.choice("kind", kinds)
    return visit.show(
        "update.html",
        status,
        problem=problem,
        handle=handle,
        kinds=kinds,
        chosen=chosen,
        before=before,
        today=visit.console.clock().astimezone(visit.console.place.zone).date(),
    )


async def tell_update(visit: Visit) -> Response:
    """Send a dated word to the family."""
    handle, updates = visit.handle(), visit.console.services.updates
    try:
        kind, since = visit.form.choice("kind", updates.kinds()), visit.form.day("since")
        await updates.tell(visit.actor, handle, kind, since=since)
    except CannotTell as error:
        return await _update_page(visit, handle, CANNOT_TELL[error.reason], 409)
    except BadForm as error:
        return await _update_page(visit, handle, error.words, 400)
    return visit.go(f"/cases/{handle}", said="told")
