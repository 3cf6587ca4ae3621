"""The canary: marked words go through everything, and nothing of them may be left anywhere.

First the scanner has to show that it finds what there is to find: each coding, each place.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.running.canary import Canary

LATIN, ARABIC = "Nachtigall Zwölfe", "عندليب البستان"
KEY = bytes(range(7, 39))

HIDDEN: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda word: word.encode(),
    "in UTF-16": lambda word: word.encode("utf-16"),
    "in UTF-16, the other way round": lambda word: word.encode("utf-16-be"),
    "in UTF-32": lambda word: word.encode("utf-32"),
    "in UTF-32, the other way round": lambda word: word.encode("utf-32-be"),
    "in base64": lambda word: base64.b64encode(word.encode()),
    "in base64, after one byte": lambda word: base64.b64encode(b"." + word.encode() + b"."),
    "in base64, after two bytes": lambda word: base64.b64encode(b".." + word.encode() + b"."),
    "in base64 for addresses": lambda word: base64.urlsafe_b64encode(b"??>" + word.encode()),
    "in base64 of UTF-16": lambda word: base64.b64encode(b"." + word.encode("utf-16-le")),
    "in hexadecimal": lambda word: word.encode().hex().encode(),
    "in large hexadecimal": lambda word: word.encode().hex().upper().encode(),
    "in an address": lambda word: quote(word).encode(),
    "in a form": lambda word: quote_plus(word).encode(),
    "in JSON": lambda word: json.dumps({"text": f"({word})"}).encode(),
    "in JSON as it is": lambda word: json.dumps(word, ensure_ascii=False).encode(),
    "in a repr": lambda word: repr({"said": word}).encode(),
    "in a repr of bytes": lambda word: repr(word.encode()).encode(),
    "in an ascii()": lambda word: ascii(word).encode(),
    "in HTML": lambda word: html.escape(word).encode("ascii", "xmlcharrefreplace"),
    "backwards": lambda word: word[::-1].encode(),
    "in gzip": lambda word: gzip.compress(f"before {word} after".encode()),
    "in zlib": lambda word: zlib.compress(json.dumps(word).encode()),
    "in zlib, barely packed": lambda word: zlib.compress(word.encode(), 1),
    "in gzip of UTF-16": lambda word: gzip.compress(word.encode("utf-16")),
    "in gzip in zlib": lambda word: zlib.compress(gzip.compress(word.encode())),
    "in gzip, cut off": lambda word: gzip.compress(word.encode() + bytes(range(256)) * 9)[:-80],
}


@pytest.mark.parametrize("hide", HIDDEN.values(), ids=list(HIDDEN))
@pytest.mark.parametrize("word", [LATIN, ARABIC])
def test_the_scanner_finds_a_word(word: str, hide: Callable[[str], bytes]) -> None:
    canary = Canary({"the word": word})
    for before in range(4):
        content = bytes(before) + b"\x00\xff ordinary " + hide(word) + b" bytes \x00"
        assert {hit.word for hit in canary.search(content)} == {"the word"}


@pytest.mark.parametrize("hide", ["as it is", "in hexadecimal", "in base64", "in gzip"])
def test_the_scanner_finds_a_key(hide: str) -> None:
    hidden = {
        "as it is": KEY,
        "in hexadecimal": KEY.hex().encode(),
        "in base64": base64.b64encode(b"k" + KEY),
        "in gzip": gzip.compress(KEY * 2),
    }[hide]
    assert Canary({"the key": KEY}).search(b"x" * 100 + hidden + b"y" * 100)


def test_the_scanner_finds_nothing_where_nothing_is() -> None:
    canary = Canary({"the word": LATIN, "other": ARABIC, "key": KEY})
    innocent = "Nachtigal Zwölfe عندليب".encode() + zlib.compress(b"nothing at all" * 99)
    assert canary.search(innocent * 50) == []
    with pytest.raises(ValueError, match="too short"):
        Canary({"short": "name"})


@pytest.mark.parametrize("place", ["app.db-wal", "keystore/epochs/x.key", "logs/err", "a/b/core"])
def test_the_scanner_finds_what_was_planted_in_a_file(place: str, tmp_path: Path) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(9000) + ARABIC.encode("utf-16-le") + bytes(10))
    (hit,) = Canary({"place": ARABIC}).search_files(tmp_path)
    assert (hit.word, hit.offset, hit.place) == ("place", 9000, str(file))
    assert ARABIC not in str(hit)
    assert Canary({"place": ARABIC}).search_files(tmp_path, but=[file]) == []


def test_the_scanner_finds_a_word_in_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"{quote(LATIN)}.part").write_bytes(b"")
    assert Canary({"name": LATIN}).search_files(tmp_path)
