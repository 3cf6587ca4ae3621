"""A scanner for marked words: does anything of them lie in these bytes, in any usual coding?

A word is looked for as it would lie on a disk after a careless program: as text in UTF-8, UTF-16
and UTF-32, inside base64 (wherever it begins), in hexadecimal digits, escaped for addresses, for
JSON, for HTML or by Python's ``repr``, and all of these again inside gzip and zlib streams, which
are found by their first bytes wherever they begin. Streams without such a beginning (raw deflate,
PostgreSQL's own compression) are not opened: nothing here writes them.

    canary = Canary({"name": "Nachtigall", "place": "حمص-القديمة"})
    canary.search(b"...")             -> hits: word, coding, offset
    canary.search_files(tmp_path)     -> hits with the file they lie in; also in file names
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html.entities import codepoint2name
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""A word shorter than this many characters would be found by chance."""

MOST_UNPACKED = 16 << 20
DEEPEST = 2
"""A stream within a stream is opened; a third one within that is not."""

_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")

_EMPTINESS = bytes(4096)
_FILLED = re.compile(rb"[^\0]")
_EDGE = 8
"""Zeros left at both ends: they may belong to a word in UTF-32."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a word was found: ``word`` is its name, never itself; ``place`` a file or nothing."""

    word: str
    coding: str
    offset: int
    place: str = ""

    def __str__(self) -> str:
        return f"{self.word} as {self.coding} at {self.offset} of {self.place or 'the bytes'}"


class Canary:
    """Knows the marked words, by a name each that may be told when they are found.

    Values are texts, or bytes for keys. Raises ValueError for one that is too short to mean
    anything.
    """

    def __init__(self, words: Mapping[str, str | bytes]) -> None:
        self.words = dict(words)
        self._needles: dict[bytes, tuple[str, str]] = {}
        for name, word in words.items():
            if len(word) < SHORTEST:
                raise ValueError(f"{name} is too short to be looked for")
            for coding, needle in codings(word):
                self._needles.setdefault(needle, (name, coding))

    def search(self, content: bytes, place: str = "") -> list[Hit]:
        """Return every word and coding that is found, once each, at its first place."""
        found: dict[tuple[str, str], Hit] = {}
        for start, filled in without_emptiness(content):
            for hit in self._search(filled, 0):
                hit = replace(hit, offset=start + hit.offset, place=place)
                found.setdefault((hit.word, hit.coding), hit)
        return list(found.values())

    def _search(self, content: bytes, depth: int) -> Iterator[Hit]:
        for needle, (word, coding) in self._needles.items():
            found = content.find(needle)
            if found >= 0:
                yield Hit(word, coding, found)
        if depth < DEEPEST:
            for offset, name, inside in streams(content):
                for hit in self._search(inside, depth + 1):
                    yield replace(hit, coding=f"{hit.coding} in {name}", offset=offset)

    def search_files(self, *places: Path, but: Iterable[Path] = ()) -> list[Hit]:
        """Search files and whole directories, their names included; what has gone is passed over.

        ``but`` are files and directories to leave out.
        """
        left_out = [path.resolve() for path in but]
        hits: list[Hit] = []
        for path in files_in(*places):
            if any(path.resolve().is_relative_to(each) for each in left_out):
                continue
            hits += self.search(str(path).encode("utf-8", "surrogateescape"), f"the name {path}")
            try:
                content = path.read_bytes()
            except OSError:  # a temporary file that ended, a socket
                continue
            hits += self.search(content, str(path))
        return hits


def files_in(*places: Path) -> Iterator[Path]:
    """Go through these files and everything below these directories; links are not followed."""
    for place in places:
        if place.is_dir():
            yield from (path for path in sorted(place.rglob("*")) if path.is_file())
        elif place.is_file():
            yield place


