"""Reading telephone numbers: as typed in Syria and abroad, never guessing a country."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.phones import read_phone
from flows.session import PhoneNumber


@pytest.mark.parametrize(
    ("typed", "country", "e164"),
    [
        ("+963944567890", "", "+963944567890"),
        ("00963 944 567 890", "", "+963944567890"),
        ("0944567890", "SY", "+963944567890"),
        ("0944 567-890", "sy", "+963944567890"),
        ("٠٩٤٤ ٥٦٧ ٨٩٠", "SY", "+963944567890"),
        ("٠٠٩٦٣٩٤٤٥٦٧٨٩٠", "", "+963944567890"),
        ("۰۹۴۴۵۶۷۸۹۰", "SY", "+963944567890"),
        ("+٩٦٣ ٩٤٤ ٥٦٧ ٨٩٠", "", "+963944567890"),
        ("＋963944567890", "", "+963944567890"),
        ("\u200e+963944567890\u200f", "", "+963944567890"),
        ("963944567890", "SY", "+963944567890"),
        ("(011) 222-3344", "SY", "+963112223344"),
        ("+49 30 901820 ext 12", "", "+4930901820"),
        ("+961 3 123 456", "SY", "+9613123456"),
        ("+90 532 123 45 67", "", "+905321234567"),
        ("00963944567890", "DE", "+963944567890"),
        ("رقمي 0944567890", "SY", "+963944567890"),
    ],
)
def test_a_number_is_read(typed: str, country: str, e164: str) -> None:
    assert read_phone(typed, country) == PhoneNumber(e164, typed)


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("0944567890", ""),
        ("963944567890", ""),
        ("0944567890", "ZZ"),
        ("123", "SY"),
        ("09445678", "SY"),
        ("", "SY"),
        ("+", "SY"),
        ("call me", "SY"),
        ("ما عندي", "SY"),
        ("0944567890 أو 0955123456", "SY"),
        ("\ud800", "SY"),
        ("0" * 5000, "SY"),
        ("+999944567890", ""),
    ],
)
def test_what_is_no_number_of_a_known_country_is_not_read(typed: str, country: str) -> None:
    assert read_phone(typed, country) is None


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "SY", "LB", "xx"]))
def test_no_text_makes_it_raise(typed: str, country: str) -> None:
    number = read_phone(typed, country)
    assert number is None or (number.raw == typed and number.e164[1:].isdecimal())
