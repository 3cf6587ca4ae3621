"""A family's own copy: what it told and agreed to, as a text to be read, in its language.

What staff wrote about it (notes, moves, fates), and what others told, is not the family's and is
left out. Each answer stands as it was understood and, where that differs, as it was typed, with its
day: nothing is improved and nothing merged. The text is plain, so that it can be shown in a chat in
parts, printed, or read aloud.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from bot.languages import bare, speak
from bot.services.case_file import Entry, Stated
from flows.consents import PURPOSES, US, Consent, recipients
from flows.text import Language, Sentence, Words, _

OWN: Final = frozenset({"report", "addition", "correction", "choices", "follow_up"})
"""Entries that are the family's own words."""

# Translators: the headings of a family's copy of its own report.
HEADINGS: Final[dict[str, Words]] = {
    "report": _("Your report, of {date}"),
    "addition": _("What you added, on {date}"),
    "correction": _("What you corrected, on {date}"),
    "choices": _("What you chose, on {date}"),
    "follow_up": _("What you answered, on {date}"),
}
TITLE = _("The copy of your report {code}")
AGREED = _("What you agreed to, and what you took back")
# Translators: {purpose} is for example "Share the report", {who} for example "ICRC (Red Cross)".
GIVEN = _("{date}: {purpose} ({who}): yes")
TAKEN = _("{date}: {purpose} ({who}): no")
OURSELVES = _("our team")
PASSED_ON = _("What was passed on to others")
NOTHING_PASSED_ON = _("As far as our team has noted, nothing was passed on to anybody.")
# Translators: after an answer as it was understood: how it was typed.
TYPED = _("{answer} (written: {raw})")
LEFT: Final[dict[str, Words]] = {
    "unknown": _("(not known)"),
    "prefer_not": _("(not said)"),
    "skipped": _("(left out)"),
}
FILES = _("Pictures, voice notes and papers you sent are kept with it, but not in this copy.")


def make(
    code: str,
    entries: Sequence[Entry],
    history: Sequence[Consent],
    passed_on: str,
    language: Language,
) -> str:
    """Return the text. ``entries`` are opened in ``language``; ``passed_on`` is what staff wrote of
    what was given to others, empty when nothing was."""
    own = [entry for entry in entries if entry.kind in OWN]
    parts = [_say(TITLE.fill(code=code), language)]
    parts += ["\n".join(_told(entry, language)) for entry in own]
    if any(one.files for entry in own for one in entry.stated):
        parts.append(_say(FILES, language))
    parts.append("\n".join(_agreed(history, language)))
    noted = passed_on.strip() or _say(NOTHING_PASSED_ON, language)
    parts.append("\n".join((_heading(_say(PASSED_ON, language)), noted)))
    return "\n\n".join(parts)


def _told(entry: Entry, language: Language) -> Iterator[str]:
    day = entry.at.date() if entry.at else entry.received_on
    yield _heading(_say(HEADINGS[entry.kind].fill(date=day), language))
    section = ""
    for stated in (*entry.consent, *entry.stated):
        under = f"{stated.section} · {stated.item}" if stated.item else stated.section
        if under and under != section:
            section = under
            yield f"– {under} –"
        yield f"{stated.title}: {_answer(stated, language)}"


def _answer(stated: Stated, language: Language) -> str:
    if stated.known != "given":
        return _say(LEFT[stated.known], language)
    raw = stated.raw.strip()
    if not stated.value:
        return raw
    if not raw or raw == stated.value.strip():
        return stated.value
    return _say(TYPED.fill(answer=stated.value, raw=raw), language)


def _agreed(history: Sequence[Consent], language: Language) -> Iterator[str]:
    yield _heading(_say(AGREED, language))
    known = recipients()
    for one in history:
        who: Sentence | str = OURSELVES if one.recipient == US else known.get(one.recipient, "")
        named = who if isinstance(who, str) else _say(who, language)
        purpose = _say(PURPOSES[one.purpose], language) if one.purpose in PURPOSES else one.purpose
        line = GIVEN if one.given else TAKEN
        yield _say(line.fill(date=_day(one), purpose=purpose, who=named), language)


def _day(one: Consent) -> date:
    return one.at.date()


def _heading(words: str) -> str:
    return f"▪ {words}"


def _say(sentence: Sentence, language: Language) -> str:
    return bare(speak(sentence, language))
