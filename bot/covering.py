"""The last door of a closed chat: whatever was to be said there, only a help line's words leave.

The conversation says nothing else under cover (`flows/cover_talk.py`). But not all that a chat is
told comes from the conversation: reminders, notices, words to many, letters that were put before
the chat closed and could not go out yet, and what other parts of the house will think of. So what
leaves is looked at once more, at the two places where words leave: where Intake writes its replies,
and where a letter is sent. What nobody asked for becomes an ordinary greeting; anything else that
is not one of the few sentences is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from bot.languages import speak
from bot.messages import Outbound
from flows.cover import HERE, SENTENCES
from flows.text import LANGUAGES, Language

COVERED = "covered"
"""Why a letter ended: its chat has closed, and it was of no use to a help line."""


@cache
def _sentences() -> frozenset[str]:
    return frozenset(speak(words, language, "") for words in SENTENCES for language in LANGUAGES)


def only_cover(outbounds: Iterable[Outbound]) -> list[Outbound]:
    """Return those of ``outbounds`` a closed chat may show.

    Deletions show nothing; the acknowledgement of a tap loses its words; edits are left out.
    """
    kept = []
    for outbound in outbounds:
        if outbound.kind == "delete":
            kept.append(replace(outbound, text="", otherwise=""))
        elif outbound.kind == "tap":
            kept.append(replace(outbound, text=""))
        elif outbound.kind == "message" and outbound.text in _sentences():
            kept.append(replace(outbound, buttons=()))
    return kept


def unasked(outbounds: Sequence[Outbound], language: Language) -> list[Outbound]:
    """Return what a closed chat shows where we write without having been asked."""
    kept = only_cover(outbound for outbound in outbounds if outbound.kind == "delete")
    if any(outbound.kind == "message" for outbound in outbounds):
        kept.append(Outbound("message", speak(HERE, language, ""), language=language))
    return kept
