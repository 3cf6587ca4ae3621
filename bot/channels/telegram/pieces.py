"""Cut a getUpdates answer into single updates without understanding them.

This runs only when the answer as a whole could not be decoded. It knows strings, brackets and
commas and nothing else, uses no recursion, and is therefore indifferent to a million nested lists,
to broken surrogates and to wrong types: whatever stands between two commas of the list is a piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A string may be cut off by the end. Possessive: nothing is ever read twice, however long it is.
_token = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]++|[\]}]++|[,:]', re.DOTALL)
_spaces = b" \t\r\n"


def cut_result(body: bytes) -> list[bytes] | None:
    """Return the elements of the top-level list ``result``; None when there is no such list."""
    start = _find_value(body, b'"result"')
    if start is None or body[start : start + 1] != b"[":
        return None
    pieces: list[bytes] = []
    depth, begin = 0, start + 1
    for mark, at in _marks(body, start):
        if mark[0] in b"[{":
            depth += len(mark)
        elif mark[0] in b"]}":
            if len(mark) >= depth:
                pieces.append(body[begin : at + depth - 1].strip(_spaces))
                return [each for each in pieces if each]
            depth -= len(mark)
        elif mark == b"," and depth == 1:
            pieces.append(body[begin:at].strip(_spaces))
            begin = at + 1
    return None


def find_update_id(raw: bytes) -> int | None:
    """Return the number under the object's own key ``update_id``, None where there is none."""
    start = _find_value(raw, b'"update_id"')
    if start is None:
        return None
    digits = re.match(rb"-?\d{1,20}(?=[\s,}])", raw[start : start + 24])
    return int(digits[0]) if digits else None


def _find_value(raw: bytes, key: bytes) -> int | None:
    """Where the value of this key of the outermost object begins."""
    depth, previous = 0, b""
    for mark, at in _marks(raw, 0):
        if mark == b":" and depth == 1 and previous == key:
            return _after_spaces(raw, at + 1)
        if mark[0] in b"[{":
            depth += len(mark)
        elif mark[0] in b"]}":
            depth -= len(mark)
        previous = mark
    return None


def _marks(raw: bytes, start: int) -> Iterator[tuple[bytes, int]]:
    """Every string, comma, colon and run of brackets from ``start`` on, each with its place."""
    for found in _token.finditer(raw, start):
        yield found[0], found.start()


def _after_spaces(raw: bytes, at: int) -> int:
    while at < len(raw) and raw[at] in _spaces:
        at += 1
    return at