def without_emptiness(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of what is not a long row of zeros.

    Database files are full of such rows, and looking for words with zeros in them (UTF-16) there
    takes ten times as long as anywhere else.
    """
    start = end = 0
    while (emptiness := content.find(_EMPTINESS, end)) >= 0:
        filled = _FILLED.search(content, emptiness + len(_EMPTINESS))
        end = filled.start() if filled else len(content)
        yield start, content[start : emptiness + _EDGE]
        start = end - _EDGE
    yield start, content[start:] if start else content


def codings(word: str | bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every form a word could lie in."""
    if isinstance(word, str):
        yield from _text_codings(word)
    plain = word.encode() if isinstance(word, str) else word
    yield "bytes", plain
    yield "hex", plain.hex().encode()
    yield "HEX", plain.hex().upper().encode()
    yield "hex in UTF-16", plain.hex().encode("utf-16-le")
    yield "every byte in per cent", "".join(f"%{byte:02X}" for byte in plain).encode()
    yield "repr of bytes", repr(plain)[2:-1].encode()
    yield "octal", "".join(f"\\{byte:03o}" for byte in plain).encode()
    for offset in range(3):
        yield f"base64, offset {offset}", in_base64(plain, offset)
        yield f"base64url, offset {offset}", in_base64(plain, offset).translate(_FOR_ADDRESSES)


def _text_codings(word: str) -> Iterator[tuple[str, bytes]]:
    for coding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield coding, word.encode(coding)
    for offset in range(3):
        yield f"base64 of UTF-16, offset {offset}", in_base64(word.encode("utf-16-le"), offset)
    escaped = "".join(f"\\u{ord(each):04x}" if ord(each) > 126 else each for each in word)
    yield "JSON", escaped.encode()
    yield "JSON, capitals", re.sub(r"\\u(....)", _capitals, escaped).encode()
    yield "JSON, everything", "".join(f"\\u{ord(each):04x}" for each in word).encode()
    yield "ascii()", word.encode("unicode_escape")
    yield "address", quote(word, safe="").encode()
    yield "address, small", re.sub("%..", lambda found: found[0].lower(), quote(word)).encode()
    yield "form", quote_plus(word).encode()
    yield "HTML", "".join(_entity(each) for each in word).encode()
    yield "backwards", word[::-1].encode()


_FOR_ADDRESSES = bytes.maketrans(b"+/", b"-_")


def _capitals(found: re.Match[str]) -> str:
    return f"\\u{found[1].upper()}"


def _entity(character: str) -> str:
    if character.isascii() and ord(character) not in codepoint2name:
        return character
    return f"&#{ord(character)};"


def in_base64(plain: bytes, offset: int) -> bytes:
    """Return what base64 makes of ``plain`` wherever it begins ``offset`` bytes into a group.

    The characters that also depend on what stands before and after are left off.
    """
    coded = base64.b64encode(bytes(offset) + plain)
    first = -(-offset * 8 // 6)
    last = (offset + len(plain)) * 8 // 6
    return coded[first:last]


def streams(content: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Yield (offset, kind, unpacked) of whatever in these bytes opens as gzip or zlib.

    A stream that is cut or damaged yields what comes before the damage.
    """
    view = memoryview(content)
    for found in _STREAM.finditer(content):
        gzip = content[found.start()] == 0x1F
        inside = _unpack(view[found.start() :], 31 if gzip else 15)
        if inside:
            yield found.start(), "gzip" if gzip else "zlib", inside


def _unpack(packed: memoryview, window: int) -> bytes:
    pieces, at = _unpack_in_steps(packed, window, 4096)
    if at == len(packed) or sum(map(len, pieces)) >= MOST_UNPACKED:
        return b"".join(pieces)
    # The step that fails yields nothing, not even what came before the damage: go byte by byte.
    whole, _at = _unpack_in_steps(packed[: at + 4096], window, 1)
    return b"".join(whole)


def _unpack_in_steps(packed: memoryview, window: int, step: int) -> tuple[list[bytes], int]:
    """Return the pieces, and where it stopped: at the end of the bytes when all is well."""
    unpacking, size = zlib.decompressobj(window), 0
    pieces: list[bytes] = []
    for start in range(0, len(packed), step):
        try:
            piece = unpacking.decompress(packed[start : start + step], MOST_UNPACKED - size)
        except zlib.error:
            return pieces, start
        pieces.append(piece)
        size += len(piece)
        if unpacking.eof or size >= MOST_UNPACKED:
            break
    return pieces, len(packed)
