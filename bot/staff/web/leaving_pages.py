"""A family's own copy, given in two steps by two people; and an erasure brought forward."""

from __future__ import annotations

from starlette.responses import Response

from bot.services.accounts import TooMany
from bot.services.leavings import CannotGive
from bot.staff.web.labels import CASE_REFUSALS, COPY_REFUSALS, COPY_STATES
from bot.staff.web.visit import Visit
from flows.text import Language, Sentence

Problem = Sentence | None


async def show_copy(visit: Visit) -> Response:
    """Show the copy as the family would read it, and the step that is next."""
    return await _page(visit, visit.handle())


async def _page(visit: Visit, handle: str, problem: Problem = None, status: int = 200) -> Response:
    leavings = visit.console.services.leavings
    try:
        seen = await leavings.preview(visit.actor, visit.here.held, handle)
    except TooMany:
        return visit.show("sorry.html", 409, words=CASE_REFUSALS["stopped"])
    standing = await leavings.standing(visit.actor, handle)
    return visit.show(
        "copy.html",
        status,
        problem=problem,
        handle=handle,
        seen=seen,
        before=standing.copies,
        states=COPY_STATES,
    )


async def prepare(visit: Visit) -> Response:
    """Stand for the copy."""
    handle, words = visit.handle(), visit.form.words("passed_on")
    language: Language = "en" if visit.form.word("language") == "en" else "ar"
    try:
        await visit.console.services.leavings.prepare(visit.actor, handle, words, language)
    except CannotGive as error:
        return await _page(visit, handle, COPY_REFUSALS[error.reason], 409)
    return visit.go(f"/cases/{handle}/copy", said="saved")


async def approve(visit: Visit) -> Response:
    """Approve what somebody else has prepared."""
    handle, leavings = visit.handle(), visit.console.services.leavings
    try:
        await leavings.approve(visit.actor, visit.here.held, handle)
    except CannotGive as error:
        return await _page(visit, handle, COPY_REFUSALS[error.reason], 409)
    except TooMany:
        return visit.show("sorry.html", 409, words=CASE_REFUSALS["stopped"])
    return visit.go(f"/cases/{handle}/copy", said="approved")


async def refuse(visit: Visit) -> Response:
    """Do not give it."""
    handle = visit.handle()
    try:
        await visit.console.services.leavings.refuse(visit.actor, handle)
    except CannotGive as error:
        return await _page(visit, handle, COPY_REFUSALS[error.reason], 409)
    return visit.go(f"/cases/{handle}", said="saved")


async def download(visit: Visit) -> Response:
    """Give the approved text as a file, to be printed and handed over."""
    handle, leavings = visit.handle(), visit.console.services.leavings
    try:
        text = await leavings.download(visit.actor, visit.here.held, handle)
    except CannotGive as error:
        return await _page(visit, handle, COPY_REFUSALS[error.reason], 409)
    except TooMany:
        return visit.show("sorry.html", 409, words=CASE_REFUSALS["stopped"])
    return Response(
        text.encode("utf-8", "replace"),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": "attachment; filename=copy.txt"},
    )


async def erase_now(visit: Visit) -> Response:
    """Bring an erasure forward; nobody can put it off."""
    handle = visit.handle()
    await visit.console.services.leavings.erase_now(visit.actor, handle)
    return visit.go(f"/cases/{handle}", said="saved")
