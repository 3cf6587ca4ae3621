"""Whole talks, frozen: every word a family sees, in both languages, and what it said.

``ATHAR_REWRITE=1`` writes them anew; the difference is then read like any other change.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flows.playing import played

FOLDER = Path(__file__).parent.parent / "transcripts"
TALKS = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", TALKS, ids=[path.stem for path in TALKS])
def test_a_talk_goes_as_it_was_written_down(path: Path) -> None:
    now = played(path)
    if os.environ.get("ATHAR_REWRITE"):
        path.write_text(now, encoding="utf-8")
    assert now == path.read_text(encoding="utf-8")


def test_every_talk_is_there_in_both_languages() -> None:
    names = {path.name.removesuffix(".txt") for path in TALKS}
    arabic = {name.removesuffix(".ar") for name in names if name.endswith(".ar")}
    english = {name.removesuffix(".en") for name in names if name.endswith(".en")}
    assert arabic == english
    assert {
        "whole-report-man",
        "whole-report-woman",
        "short-path",
        "change-of-mind",
        "pause-and-new-version",
        "language-switch",
        "refusal",
        "withdraw-undo",
        "pause-messages",
        "my-data",
        "correction",
        "coming-back",
        "phone-taken",
        "scam",
        "verify-number",
    } <= arabic
