"""Search and matching. What is looked for comes in a form and never stands in an address."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from bot.services.accounts import TooMany
from bot.services.matching import allow, suggest
from bot.staff.web.labels import CASE_REFUSALS
from bot.staff.web.visit import Visit
from flows.text import Words, _

LONGEST = 200

PARTS: dict[str, Words] = {
    "given": _("First name"),
    "father": _("Father's name"),
    "family": _("Family name"),
    "mother": _("Mother's name"),
    "born": _("Birth"),
    "area": _("Area"),
    "gone": _("Day of disappearance"),
    "sex": _("Sex"),
    "place": _("Place"),
    # Translators: one report names the other's person as taken in the same event.
    "linked": _("Told of as taken together"),
}
VERDICTS: dict[str, Words] = {
    "same": _("the same"),
    "alike": _("much alike"),
    "differs": _("different"),
    "unknown": _("not known"),
}
SUGGESTED: dict[str, Words] = {
    "person": _("Perhaps the same person"),
    "event": _("Perhaps taken in the same event"),
}


async def show_search(visit: Visit) -> Response:
    """Show the form, and begin to open what may be searched."""
    progress = visit.console.searches.begin(visit.here)
    return visit.show("find.html", found=None, asked="", progress=progress)


async def find(visit: Visit) -> Response:
    """Show what is found; waits for the index where it is not whole yet."""
    asked = visit.form.words("words", LONGEST)
    search = visit.console.searches.of(visit.here)
    try:
        found = await search.find(asked) if asked else None
    except TooMany:
        return visit.show("sorry.html", 409, words=CASE_REFUSALS["stopped"])
    return visit.show("find.html", found=found, asked=asked, progress=search.progress)


async def progress(visit: Visit) -> Response:
    """Tell how far the index is: two numbers."""
    now = visit.console.searches.of(visit.here).progress
    return JSONResponse({"count": now.done, "of": now.total, "done": now.ready})


async def comparing(visit: Visit) -> Response:
    """Tell how far it is until cases can be compared: two numbers."""
    now = visit.console.searches.of(visit.here).compared
    return JSONResponse({"count": now.done, "of": now.total, "done": now.ready})


async def show_matching(visit: Visit) -> Response:
    """Show which other cases may be about the same person, or the same event."""
    handle = visit.handle()
    search = visit.console.searches.of(visit.here)
    waits = None
    try:
        if not search.compared.ready:
            await allow(visit.actor, search, handle)
            if not await visit.console.searches.meet(visit.here):
                waits = search.compared
        found = [] if waits else await suggest(visit.actor, search, handle)
    except TooMany:
        return visit.show("sorry.html", 409, words=CASE_REFUSALS["stopped"])
    return visit.show(
        "matching.html",
        handle=handle,
        found=found,
        waits=waits,
        kinds=SUGGESTED,
        parts=PARTS,
        verdicts=VERDICTS,
    )
