"""What a family wrote, on a page: nothing hidden, nothing turned around, nothing interpreted."""

from __future__ import annotations

import html
import re

import pytest

from bot.staff.web.family_words import told

REAL = [
    "محمّد عبدُ الرحمٰن الأحمد",
    "می‌خواهم نزدیک‌تر",
    "شێركۆ عه‌بدوڵڵا",
    "Rana Al-Mithal, 21/8/2013",
    "سطر أول\nسطر ثانٍ",
    "Élodie Müller 李小龙 🙂",
]


def bare(marked: str) -> str:
    """What is left of a page's piece without tags and entities."""
    return html.unescape(re.sub("<[^>]*>", "", marked))


@pytest.mark.parametrize("words", REAL)
def test_real_writing_is_shown_as_it_is(words: str) -> None:
    assert bare(told(words)) == words
    assert "<span" not in told(words)


@pytest.mark.parametrize(
    "sign",
    [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200c\u200d\u200e\u200f\ufeff",
     "\u061c", "\u00ad", "\u2028", "\u2029", "\x00", "\x07", "\x1b", "\x7f", "\x85", "\U000e0041",
     "\U000e0001", "\ue000", "\ud83d", "\u3164", "\u034f", "\u115f"],
)  # fmt: skip
def test_what_cannot_be_seen_is_marked_with_its_number(sign: str) -> None:
    marked = told(f"gpj{sign}exe")
    assert f"U+{ord(sign):04X}" in marked
    assert sign not in marked
    assert marked.startswith('<bdi class="told" dir="auto">')
    assert marked.endswith("</bdi>")


def test_a_heap_of_signs_on_one_letter_is_counted() -> None:
    marked = told("e" + "\u0301" * 1000 + "nd")
    assert marked.count("\u0301") == 6
    assert "+994" in marked
    assert marked.endswith("nd</bdi>")


def test_letters_that_look_alike_are_marked() -> None:
    assert "Cyrillic + Latin" in told("p\u0430ypal and paypal")
    assert told("Анна и Paul").count("mixed") == 0


def test_no_markup_is_ever_markup_and_no_address_a_link() -> None:
    marked = told("<img src=x onerror=alert(1)> https://elsewhere.example &lt;b&gt;")
    assert "<img" not in marked
    assert "<a" not in marked
    assert bare(marked) == "<img src=x onerror=alert(1)> https://elsewhere.example &lt;b&gt;"


def test_what_was_found_is_highlighted_where_it_stands() -> None:
    marked = told("in <Damascus> town", [(3, 13)])
    assert "<mark>&lt;Damascus&gt;</mark>" in marked
    assert bare(told("abc", [(5, 9), (2, 1)])) == "abc"
