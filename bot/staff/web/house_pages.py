"""The house itself: figures, conversations, the audit log, the staff."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from starlette.responses import Response

from bot.languages import fill_later, speak
from bot.services.permissions import NotAllowed
from bot.services.statistics import Cell
from bot.staff.web import labels
from bot.staff.web.broadcast_pages import AREAS, LANGUAGE_NAMES
from bot.staff.web.preview import preview_of
from bot.staff.web.visit import Visit
from bot.staff.words import ROLE_NAMES
from flows import book
from flows.case import WORK_STATES
from flows.conversation import FLOWS
from flows.text import Form, Language, Sentence, Words, _

FAULTS: dict[str, Words] = {
    "missing": _("a row is gone"),
    "unlogged": _("a row nobody logged"),
    "changed": _("a row is not what was logged"),
    "broken": _("a link is gone, forged or out of place"),
    "shortened": _("the log ends before a place seen earlier"),
}
FLOW_NAMES: dict[str, Words] = {
    "consent": _("Consent"),
    "report": _("The report"),
    "addition": _("Adding to a report"),
    "choices": _("Changing choices"),
}
_INSERTED = {"organisation": "…", "code": "XXXX-XXXX-XXXX", "date": "…"}


async def show_book(visit: Visit) -> Response:
    """Show which conversations there are."""
    return visit.show("book.html", flows=list(FLOWS), names=FLOW_NAMES)


async def show_flow(visit: Visit) -> Response:
    """Show one conversation in full: the questions as families see them, and the drawing."""
    name = str(visit.request.path_params["name"])
    if name not in FLOWS:
        raise NotAllowed
    flow = FLOWS[name]
    return visit.show(
        "flow.html",
        name=FLOW_NAMES.get(name, Words(name)),
        version=flow.version,
        phones=preview_of(flow),
        text=_text(name, visit.voice.language),
        drawing=book.mermaid(flow),
    )


@cache
def _text(name: str, language: Language) -> str:
    def say(sentence: Sentence, language: Language, form: Form = "") -> str:
        return speak(fill_later(sentence, _INSERTED), language, form)

    return book.markdown(FLOWS[name], language, say)


async def show_audit(visit: Visit) -> Response:
    """Show the log, newest first."""
    before = visit.query.number("before", 1, 999_999_999)
    rows = await visit.console.services.audit.page(visit.actor, before)
    return visit.show("audit.html", rows=rows, verdict=None, labels=labels, faults=FAULTS)


async def verify_audit(visit: Visit) -> Response:
    """Walk both logs from their beginning and say what was found."""
    verdict = await visit.console.services.audit.verify(visit.actor)
    rows = await visit.console.services.audit.page(visit.actor)
    return visit.show("audit.html", rows=rows, verdict=verdict, labels=labels, faults=FAULTS)


async def show_staff(visit: Visit) -> Response:
    """Show who works here."""
    people = await visit.console.services.accounts.people(visit.actor)
    return visit.show("staff.html", people=people, role_names=ROLE_NAMES)


async def lift(visit: Visit) -> Response:
    """End somebody else's lock or stop."""
    await visit.console.services.accounts.lift(visit.actor, visit.handle())
    return visit.go("/staff", said="done")


async def end_sessions(visit: Visit) -> Response:
    """End all sessions of somebody."""
    await visit.console.services.accounts.end_sessions(visit.actor, visit.handle())
    return visit.go("/staff", said="ended")


async def show_statistics(visit: Visit) -> Response:
    """Show the figures of the service, as numbers, bars and tables."""
    areas = {area.code: area.label for area in AREAS}
    tongues = {str(code): words for code, words in LANGUAGE_NAMES.items()}

    def name_in(known: Mapping[str, Sentence]) -> Callable[[str], str]:
        return lambda code: visit.say(known.get(code, Words(code) if code else NOT_TOLD))

    return visit.show(
        "statistics.html",
        figures=await visit.console.services.statistics.read(visit.actor),
        most=_most,
        state_name=name_in(WORK_STATES),
        area_name=name_in(areas),
        language_name=name_in(tongues),
        plain_name=name_in({}),
    )


NOT_TOLD = _("not told")


def _most(cells: Sequence[Cell]) -> int:
    """Return the largest number of a table, never nothing: bars are measured by it."""
    return max((cell.number or 0 for cell in cells), default=0) or 1
