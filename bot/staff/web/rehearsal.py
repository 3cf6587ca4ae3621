"""A question set tried in the web chat's own page, inside the console and behind its walls.

The page, its script and its stream are those of the web chat (`bot.channels.webchat`), handed in by
the hallway. The console decides who may ask and which conversation is theirs: it is bound to the
session of the console, so the chat sets no cookie of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.staff.web.visit import Visit
from flows.text import Words, _

PATH: Final = "/rehearsal"
FILES: Final = f"{PATH}/file"
"""Where files are sent to; none is kept."""
TALK: Final = "athar.rehearsal"
"""Where a request carries the key of its conversation on the way into the chat."""
BACK: Final = "../question-sets/tried"
"""Seen from the page of a rehearsal."""

PAGE_WORDS: Mapping[str, Words] = {
    # Translators: the line under the name on the page where a question set is tried.
    "place": _("Rehearsal: nothing is kept, nobody is told"),
    "back": _("Back"),
    "new_talk": _("From the beginning"),
    "new_talk_question": _("Play the questions again?"),
    "new_talk_help": _("What was answered in this rehearsal is forgotten."),
    "new_talk_yes": _("From the beginning"),
    "welcome": _(
        "Here you answer the questions as a family would: with the buttons or in your own words. "
        "In the running service a short message comes first, and the questions begin when the "
        "family opens it."
    ),
    "privacy": _("Please use invented answers. They are forgotten when you sign out."),
    # Translators: beside a message in a rehearsal, where the web chat says "Kept".
    "kept": _("Heard"),
    "not_kept": _("Not heard yet. Your words are still here."),
}


class _Through(Response):
    """Lets the chat answer, under its own path, for one conversation."""

    def __init__(self, chat: ASGIApp, key: str | None) -> None:
        super().__init__()
        self._chat = chat
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = f"{scope.get('root_path', '')}{PATH}"
        await self._chat({**scope, "root_path": root, TALK: self._key}, receive, send)


async def show(visit: Visit) -> Response:
    """Answer with what the chat answers; without a rehearsal its page leads to the list of sets."""
    session = visit.session
    tried = visit.console.services.rehearsals.of(session) if session else None
    if tried is None and visit.request.url.path.endswith(f"{PATH}/"):
        return visit.go("/question-sets")
    return _Through(visit.console.chat, tried.key if tried else None)
