"""Files of a case: the copy of a picture, a sound, the download, and the transcript beside it."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from bot.services.accounts import TooMany
from bot.services.case_attachments import Gone, NoPreview
from bot.services.cases import Refused
from bot.services.file_types import SOUNDS
from bot.staff.web import downloads, labels
from bot.staff.web.visit import Visit
from flows.text import _

NOT_THERE = _(
    "This file is not where it should be, or does not open. Please tell an administrator."
)


async def show_picture(visit: Visit) -> Response:
    """Answer with a copy of a picture; with nothing where none can be made."""
    case, handle, files = visit.handle(), visit.handle("file"), visit.console.services.files
    try:
        copy = await files.picture(visit.actor, visit.here.held, case, handle)
    except NoPreview:
        return PlainTextResponse("no picture\n", 415)
    except (Gone, TooMany):
        return PlainTextResponse("not there\n", 410)
    return downloads.picture(copy)


async def play_sound(visit: Visit) -> Response:
    """Answer with a sound, or the part of it a player asks for."""
    case, handle, files = visit.handle(), visit.handle("file"), visit.console.services.files
    wanted = visit.request.headers.get("range", "")
    audited = not downloads.goes_on(wanted)
    try:
        file = await files.open(visit.actor, visit.here.held, case, handle, audited=audited)
    except (Gone, TooMany):
        return PlainTextResponse("not there\n", 410)
    if file.type not in SOUNDS:
        return PlainTextResponse("no sound\n", 415)
    return downloads.sound(file.pieces, file.size, file.type, wanted)


async def download(visit: Visit) -> Response:
    """Answer with a file's own bytes, to be saved and looked at elsewhere."""
    case, handle, files = visit.handle(), visit.handle("file"), visit.console.services.files
    try:
        file = await files.open(visit.actor, visit.here.held, case, handle)
    except TooMany:
        return visit.show("sorry.html", 409, words=labels.CASE_REFUSALS["stopped"])
    except Gone:
        return visit.show("sorry.html", 410, words=NOT_THERE, ours=True)
    return downloads.download(file.pieces, file.size, file.name, file.type, handle)


async def transcribe(visit: Visit) -> Response:
    """Keep what somebody heard in a file, or read on it."""
    case, handle, files = visit.handle(), visit.handle("file"), visit.console.services.files
    try:
        await files.transcribe(visit.actor, case, handle, visit.form.words("transcript"))
    except Refused as refused:
        return visit.show("sorry.html", 409, words=labels.CASE_REFUSALS[refused.reason])
    return visit.go(f"/cases/{case}", said="transcribed")
