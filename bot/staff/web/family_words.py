"""What a family wrote, on a page: isolated, escaped, and with nothing hidden in it.

A family's words may hold anything a keyboard or somebody with bad intent can produce. Markup is
escaped like everywhere. What cannot be seen is made visible: characters that turn the direction of
writing around, that take no room, that control something, and heaps of marks on one letter, each
as a small box with its number. A word that mixes letters of scripts that look alike is marked too.
All of it stands in ``<bdi>``, so that it turns nothing around it.

Real writing stays as it is: Arabic vowel signs, and the joiners that Kurdish and Persian names
need between Arabic letters. What is stored is never changed; this is about showing it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup, escape

MARKS_MOST: Final = 6
"""How many combining signs may stand on one letter before the rest is counted, not drawn."""

_JOINERS = {"\u200c", "\u200d"}
_FILLERS = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"}
"""Characters that are letters or marks to Unicode and nothing to the eye."""
_HIDDEN_KINDS = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_PLAIN = re.compile(r"[\n\t\x20-\x7e\u0606-\u061b\u061d-\u06dc\u06de-\u06ff]*")
"""Almost everything that families write, told in one look."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_ALIKE = ("LATIN", "CYRILLIC", "GREEK")


def told(text: str, marks: Sequence[tuple[int, int]] = ()) -> Markup:
    """Return a family's words for a page; ``marks`` are stretches to be highlighted."""
    return Markup('<bdi class="told" dir="auto">{}</bdi>').format(
        Markup("").join(_cut(text, marks))
    )


def shown(text: str) -> Markup:
    """Return ``text`` escaped, with what is hidden in it made visible."""
    text = text.replace("\r\n", "\n")
    if _PLAIN.fullmatch(text):
        return escape(text)
    return Markup("").join(_visible(text))


def _cut(text: str, marks: Sequence[tuple[int, int]]) -> Iterator[Markup]:
    place = 0
    for start, end in marks:
        if place <= start < end <= len(text):
            yield shown(text[place:start])
            yield Markup("<mark>{}</mark>").format(shown(text[start:end]))
            place = end
    yield shown(text[place:])


def _visible(text: str) -> Iterator[Markup]:
    place = 0
    for word in _WORD.finditer(text):
        if _mixes(word.group()):
            yield Markup("").join(_signs(text, place, word.start()))
            inside = Markup("").join(_signs(text, word.start(), word.end()))
            yield Markup('<span class="mixed" title="{}">{}</span>').format(_scripts(word), inside)
            place = word.end()
    yield Markup("").join(_signs(text, place, len(text)))


def _signs(text: str, start: int, end: int) -> Iterator[Markup]:
    """Yield the signs of a stretch of ``text``, what is hidden as boxes."""
    heap = 0
    for place in range(start, end):
        sign = text[place]
        heap = heap + 1 if unicodedata.combining(sign) else 0
        if heap > MARKS_MOST:
            if place + 1 == end or not unicodedata.combining(text[place + 1]):
                yield _box(f"+{heap - MARKS_MOST}", "combining signs")
        elif _is_hidden(sign, text, place):
            yield _box(f"U+{ord(sign):04X}", unicodedata.name(sign, "no character"))
        else:
            yield escape(sign)


def _is_hidden(sign: str, text: str, place: int) -> bool:
    if sign in "\n\t":
        return False
    if sign in _JOINERS:
        return not (_is_arabic(text, place - 1) and _is_arabic(text, place + 1))
    return sign in _FILLERS or unicodedata.category(sign) in _HIDDEN_KINDS


def _is_arabic(text: str, place: int) -> bool:
    if not 0 <= place < len(text):
        return False
    return "\u0610" <= text[place] <= "\u06ff" and text[place] != "\u061c"


def _box(label: str, name: str) -> Markup:
    return Markup('<span class="hidden-sign" title="{}">{}</span>').format(name, label)


def _mixes(word: str) -> bool:
    return not word.isascii() and len(_alike(word)) > 1


def _alike(word: str) -> set[str]:
    names = {unicodedata.name(sign, "").split(" ")[0] for sign in word}
    return names & set(_ALIKE)


def _scripts(word: re.Match[str]) -> str:
    return " + ".join(sorted(script.title() for script in _alike(word.group())))
