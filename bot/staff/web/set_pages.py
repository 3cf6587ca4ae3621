"""Question sets: the list, the editor, and how a set will look to a family."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from bot.services.follow_ups import CannotPlan
from bot.services.permissions import NotAllowed
from bot.staff.web import set_form
from bot.staff.web.preview import preview_of
from bot.staff.web.visit import BadForm, Visit
from bot.staff.words import CANNOT_PLAN
from flows.flow_data import KINDS, NotAFlow
from flows.questions import OPTIONAL
from flows.text import Words, _

REASONS: dict[str, Words] = {
    "missing": _("something is missing"),
    "unknown": _("that is not known here"),
    "kind": _("that is not of the right kind"),
    "empty": _("a text is missing; both languages are needed"),
    "long": _("the text is too long"),
    "many": _("there are too many of them"),
    "few": _("there are too few of them"),
    "twice": _("the same is there twice"),
    "alike": _("two answers cannot be told apart when they are typed"),
    "reserved": _("that name is taken by the house"),
    "range": _("the number is out of bounds"),
    "no_way": _("a family needs a way around the question"),
    "later": _("the condition asks for something that comes later"),
    "deep": _("the condition is too deep"),
    "fate_words": _("no bot speaks of a fate; please choose other words"),
    "invisible": _("there are signs in the text that cannot be seen"),
}
PLACES: dict[str, Words] = {
    "title": _("title"),
    "why": _("the reason"),
    "words": _("the question"),
    "hint": _("the hint"),
    "options": _("the answers"),
    "label": _("the answer"),
    "kinds": _("what can be sent"),
    "ways": _("the ways around"),
    "when": _("the condition"),
    "questions": _("the questions"),
    "ar": _("Arabic"),
    "en": _("English"),
}
WHERE = _("{where}: {why}.")
QUESTION = _("Question {n}")
ANSWER = _("answer {n}")


async def show_sets(visit: Visit) -> Response:
    """Show all sets there are."""
    sets = await visit.console.services.follow_ups.sets(visit.actor, retired=True)
    return visit.show("sets.html", sets=sets)


async def new_set(visit: Visit) -> Response:
    """Show an empty form, or one filled with a copy of another set."""
    name = visit.query.word("copy")
    data = await _read(visit, name) if name else set_form.empty()
    return _editor(visit, data, "")


async def edit_set(visit: Visit) -> Response:
    """Show a stored set in the form."""
    handle = visit.handle()
    return _editor(visit, await _read(visit, handle), handle)


async def _read(visit: Visit, name: str) -> dict[str, Any]:
    try:
        return dict(await visit.console.services.follow_ups.read_set(visit.actor, name))
    except CannotPlan:
        raise NotAllowed from None


def _editor(
    visit: Visit, data: Any, handle: str, problem: str = "", status: int = 200, phones: Any = ()
) -> Response:
    return visit.show(
        "set_editor.html",
        status,
        data=data,
        rows=set_form.rows(data),
        handle=handle,
        trouble=problem,
        phones=phones,
        kinds=[(kind, visit.say(set_form.KIND_NAMES[kind])) for kind in KINDS],
        ways=[(way, visit.say(set_form.WAY_NAMES[way])) for way in OPTIONAL],
        files=[(kind, visit.say(words)) for kind, words in set_form.FILE_NAMES.items()],
    )


async def change_set(visit: Visit) -> Response:
    """Do what a button of the form says: change the form, show the set, or keep it."""
    form, follow_ups = visit.form, visit.console.services.follow_ups
    handle, act = form.word("handle"), form.word("do")
    try:
        data = set_form.read(form)
    except BadForm as error:
        return visit.show("sorry.html", 400, words=error.words)
    try:
        if act == "save":
            await follow_ups.save_set(visit.actor, data, handle or None)
            return visit.go("/question-sets", said="saved")
        if act == "preview":
            phones = preview_of(follow_ups.preview(visit.actor, data))
            return _editor(visit, data, handle, phones=phones)
        if act == "try":
            _rehearse(visit, data, draft=True, handle=handle)
            return visit.go("/rehearsal/")
    except NotAFlow as error:
        return _editor(visit, data, handle, _told(visit, error), 400)
    except CannotPlan as error:
        return _editor(visit, data, handle, visit.say(CANNOT_PLAN[error.reason]), 409)
    return _editor(visit, set_form.changed(data, act, form.word("add_kind")), handle)


async def try_set(visit: Visit) -> Response:
    """Play a kept set, or one that ships, as a family would."""
    data = await _read(visit, visit.form.word("name"))
    _rehearse(visit, data, draft=False)
    return visit.go("/rehearsal/")


async def edit_tried(visit: Visit) -> Response:
    """Show what was tried in the form again, as it stood there; a kept set leads to the list."""
    tried = visit.console.services.rehearsals.of(visit.here)
    if tried is None or tried.data is None:
        return visit.go("/question-sets")
    return _editor(visit, dict(tried.data), tried.handle)


def _rehearse(visit: Visit, data: Mapping[str, Any], *, draft: bool, handle: str = "") -> None:
    rehearsals = visit.console.services.rehearsals
    rehearsals.begin(visit.actor, visit.here, data, draft=draft, handle=handle)


async def retire_set(visit: Visit) -> Response:
    """Offer a set no longer."""
    try:
        await visit.console.services.follow_ups.retire_set(visit.actor, visit.handle())
    except CannotPlan:
        raise NotAllowed from None
    return visit.go("/question-sets", said="retired")


_PLACE = re.compile(r"([a-z_]+)(?:\[(\d+)\])?")


def _told(visit: Visit, error: NotAFlow) -> str:
    """Say where a set is at fault, and why."""
    where = []
    for name, number in _PLACE.findall(error.place):
        if name == "questions" and number:
            where.append(visit.say(QUESTION, n=int(number) + 1))
        elif name == "options" and number:
            where.append(visit.say(ANSWER, n=int(number) + 1))
        elif name in PLACES:
            where.append(visit.say(PLACES[name]))
    why = visit.say(REASONS.get(error.reason, REASONS["unknown"]))
    comma = "، " if visit.voice.language == "ar" else ", "
    return visit.say(WHERE, where=comma.join(where) or "–", why=why)
