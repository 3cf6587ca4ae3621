"""Receipt codes: the name of a case that a family carries in its pocket.

A code is twelve characters of Crockford's base 32 (no I, L, O, U), shown as ``XXXX-XXXX-XXXX``.
The first is always a letter: a word that opens with a Latin letter is laid out from left to right
in Arabic lines too, so a code reads the same in both directions of writing, isolates or not.

The last character is a check over the field GF(32). Position *i* has the weight 2^i of that field;
a code holds when the weighted sum of all twelve is zero. All weights differ and none is zero, so
every single wrong character and every exchange of two characters changes the sum: both mistakes
that people make are always found, not only mostly.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from flows.questions import NO_WAY_OUT, Text
from flows.text import Sentence, _

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS = ALPHABET[10:]
LENGTH = 12
CHANCE = 16
"""Bytes of randomness `make` wants: far more than it uses, so that no code is likelier."""

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_SENTENCE = 200
_GROUPS = re.compile(r"(?<!\w)\w{4}[\W_]{0,3}\w{4}[\W_]{0,3}\w{4}(?!\w)")
_LOOK_ALIKES = str.maketrans(
    "OIL" + "٠١٢٣٤٥٦٧٨٩" + "۰۱۲۳۴۵۶۷۸۹",
    "011" + "0123456789" + "0123456789",
)
_BETWEEN = str.maketrans("", "", " \t\r\n-‐‑‒–—−ـ_./\u00a0\u200e\u200f\u2066\u2067\u2068\u2069")


def make(chance: bytes) -> str:
    """Return a new code, as shown, from ``chance``: at least `CHANCE` random bytes."""
    if len(chance) < CHANCE:
        raise ValueError("too little chance for a receipt code")
    rest, first = divmod(int.from_bytes(chance, "big"), len(LETTERS))
    body = LETTERS[first]
    for _position in range(LENGTH - 2):
        rest, value = divmod(rest, 32)
        body += ALPHABET[value]
    return show(body + check_of(body))


def read(text: str) -> str | None:
    """Return the one code in ``text``, which may hold other words too, or None."""
    whole = parse(text)
    if whole is not None or len(text) > _SENTENCE:
        return whole
    found = {code for match in _GROUPS.finditer(text) if (code := parse(match.group()))}
    return found.pop() if len(found) == 1 else None


def parse(typed: str) -> str | None:
    """Return the code in ``typed`` as shown, or None when it is none or its check fails.

    Lower case, spaces, dashes of every kind, Arabic and Persian digits and the look-alikes
    O for 0, I and L for 1 are understood.
    """
    code = typed.translate(_BETWEEN).upper().translate(_LOOK_ALIKES)
    if len(code) != LENGTH or code[0] not in LETTERS:
        return None
    if any(character not in _VALUES for character in code):
        return None
    return show(code) if check_of(code[:-1]) == code[-1] else None


def show(code: str) -> str:
    """Return twelve bare characters in three groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def check_of(body: str) -> str:
    """Return the check character of the eleven bare characters ``body``."""
    return ALPHABET[reduce(xor, map(_times, _WEIGHTS, (_VALUES[it] for it in body)), 0)]


def _double(value: int) -> int:
    """Multiply by 2 in GF(32), modulo x^5 + x^2 + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def _times(left: int, right: int) -> int:
    """Multiply two elements of GF(32)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left, right = _double(left), right >> 1
    return product


def _weights() -> tuple[int, ...]:
    """Return 2^11, 2^10 ... 2^1: the check itself has the weight 2^0, which is one."""
    powers = [1]
    for _position in range(LENGTH - 1):
        powers.append(_double(powers[-1]))
    return tuple(reversed(powers[1:]))


_WEIGHTS = _weights()


def question(key: str, words: Sentence) -> Text:
    """Return the question for a receipt code, without which nothing can be added to a report."""
    return Text(key=key, title=_("Receipt code"), words=words, most=40, ways=NO_WAY_OUT)
