"""Folding: what two spellings of the same words have in common.

A folded text is a key for comparing. It is never shown and never takes the place of what was
typed. Folding works character by character: a table says what each character leaves behind, a
character of which nothing is left may be marks, direction controls, half a surrogate pair or the
tatweel, and everything that is neither letter nor digit leaves a space. Runs of spaces are one.
Because every character that is left behind stands for itself in the table, folding what is
already folded changes nothing.

Marks are dropped before anything is decomposed, so that a thousand of them on one letter cost no
more than a thousand letters (sorting them into canonical order would take the square of that).

The Arabic rules: alef in all its forms is one letter, hamza on its seat is the seat, ta marbuta
is ha, alef maqsura is ya, and Persian, Urdu and Kurdish forms of a letter are the Arabic letter.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_ZEROS = (0x0660, 0x06F0, 0xFF10)
_DIGITS = {zero + n: str(n) for zero in _ZEROS for n in range(10)}

_APOSTROPHES = "'’‘ʼʻʾʿ`´′"

_LETTERS = {
    "ٱ": "ا",
    "ٲ": "ا",
    "ٳ": "ا",
    "ى": "ي",
    "ة": "ه",
    "ک": "ك",
    "ڪ": "ك",
    "گ": "ك",
    "ڭ": "ك",
    "ی": "ي",
    "ې": "ي",
    "ێ": "ي",
    "ے": "ي",
    "ۆ": "و",
    "ۇ": "و",
    "ھ": "ه",
    "ہ": "ه",
    "ە": "ه",
    "ۃ": "ه",
    "ٴ": "",
    "ـ": "",
    "ı": "i",
}


def _left_of(character: str) -> str:
    """Return what one character leaves behind: letters, digits, a space or nothing."""
    if character in _APOSTROPHES:
        return ""
    if character in _LETTERS:
        return _LETTERS[character]
    category = unicodedata.category(character)
    if category[0] == "M" or category in {"Cf", "Cs", "Lm", "Sk"} or character == "\0":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] not in "LN":
        return " "
    plain = unicodedata.normalize("NFKD", character).casefold()
    return plain if plain == character else "".join(_left_of(each) for each in plain)


class _Table(dict[int, str]):
    """What each character leaves behind; the common scripts are worked out once, the rest each
    time they occur, so that a text of rare characters cannot make the table grow."""

    def __missing__(self, code: int) -> str:
        return _left_of(chr(code))


_COMMON = (range(0x0800), range(0x2000, 0x2070), range(0xFB50, 0xFF00))
_TABLE = _Table({code: _left_of(chr(code)) for codes in _COMMON for code in codes})


@lru_cache(maxsize=8)
def _keeping(keep: str) -> _Table:
    return _Table(_TABLE | {ord(character): character for character in keep})


def fold_digits(text: str) -> str:
    """Return the text with Arabic-Indic, Persian and full-width digits as 0 to 9."""
    return text.translate(_DIGITS)


def fold(text: str, keep: str = "") -> str:
    """Return the comparing key of a text: folded words, one space between them.

    The characters in ``keep`` (punctuation that carries meaning, like the strokes of a date) are
    left standing. Folding twice is folding once.
    """
    return " ".join(text.translate(_keeping(keep)).split())


_BEFORE = frozenset(["عبد", "ابو", "ابي", "ابا", "ام", "abd", "abu", "abou", "umm", "um", "oum"])
"""First halves of compound names, written apart or together as the clerk pleased."""

_AFTER = frozenset(("الدين", "الله"))
"""Second halves of compound names."""


def name_key(text: str) -> str:
    """Return the comparing key of a name: folded, compound names (Abd X, Abu X, X al-Din) glued."""
    glued: list[str] = []
    for word in fold(text).split():
        if glued and (glued[-1] in _BEFORE or word in _AFTER):
            glued[-1] += word
        else:
            glued.append(word)
    return " ".join(glued)
