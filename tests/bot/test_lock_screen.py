"""What a locked telephone shows of us: everything we write without having been asked just now.

The beginnings are frozen in ``lock_screen.txt``, as a telephone shows them, for somebody to read;
``ATHAR_REWRITE=1`` writes it anew. They name nobody, carry no code and say of no report that it
exists, and they are the same for every family.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import introduction
from bot.channels.base import Limits
from bot.languages import speak
from bot.letters import unpack
from bot.services.notices import notice
from flows import cover, menu
from flows.text import LANGUAGES, Language, Sentence

FROZEN = Path(__file__).parent / "lock_screen.txt"
PREVIEW = 120
"""Characters a telephone shows of a message on its locked screen, at the most."""

UNASKED: tuple[tuple[str, Sentence], ...] = (
    ("reminder", menu.REMINDER),
    *((f"closed {number}", words) for number, words in enumerate(cover.SENTENCES, 1)),
)

TELLING = re.compile(
    r"report|case|missing|disappear|prison|detain|arrest|family|relative|organi[sz]ation|"
    r"بلاغ|ملف|مفقود|مختف|سجن|معتقل|اعتقال|احتجاز|عائل|أقارب|جمعية|رابطة|\d|[A-Z0-9]{4}-",
    re.IGNORECASE,
)
"""What would tell whoever picks the telephone up what this is about."""


def beginnings(language: Language) -> Iterator[tuple[str, str]]:
    """What a locked screen shows, by a name of its occasion."""
    for buttons in (True, False):
        for one in unpack(notice(speak, language, Limits(text=1000, buttons=buttons))):
            yield f"notice{'' if buttons else ' without buttons'}", one.text[:PREVIEW]
    for name, words in UNASKED:
        yield name, speak(words, language, "")[:PREVIEW]
    for command, words in introduction.COMMANDS:
        yield f"/{command}", speak(words, language, "")
    yield "description", speak(introduction.DESCRIPTION, language, "")
    yield "short description", speak(introduction.SHORT_DESCRIPTION, language, "")


def test_what_a_locked_screen_shows_is_as_it_was_read() -> None:
    shown = "".join(
        f"{language} {name}: {text}".replace("\n", " / ") + "\n"
        for language in LANGUAGES
        for name, text in beginnings(language)
    )
    if os.environ.get("ATHAR_REWRITE"):
        FROZEN.write_text(shown, encoding="utf-8")
    assert shown == FROZEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_names_nothing_and_nobody(language: Language) -> None:
    for name, text in beginnings(language):
        assert not TELLING.search(text), name


@pytest.mark.parametrize("text", ["Your report K9Z5-109S-866J", "بلاغكم", "Missing person"])
def test_the_check_finds_what_tells(text: str) -> None:
    assert TELLING.search(text)


def test_a_notice_is_the_same_for_every_family() -> None:
    assert notice(speak, "ar", Limits(text=1000)) == notice(speak, "ar", Limits(text=1000))
    both = unpack(notice(speak, None, Limits(text=1000)))
    assert all(speak(menu.NOTICE, language, "") in both[0].text for language in LANGUAGES)
