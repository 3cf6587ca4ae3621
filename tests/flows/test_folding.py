"""Folding: spellings of one word share a key, and a key is its own key."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.folding import fold, fold_digits, name_key

PARTS = ("عبد", "ابو", "ام", "الله", "الدين", "نور", "abd", "ul", "abu", "محمد")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("أحمد", "احمد"),
        ("إبراهيم", "ابراهيم"),
        ("آمنة", "امنه"),
        ("ٱلله", "الله"),
        ("فاطمة", "فاطمه"),
        ("منى", "مني"),
        ("مؤمن", "مومن"),
        ("رائد", "رايد"),
        ("مُحَمَّد", "محمد"),
        ("مـحـمـد", "محمد"),
        ("ﻣﺤﻤﺪ", "محمد"),
        ("کریم", "كريم"),
        ("گلستان", "كلستان"),
        ("علی", "علي"),
        ("م\u200cح\u200dمد", "محمد"),
        ("\u2067محمد\u2069", "محمد"),
        ("HOMS", "homs"),
        ("José", "jose"),
        ("Straße", "strasse"),
        ("İdil", "idil"),
        ("Dar'a", "Dar’a"),
        ("  حلب ،  الجديدة !! ", "حلب الجديدة"),
        ("ＡＢＣ", "abc"),
        ("٢١", "21"),
        ("نعم 👍🏽", "نعم"),
        ("ھيثم", "هيثم"),
    ],
)
def test_two_spellings_of_one_word_share_a_key(one: str, other: str) -> None:
    assert fold(one) == fold(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("حسن", "حسين"), ("عمر", "عمرو"), ("سعد", "سعيد"), ("Ali", "Alaa")]
)
def test_two_names_stay_two(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("عبد الرحمن", "عبدالرحمن"),
        ("عبد  الله", "عبدالله"),
        ("أبو أحمد", "ابواحمد"),
        ("أم خالد", "امخالد"),
        ("نور الدين", "نورالدين"),
        ("عبد الرحمن نور الدين", "عبدالرحمن نورالدين"),
        ("Abu Ahmad", "abuahmad"),
        ("نصر الله", "نصرالله"),
    ],
)
def test_compound_names_are_one_however_they_are_written(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_digits_of_three_scripts_are_one() -> None:
    assert (
        fold_digits("٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵۶۷۸۹ ０１２３４５６７８９")
        == "0123456789 0123456789 0123456789"
    )
    assert fold_digits("آب ٢٠١٣") == "آب 2013"


def test_what_carries_meaning_can_be_kept() -> None:
    assert fold("٢١/٨ - آب!", keep="/-") == "21/8 - اب"


def test_every_character_there_is_folds_to_its_own_key() -> None:
    for start in range(0, sys.maxunicode + 1, 4096):
        text = "|".join(map(chr, range(start, start + 4096)))
        assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert name_key(name_key(text)) == name_key(text)
    assert fold_digits(fold_digits(text)) == fold_digits(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=8))
def test_gluing_names_twice_is_gluing_once(words: list[str]) -> None:
    assert name_key(name_key(" ".join(words))) == name_key(" ".join(words))


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_key_holds_words_and_single_spaces_only(text: str) -> None:
    key = fold(text)
    assert key == " ".join(key.split())
    assert all(character.isalnum() or character == " " for character in key)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("\ud83d", ""),
        ("a\0b", "ab"),
        ("\u202eلا\u202c", "لا"),
        ("ا" + "\u0301" * 1000, "ا"),
        ("", ""),
        ("!?؟،", ""),
    ],
)
def test_hostile_text_folds_quietly(text: str, key: str) -> None:
    assert fold(text) == key
