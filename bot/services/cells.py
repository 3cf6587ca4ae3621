"""Tables for a spreadsheet, which must not run what stands in them.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and a
formula can send the sheet's content to a stranger. What is written here always opens as text: such
a cell gets an apostrophe before it, also when the sign is a full-width one or hides behind blanks
and marks that nobody sees.

Where the list separator of the country is the semicolon, a spreadsheet cuts at every one it meets,
also within what we quoted, and takes for a formula what comes after it. So what would be a formula
at the beginning of a cell gets its apostrophe after every separator and line break too.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = frozenset("=+-@\u2212")
"""What a formula begins with, in every width; U+2212 is the minus sign."""
_CONTROLS: Final = "\t\r\n"
_SEPARATORS: Final = re.compile("([;,|\t\r\n]+[\"' ]*)")
"""Where another reader than ours may begin a cell, and what it may strip from its beginning."""
MARK: Final = "\ufeff"
"""The mark by which spreadsheets know UTF-8."""


def safe_cell(value: object) -> str:
    """Return ``value`` as a text no spreadsheet takes for a formula."""
    text = str(value).replace("\0", "")
    first, *rest = _SEPARATORS.split(text)
    for between, after in zip(rest[::2], rest[1::2], strict=True):
        first += between + (f"'{after}" if _is_formula(after) else after)
    return f"'{first}" if text.startswith(tuple(_CONTROLS)) or _is_formula(text) else first


def _is_formula(text: str) -> bool:
    first = next((each for each in text if not _is_unseen(each)), "")
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA if first else False


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZC"


def csv_of(rows: Iterable[Sequence[object]]) -> str:
    """Return ``rows`` as CSV (RFC 4180, every cell quoted), each cell safe to open."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return MARK + text.getvalue()
