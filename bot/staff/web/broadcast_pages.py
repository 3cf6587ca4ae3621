"""Broadcasts: drafting, counting, approving as the second person, steering, the report."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from starlette.responses import JSONResponse, Response

from bot.services.broadcasts import Audience, Broadcast, Draft, Refused, Sample
from bot.staff.sentences import BROADCAST_STATES
from bot.staff.web.preview import Bubble, Phone
from bot.staff.web.visit import BadForm, Visit
from flows.case import WORK_STATES
from flows.report import ABROAD, AT_SEA, GOVERNORATES
from flows.text import LANGUAGES, Language, Sentence, Words, _

STOP_AT = 20
FIRST_YEAR = 1970
AREAS = (*GOVERNORATES, ABROAD, AT_SEA)

REFUSALS: dict[str, Words] = {
    "no_title": _("A title is needed, of at most 120 characters."),
    "no_words": _("The words are missing in one of the languages: {language}."),
    "too_long": _("The words are too long for one message: {language}."),
    "fate_words": _("No broadcast speaks of a fate. In {language}: {found}"),
    "years": _("The first year is later than the last."),
    "percent": _("The limit is a number between 1 and 100."),
    "not_yours": _("Only who drafted it can change it."),
    "own": _("You drafted this one: somebody else has to approve it."),
    "state": _("That is not possible any more, or not yet."),
    "changed": _("It has changed since you read it. Please read it again."),
    "nobody": _("There is nobody in its audience."),
    "still_failing": _("It would stop again at once. Please choose a higher limit."),
}
LANGUAGE_NAMES: dict[Language, Words] = {"ar": _("Arabic"), "en": _("English")}
LEDGER: dict[str, Words] = {
    # Translators: what became of the people of a broadcast, each with a number.
    "queued": _("Waiting"),
    "held": _("Held for the night"),
    "put": _("About to go"),
    "sent": _("Sent"),
    "opened": _("Opened"),
    "failed": _("Failed"),
    "blocked": _("Blocked"),
    "opted_out": _("Opted out"),
    "cancelled": _("Cancelled"),
    "unclear": _("Unclear"),
    # Translators: families that asked us to write nothing before a day; they read it after that.
    "paused": _("Asked for a pause"),
    "repeated": _("Tried twice"),
}
EXCLUDED: dict[str, Words] = {
    "opted_out": _("want no messages"),
    "blocked": _("have blocked the bot"),
    "no_channel": _("have no channel that carries words by itself"),
    "detached": _("cases of the whole service whose families chose that no tie is kept"),
    "withdrawn": _("cases of the whole service that were withdrawn"),
}


def _why(visit: Visit, refused: Refused) -> Sentence:
    values: dict[str, Any] = {}
    if refused.language is not None:
        values["language"] = LANGUAGE_NAMES[refused.language]
    if refused.found:
        values["found"] = "، ".join(refused.found)
    return REFUSALS[refused.reason].fill(**values)


async def show_broadcasts(visit: Visit) -> Response:
    """Show the newest broadcasts."""
    found = await visit.console.services.broadcasts.list(visit.actor)
    return visit.show("broadcasts.html", broadcasts=found, states=BROADCAST_STATES)


# ------------------------------------------------------------------------------------- drafting


async def new_broadcast(visit: Visit) -> Response:
    """Show an empty draft."""
    return _editor(visit, Draft("", "", "", stop_at_percent=STOP_AT))


async def edit_broadcast(visit: Visit) -> Response:
    """Show a draft in the form."""
    found = await visit.console.services.broadcasts.read(visit.actor, visit.handle())
    return _editor(visit, found.draft, found.handle)


def _editor(
    visit: Visit, draft: Draft, handle: str = "", problem: Sentence | None = None,
    status: int = 200, **more: Any,
) -> Response:  # fmt: skip
    say = visit.say
    return visit.show(
        "broadcast_editor.html",
        status,
        problem=problem,
        draft=draft,
        handle=handle,
        areas=[(area.code, say(area.label)) for area in AREAS],
        states=[(state, say(words)) for state, words in WORK_STATES.items()],
        languages=[(language, say(LANGUAGE_NAMES[language])) for language in LANGUAGES],
        first_year=FIRST_YEAR,
        last_year=visit.console.clock().year,
        **{"count": None, "phones": (), "excluded": EXCLUDED, **more},
    )


def _draft(visit: Visit) -> Draft:
    """Return what the form says. Raises `BadForm`."""
    form, last_year = visit.form, visit.console.clock().year
    chosen = form.chosen("languages", LANGUAGES)
    audience = Audience(
        areas=form.chosen("areas", [area.code for area in AREAS]),
        first_year=form.number("first_year", FIRST_YEAR, last_year),
        last_year=form.number("last_year", FIRST_YEAR, last_year),
        languages=tuple(language for language in LANGUAGES if language in chosen),
        work_states=form.chosen("work_states", WORK_STATES),
        associations=tuple(filter(None, (form.word("association"),))),
    )
    return Draft(
        form.word("title"), form.words("ar"), form.words("en"), audience,
        form.number("stop_at_percent", 1, 100) or STOP_AT,
    )  # fmt: skip


async def keep_draft(visit: Visit) -> Response:
    """Look at a draft (counted, and as families will see it), or keep it."""
    broadcasts, form = visit.console.services.broadcasts, visit.form
    handle = visit.handle() if "handle" in visit.request.path_params else ""
    try:
        draft = _draft(visit)
    except BadForm as error:
        return _editor(visit, _as_typed(visit), handle, error.words, 400)
    try:
        if form.get("do") == "look":
            samples = broadcasts.render_sample(visit.actor, draft)
            count = await broadcasts.count(visit.actor, draft.audience)
            return _editor(visit, draft, handle, phones=_phones(samples), count=count)
        if handle:
            kept = await broadcasts.edit(visit.actor, handle, draft)
        else:
            kept = await broadcasts.draft(visit.actor, draft)
    except Refused as refused:
        return _editor(visit, draft, handle, _why(visit, refused), 409)
    return visit.go(f"/broadcasts/{kept.handle}", said="saved")


def _as_typed(visit: Visit) -> Draft:
    form = visit.form
    return Draft(form.word("title"), form.get("ar", ""), form.get("en", ""))


def _phones(samples: Any) -> list[Phone]:
    return [_phone(sample) for sample in samples]


def _phone(sample: Sample) -> Phone:
    return Phone(sample.language, (Bubble(sample.notice, (sample.button,)), Bubble(sample.words)))


# --------------------------------------------------------------------------------- one broadcast


async def show_broadcast(visit: Visit) -> Response:
    """Show one broadcast: its words, whom it is for, how far it is, what can be done."""
    return await _page(visit, visit.handle())


async def _page(
    visit: Visit, handle: str, problem: Sentence | None = None, status: int = 200
) -> Response:
    broadcasts = visit.console.services.broadcasts
    found = await broadcasts.read(visit.actor, handle)
    waiting = found.state in ("draft", "submitted")
    people = await visit.console.services.accounts.people(visit.actor)
    return visit.show(
        "broadcast.html",
        status,
        problem=problem,
        found=found,
        phones=_phones(broadcasts.render_sample(visit.actor, found.draft)),
        count=await broadcasts.count(visit.actor, found.draft.audience) if waiting else None,
        progress=None if waiting else await broadcasts.progress(visit.actor, handle),
        names={person.handle: person.name for person in people},
        mine=found.drafted_by == visit.actor.staff,
        states=BROADCAST_STATES,
        ledger=LEDGER,
        excluded=EXCLUDED,
        audience=_audience(visit, found),
        live=found.state in ("approved", "running"),
    )


def _audience(visit: Visit, found: Broadcast) -> list[tuple[Words, str]]:
    """Return whom it is for, in words."""
    chosen, say = found.draft.audience, visit.say
    comma = "، " if visit.voice.language == "ar" else ", "
    areas = {area.code: area.label for area in AREAS}
    told = [
        (AREA, comma.join(say(areas[code]) for code in chosen.areas if code in areas)),
        (YEARS, _years(chosen)),
        (TONGUES, comma.join(say(LANGUAGE_NAMES[one]) for one in chosen.languages)),
        (STATES, comma.join(say(WORK_STATES[one]) for one in chosen.work_states)),
        (ASSOCIATION, comma.join(chosen.associations)),
    ]
    return [(name, words) for name, words in told if words]


AREA, YEARS, TONGUES = _("Area"), _("Year of disappearance"), _("Language")
STATES, ASSOCIATION = _("Work"), _("Association")


def _years(chosen: Audience) -> str:
    if chosen.first_year is None and chosen.last_year is None:
        return ""
    return f"{chosen.first_year or '…'}–{chosen.last_year or '…'}"


async def progress(visit: Visit) -> Response:
    """Tell how far a broadcast is: numbers alone."""
    handle = visit.handle()
    now = await visit.console.services.broadcasts.progress(visit.actor, handle)
    numbers = {name: getattr(now, name) for name in LEDGER}
    return JSONResponse(
        {
            **numbers,
            "count": now.people - now.queued - now.held - now.put,
            "of": now.people,
            "done": now.state not in ("approved", "running"),
        }
    )


async def submit(visit: Visit) -> Response:
    """Freeze a draft and ask the others to approve it."""
    act = visit.console.services.broadcasts.submit(visit.actor, visit.handle())
    return await _steer(visit, act, "submitted")


async def take_back(visit: Visit) -> Response:
    """Make a draft again of what waits for approval."""
    act = visit.console.services.broadcasts.take_back(visit.actor, visit.handle())
    return await _steer(visit, act, "taken_back")


async def approve(visit: Visit) -> Response:
    """Let it go out, as the second person, who has read what the digest names."""
    if not visit.form.get("read"):
        return await _page(visit, visit.handle(), READ_FIRST, 400)
    act = visit.console.services.broadcasts.approve(
        visit.actor, visit.handle(), visit.form.word("digest")
    )
    return await _steer(visit, act, "running")


READ_FIRST = _("Please say that you have read both texts.")


async def pause(visit: Visit) -> Response:
    """Write to nobody further for now."""
    act = visit.console.services.broadcasts.pause(visit.actor, visit.handle())
    return await _steer(visit, act, "paused")


async def resume(visit: Visit) -> Response:
    """Go on, perhaps with another limit."""
    try:
        percent = visit.form.number("stop_at_percent", 1, 100)
    except BadForm as error:
        return await _page(visit, visit.handle(), error.words, 400)
    act = visit.console.services.broadcasts.resume(visit.actor, visit.handle(), percent)
    return await _steer(visit, act, "resumed")


async def cancel(visit: Visit) -> Response:
    """Write to nobody further, ever."""
    act = visit.console.services.broadcasts.cancel(visit.actor, visit.handle())
    return await _steer(visit, act, "cancelled")


async def _steer(visit: Visit, act: Awaitable[Broadcast], said: str) -> Response:
    handle = visit.handle()
    try:
        await act
    except Refused as refused:
        return await _page(visit, handle, _why(visit, refused), 409)
    return visit.go(f"/broadcasts/{handle}", said=said)


async def report(visit: Visit) -> Response:
    """Hand out the report as a file for a spreadsheet."""
    text = await visit.console.services.broadcasts.report(visit.actor, visit.handle())
    headers = {"Content-Disposition": 'attachment; filename="broadcast.csv"'}
    return Response(text.encode(), media_type="text/csv", headers=headers)
