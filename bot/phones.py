"""Reading telephone numbers as people type them."""

from __future__ import annotations

import phonenumbers

from flows.folding import fold_digits
from flows.session import PhoneNumber

_TYPED = 40
"""Longer than this is no telephone number, whatever it contains."""


def read_phone(typed: str, country: str) -> PhoneNumber | None:
    """Return the number in the international form E.164 beside what was typed, or None.

    ``country`` is the ISO code of the country a local number is dialled in; when empty, only
    numbers beginning with + or 00 are read. An extension is ignored. None is given for what
    is not a valid number of its country, and for two numbers in one message.
    """
    digits = "".join(each for each in fold_digits(typed).strip() if each.isprintable())
    if len(digits) > _TYPED:
        return None
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, country.upper() or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    number.extension = None
    form = phonenumbers.PhoneNumberFormat.E164
    return PhoneNumber(phonenumbers.format_number(number, form), typed)
