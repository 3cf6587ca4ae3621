"""Pages: a template, what it is to show, the language and the direction; text and nothing else.

Every template is escaped. A family's words pass through the filter ``told`` (`family_words.py`),
which also isolates them; nothing else may show them. Sentences stand in the templates, marked for
the staff's catalogue. What is inserted into a sentence is isolated by the sentence itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.languages import bare, direction, speak_date, speak_to_staff
from bot.staff.web.family_words import shown, told
from flows.dates import RoughDate
from flows.text import Insert, Language, Sentence, Words

_HERE = files("bot.staff.web")
ASSETS: Mapping[str, str] = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_STRAY = re.compile("[\ud800-\udfff]")


def asset(name: str) -> bytes:
    """Return a file of `ASSETS`."""
    return (_HERE / "assets" / name).read_bytes()


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(str(_HERE / "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Voice:
    """How one page speaks: what templates call to say a sentence, a day or a moment."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self.language = language
        self.direction = direction(language)
        self._zone = zone

    def say(self, sentence: Sentence | str, **values: Insert) -> str:
        """Return a sentence of the staff's catalogue, or of the families'."""
        words = Words(sentence) if isinstance(sentence, str) else sentence
        if values and isinstance(words, Words):
            words = words.fill(**values)
        return speak_to_staff(words, self.language)

    def counted(self, one: str, many: str, n: int, **values: Insert) -> str:
        """Return a sentence that counts."""
        return self.say(Words(one, plural=many).fill(n=n, **values))

    def day(self, day: date | None) -> str:
        """Return a day in words, or a dash where there is none."""
        if day is None:
            return "–"
        rough = RoughDate("", "gregorian", day, day, "day", False, "")
        return bare(speak_date(rough, self.language))

    def moment(self, moment: datetime | None) -> str:
        """Return a day and a time in the zone of the service."""
        if moment is None:
            return "–"
        local = moment.astimezone(self._zone)
        comma = "،" if self.language == "ar" else ","
        return f"{self.day(local.date())}{comma} {local:%H:%M}"

    def local(self, moment: datetime | None) -> str:
        """Return a moment as a form field of day and time has it."""
        return moment.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M") if moment else ""


def page(name: str, voice: Voice, shows: Mapping[str, Any]) -> str:
    """Return the page ``name`` (a template) that shows these things."""
    text = (
        _templates()
        .get_template(name)
        .render(
            _=voice.say,
            say=voice.say,
            counted=voice.counted,
            day=voice.day,
            moment=voice.moment,
            local=voice.local,
            told=told,
            shown=shown,
            code=code,
            lines=lines,
            language=voice.language,
            direction=voice.direction,
            **shows,
        )
    )
    # A lone surrogate cannot be sent. Words of families come marked; this is for all others.
    return _STRAY.sub("\ufffd", text)


def code(receipt: str) -> Markup:
    """Return a receipt code for a page: one word, from left to right in any text."""
    return Markup('<bdi class="code" dir="ltr">{}</bdi>').format(receipt)


def lines(sentences: Sequence[Sentence], voice: Voice) -> str:
    """Return sentences, each on a line of its own."""
    return "\n".join(voice.say(sentence) for sentence in sentences)
