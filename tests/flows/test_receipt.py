"""Receipt codes: every slip a hand makes while copying one is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import receipt

codes = st.binary(min_size=receipt.CHANCE, max_size=receipt.CHANCE).map(receipt.make)
places = st.integers(0, receipt.LENGTH - 1)


@given(codes)
def test_a_code_is_shown_in_three_groups_and_read_again(code: str) -> None:
    assert [len(group) for group in code.split("-")] == [4, 4, 4]
    assert receipt.parse(code) == code


@given(codes)
def test_a_code_begins_with_a_letter_so_that_arabic_lines_do_not_turn_it_around(code: str) -> None:
    assert code[0] in receipt.LETTERS


@given(codes, places, st.sampled_from(receipt.ALPHABET))
def test_one_wrong_character_is_always_found(code: str, place: int, wrong: str) -> None:
    bare = code.replace("-", "")
    if bare[place] == wrong:
        return
    assert receipt.parse(bare[:place] + wrong + bare[place + 1 :]) is None


@given(codes, places, places)
def test_two_exchanged_characters_are_always_found(code: str, one: int, other: int) -> None:
    bare = list(code.replace("-", ""))
    if bare[one] == bare[other]:
        return
    bare[one], bare[other] = bare[other], bare[one]
    assert receipt.parse("".join(bare)) is None


@given(codes)
def test_arabic_and_persian_digits_lower_case_and_spaces_are_understood(code: str) -> None:
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    persian = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
    for typed in (code.lower(), code.translate(arabic), code.translate(persian)):
        assert receipt.parse(typed.replace("-", " ")) == code


@given(codes)
def test_look_alikes_are_taken_for_what_they_look_like(code: str) -> None:
    assert receipt.parse(code.replace("0", "O").replace("1", "l")) == code


@given(codes)
def test_a_code_is_found_among_other_words(code: str) -> None:
    assert receipt.read(f"رقمي هو {code} وشكراً") == code
    assert receipt.read(f"my code is {code}, thank you") == code


@given(st.text(max_size=40))
def test_any_text_is_read_without_raising(text: str) -> None:
    found = receipt.read(text)
    assert found is None or receipt.parse(found) == found


def test_two_codes_in_one_message_are_not_guessed_between() -> None:
    one, other = receipt.make(bytes(16)), receipt.make(bytes([7] * 16))
    assert receipt.read(f"{one} {other}") is None


def test_too_little_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="chance"):
        receipt.make(b"short")
