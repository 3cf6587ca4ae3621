"""The moves of a case as pages: everything the table says, readable without programming."""

from __future__ import annotations

import pytest

from flows.case import FATE_MOVES, FATES, UPDATES, WORK_MOVES, WORK_STATES
from flows.case_book import markdown, mermaid
from flows.text import LANGUAGES, Form, Language, Sentence
from tests.flows.telling import say


def speak(sentence: Sentence, language: Language, form: Form) -> str:
    return say(sentence, language, form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_say_every_move_of_work_and_what_a_bot_says_of_it(language: Language) -> None:
    page = markdown(language, speak)
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for move in WORK_MOVES:
        start, end = WORK_STATES[move.start], WORK_STATES[move.end]
        ends = (start.ar, end.ar) if language == "ar" else (start.en, end.en)
        (row,) = [row for row in rows if row.startswith(f"| {ends[0]} | {ends[1]} |")]
        said = say(UPDATES[move.update].fill(date="…"), language) if move.update else ""
        assert said in row
        assert ("نعم" if language == "ar" else "| yes |") in row or not move.told_first
        assert row.count("|") == 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_say_of_every_fate_how_many_people_it_takes(language: Language) -> None:
    page = markdown(language, speak)
    for code, fate in FATES.items():
        label = fate.label.ar if language == "ar" else fate.label.en
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {label} |")]
        assert row.endswith("| 2 |" if fate.final else "| 1 |")
        starts = {move.start for move in FATE_MOVES if move.end == code}
        every = "من أي مصير" if language == "ar" else "any fate"
        assert (every in row) is (len(starts) == len(FATES) - 1)
    assert page.endswith("|\n")
    assert not set(page) & set("\u2066\u2067\u2068\u2069"), "no direction marks in a file"


def test_the_drawing_shows_every_move_of_work_and_which_are_silent() -> None:
    drawing = mermaid()
    assert drawing.startswith("flowchart LR\n")
    for move in WORK_MOVES:
        (line,) = [
            line
            for line in drawing.splitlines()
            if line.startswith(f"  {move.start} ") and line.endswith(f" {move.end}")
        ]
        assert (" --> " in line or " -->|" in line) is bool(move.update)
    assert drawing.count("subgraph") == drawing.count("\n  end") == 3


def test_the_drawing_of_fates_says_where_two_people_are_needed() -> None:
    drawing = mermaid()
    finals = {code for code, fate in FATES.items() if fate.final}
    for code in FATES:
        assert f'    {code}["{FATES[code].label.en}"]' in drawing
    assert "  two -.->|two people| one" in drawing
    for move in FATE_MOVES:
        if {move.start, move.end} <= finals:
            assert f"  {move.start} -.->|two people| {move.end}" in drawing
    assert "  one -.->|two people| deceased_identified" in drawing
    assert "  one -.->|two people| remains_located" not in drawing
