"""Recovery on paper: one secret among three people, any two of whom have it (format F9).

Theory. The secret is cut into three random-looking parts, ``a ^ b ^ c``; each person gets two of
them: ab, bc, ca. One share lacks a part and so says nothing at all about the secret; two always
have all three. Nothing is used but exclusive-or and the machine's randomness, and every case can be
tried in a test.

    "RCV1" | set 8 | number u8 | two parts 64 | crc32          81 bytes, printed as nine lines

A line is nine bytes: fifteen characters of Crockford's base 32 and three check characters, the
remainder of (line number, content) modulo the prime 32,749. Every single wrong character changes
it, every exchange of neighbours does, and so does a line copied into another's place. Whoever types
a share in is told which line to look at.
"""

from __future__ import annotations

import re
import secrets
import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from zlib import crc32

LINES: Final = 9
_LINE_BYTES: Final = 9
_LINE_CHARS: Final = 18
_SECRET: Final = 32
_MAGIC: Final = b"RCV1"
_LAYOUT: Final = struct.Struct(">4s8sB64sI")
_PRIME: Final = 32749
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)} | {
    "O": 0,
    "I": 1,
    "L": 1,
}

Trouble = Literal["length", "character", "check", "lines", "whole", "pair"]
_SENTENCES: Final[dict[Trouble, str]] = {
    "length": "has too many or too few characters",
    "character": "has a character that is on no share",
    "check": "does not add up",
    "lines": f"a share has {LINES} lines",
    "whole": "every line adds up, but the share as a whole does not",
    "pair": "these shares are not two of one set",
}


class ShareError(Exception):
    """A share cannot be used as it was typed. ``line`` says where, counted from 1; None: nowhere.

    The text is one clear sentence and repeats nothing that was typed.
    """

    def __init__(self, trouble: Trouble, line: int | None = None) -> None:
        where = f"line {line} " if line else ""
        super().__init__(f"{where}{_SENTENCES[trouble]}; compare it with the paper")
        self.trouble = trouble
        self.line = line


@dataclass(frozen=True, slots=True)
class Share:
    """One of three: which set, which number (1 to 3), and its two parts."""

    set_id: bytes
    number: int
    parts: bytes = field(repr=False)

    def on_paper(self) -> str:
        """Nine lines to put on paper, each with its number in front."""
        head = _LAYOUT.pack(_MAGIC, self.set_id, self.number, self.parts, 0)[:-4]
        content = head + struct.pack(">I", crc32(head))
        return "\n".join(
            f"{line}  {_print_line(line, content[at : at + _LINE_BYTES])}"
            for line, at in enumerate(range(0, len(content), _LINE_BYTES), start=1)
        )


def split(secret: bytes) -> tuple[Share, Share, Share]:
    """Cut a 32-byte secret into three shares, any two of which give it back."""
    if len(secret) != _SECRET:
        raise ValueError(f"a secret has {_SECRET} bytes")
    set_id = secrets.token_bytes(8)
    a, b = secrets.token_bytes(_SECRET), secrets.token_bytes(_SECRET)
    c = _xor(secret, a, b)
    return Share(set_id, 1, a + b), Share(set_id, 2, b + c), Share(set_id, 3, c + a)


def join(shares: Sequence[Share]) -> bytes:
    """The secret, from two or three shares of one set. Raises ``ShareError``."""
    by_number = {share.number: share for share in shares}
    if len(by_number) < 2 or len({share.set_id for share in shares}) != 1:
        raise ShareError("pair")
    parts: dict[int, bytes] = {}
    for share in shares:
        for place, part in (
            (share.number, share.parts[:_SECRET]),
            (share.number % 3 + 1, share.parts[_SECRET:]),
        ):
            # The part two shares have in common shows whether they belong together.
            if parts.setdefault(place, part) != part:
                raise ShareError("pair")
    return _xor(*parts.values())


def read(typed: str) -> Share:
    """A share as somebody typed it. Raises ``ShareError``, naming the line.

    Forgiven: small letters, spaces and hyphens anywhere, the line's number in front, Arabic digits,
    O for 0, I and L for 1, empty lines.
    """
    lines = [line for line in typed.splitlines() if _bare(line)]
    if len(lines) != LINES:
        raise ShareError("lines")
    content = b"".join(_read_line(number, line) for number, line in enumerate(lines, start=1))
    magic, set_id, share_number, parts, crc = _LAYOUT.unpack(content)
    if magic != _MAGIC or share_number not in (1, 2, 3) or crc != crc32(content[:-4]):
        raise ShareError("whole")
    return Share(set_id, share_number, parts)


def _print_line(number: int, content: bytes) -> str:
    value = int.from_bytes(content, "big") << 3
    text = _base32(value, 15) + _base32(_check(number, value), 3)
    return "-".join(text[at : at + 6] for at in range(0, _LINE_CHARS, 6))


def _read_line(number: int, line: str) -> bytes:
    bare = _bare(line)
    if len(bare) == _LINE_CHARS + 1 and bare[0] == str(number):
        bare = bare[1:]
    if len(bare) != _LINE_CHARS:
        raise ShareError("length", number)
    if any(character not in _VALUES for character in bare):
        raise ShareError("character", number)
    value, check = _number(bare[:15]), _number(bare[15:])
    if check != _check(number, value) or value & 0b111:
        raise ShareError("check", number)
    return (value >> 3).to_bytes(_LINE_BYTES, "big")


def _check(number: int, value: int) -> int:
    return (number << 75 | value) % _PRIME


def _bare(line: str) -> str:
    """Capitals and Latin digits alone; everything that only sets them apart is dropped."""
    latin = "".join(
        str(digit) if (digit := unicodedata.digit(character, None)) is not None else character
        for character in line.upper()
    )
    return re.sub(r"[\s\-\u2010-\u2015\u2066-\u2069\u200e\u200f.:)]", "", latin)


def _base32(value: int, length: int) -> str:
    return "".join(_ALPHABET[value >> 5 * at & 31] for at in reversed(range(length)))


def _number(text: str) -> int:
    value = 0
    for character in text:
        value = value << 5 | _VALUES[character]
    return value


def _xor(*parts: bytes) -> bytes:
    value = 0
    for part in parts:
        value ^= int.from_bytes(part, "big")
    return value.to_bytes(_SECRET, "big")
