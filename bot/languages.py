"""The voice: Words become sentences in the reporter's language.

The catalogues are gettext's (`locales/<language>/LC_MESSAGES/messages.po`). A compiled ``.mo``
beside one is used when it was made from exactly this ``.po``; otherwise the ``.po`` is read, which
costs a tenth of a second once. Nothing is read before the first sentence is spoken. What the staff
rooms say stands in a catalogue of its own (``staff.po``), which knows the families' as well: a
question is called on the case page what it was called to the family.

Everything inserted stands between U+2068 and U+2069 (first-strong isolate), so that a Latin name
in an Arabic sentence, or a code beside a number, moves nothing around it. Direction controls inside
what a family typed are left out of the echo: an unmatched one would reach into the sentence. What
is stored keeps them.

Speaking is on the hot path of every message: a sentence without values costs one dictionary
look-up, one with values a join of ready-cut pieces.
"""

from __future__ import annotations

import calendar
import gettext
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import locales
from flows.dates import RoughDate
from flows.text import Bilingual, Form, Language, Later, Lines, Sentence, Spoken, Words, _

if TYPE_CHECKING:
    from flows.text import Insert

ROOT = Path(locales.__file__).parent
CONTEXTS: tuple[Form, ...] = ("he", "she")

Domain = Literal["messages", "staff"]
"""Who is spoken to: families, or the staff."""
DOMAINS: tuple[Domain, ...] = ("messages", "staff")

OPEN, CLOSE = "\u2068", "\u2069"
_DIRECTION_CONTROLS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_FIELD = re.compile(r"\{(\w+)\}")
_CLDR = {"ar": "ar_SY", "en": "en_GB"}
"""Whose names of months are used: the Levantine ones, and day before month in English."""


class Unfilled(Exception):
    """A sentence was to be spoken while a `Later` in it had not been filled in yet."""


def direction(language: str) -> Literal["rtl", "ltr"]:
    """Return the direction of writing of ``language``."""
    return "rtl" if language == "ar" else "ltr"


def speak(
    sentence: Sentence, language: Language, form: Form = "", domain: Domain = "messages"
) -> str:
    """Return ``sentence`` in ``language``; ``form`` follows the disappeared person's sex.

    A missing translation falls back to the form without a context, then to English. Raises
    `Unfilled` when a `Later` is still in it.
    """
    if not isinstance(sentence, Words):
        return _speak_other(sentence, language, form, domain)
    if not sentence.values:
        return _plain(sentence.text, sentence.gendered, language, form, domain)
    values = dict(sentence.values)
    if sentence.plural:
        pieces = _counted(sentence.text, sentence.plural, language, _number(values), domain)
    else:
        pieces = _pieces(sentence.text, sentence.gendered, language, form, domain)
    return "".join(
        piece if literal else _insert(piece, values, language, form, domain)
        for literal, piece in pieces
    )


def _speak_other(
    sentence: Bilingual | Spoken | Lines, language: Language, form: Form, domain: Domain
) -> str:
    if isinstance(sentence, Bilingual):
        return sentence.ar if language == "ar" else sentence.en
    if isinstance(sentence, Spoken):
        return speak(sentence.words, sentence.language, form, domain)
    return "\n".join([speak(line, language, form, domain) for line in sentence.lines])


def speak_to_staff(sentence: Sentence, language: Language, form: Form = "") -> str:
    """Return ``sentence`` as the staff rooms say it; see `speak`."""
    return speak(sentence, language, form, "staff")


Known = Mapping[str, str | Words]
"""What is inserted for a `Later`, by its name."""


def fill_later(sentence: Sentence, known: Known) -> Sentence:
    """Return ``sentence`` with every `Later` that ``known`` names filled in, nested ones too."""
    if isinstance(sentence, Spoken):
        return replace(sentence, words=_fill_words(sentence.words, known))
    if isinstance(sentence, Lines):
        return Lines(tuple(_fill_line(line, known) for line in sentence.lines))
    return _fill_words(sentence, known) if isinstance(sentence, Words) else sentence


def _fill_line(line: Words | Bilingual, known: Known) -> Words | Bilingual:
    return _fill_words(line, known) if isinstance(line, Words) else line


def _fill_words(words: Words, known: Known) -> Words:
    if not words.values:
        return words
    return replace(words, values=tuple((name, _fill(value, known)) for name, value in words.values))


def _fill(value: Insert, known: Known) -> Insert:
    if isinstance(value, Later):
        return known.get(value.name, value)
    return _fill_words(value, known) if isinstance(value, Words) else value


# ---------------------------------------------------------------------------- looking sentences up


Pieces = tuple[tuple[bool, str], ...]
"""A sentence cut at its fields: (True, literal words) and (False, name of a value)."""


@cache
def catalogue(language: Language, domain: Domain = "messages") -> gettext.NullTranslations:
    """Return a catalogue of ``language``, compiled or read from its ``.po``."""
    found = _open(ROOT / language / "LC_MESSAGES" / f"{domain}.po", language)
    if domain == "staff":
        found.add_fallback(catalogue(language))
    return found


def _open(path: Path, language: Language) -> gettext.NullTranslations:
    source, compiled = path.read_bytes(), path.with_suffix(".mo")
    if compiled.exists():
        with compiled.open("rb") as stream:
            found = gettext.GNUTranslations(stream)
        if found.pgettext(*SOURCE_DIGEST) == digest_of(source):
            return found
    return _read(source, language)


SOURCE_DIGEST = ("catalogue", "digest of the source")
"""The entry of a compiled catalogue that says which ``.po`` it was made from."""


def digest_of(source: bytes) -> str:
    """Return what a compiled catalogue carries to be recognised as made from ``source``."""
    return sha256(source).hexdigest()


def forget_catalogues() -> None:
    """Read the catalogues anew at the next sentence: a translator has saved one."""
    for cached in (catalogue, _plain, _pieces, _counted):
        cached.cache_clear()


def _read(source: bytes, language: Language) -> gettext.NullTranslations:
    from io import BytesIO

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _look_up(text: str, gendered: bool, language: Language, form: Form, domain: Domain) -> str:
    known = catalogue(language, domain)
    if gendered and form:
        found = known.pgettext(form, text)
        if found != text:
            return found
    return known.gettext(text)


@cache
def _plain(text: str, gendered: bool, language: Language, form: Form, domain: Domain) -> str:
    return _look_up(text, gendered, language, form, domain)


@cache
def _pieces(text: str, gendered: bool, language: Language, form: Form, domain: Domain) -> Pieces:
    return _cut(_look_up(text, gendered, language, form, domain))


@cache
def _counted(one: str, many: str, language: Language, n: int, domain: Domain) -> Pieces:
    return _cut(catalogue(language, domain).ngettext(one, many, n))


def _cut(sentence: str) -> Pieces:
    parts = _FIELD.split(sentence)
    return tuple((place % 2 == 0, part) for place, part in enumerate(parts) if part)


def _number(values: Mapping[str, Insert]) -> int:
    n = values.get("n")
    if not isinstance(n, int):
        raise Unfilled("n")
    return n


# ------------------------------------------------------------------------------- speaking values


def _insert(
    name: str, values: Mapping[str, Insert], language: Language, form: Form, domain: Domain
) -> str:
    if name not in values:
        raise Unfilled(name)
    return f"{OPEN}{_value(values[name], language, form, domain)}{CLOSE}"


def _value(value: Insert, language: Language, form: Form, domain: Domain) -> str:
    if isinstance(value, str):
        return value.translate(_DIRECTION_CONTROLS)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, RoughDate):
        return speak_date(value, language)
    if isinstance(value, date):
        return _day(value, language)
    if isinstance(value, Later):
        raise Unfilled(value.name)
    return speak(value, language, form, domain)


# -------------------------------------------------------------------------------- speaking dates
#
# A date is spoken as exactly as it was given and never more so. What decides is the stretch of
# days: a Hijri month called "month" is no Gregorian month, and is spoken as a stretch.

# Translators: {date} is a rough date such as "August 2013".
ABOUT = _("about {date}")
# Translators: two days, months or years, for example "between 2012 and 2014".
BETWEEN = _("between {earliest} and {latest}")
# Translators: the same where both ends are rough.
ROUGHLY_BETWEEN = _("roughly between {earliest} and {latest}")
# Translators: {date} is the last day, month or year that may be meant.
OR_EARLIER = _("{date} or earlier")
_NO_BEGINNING = frozenset((date(1900, 1, 1), date(1970, 1, 1)))
"""The first days that are accepted: a stretch from there is one whose beginning nobody named."""
# Translators: {given} is a date of the Hijri calendar, a feast, an age, a known event or "ten years
# ago" in the family's own words, {date} the same in the Gregorian calendar.
GIVEN_AND_GREGORIAN = _("{given}, that is {date}")
SEASON = _("{season} {year}")
SEASONS = (_("winter"), _("spring"), _("summer"), _("autumn"))
LONGEST_GIVEN = 60
"""Characters of a family's own wording that are said beside what it comes to."""


def speak_date(when: RoughDate, language: Language) -> str:
    """Return ``when`` in ``language`` to the precision it was given in, without isolates."""
    words = _gregorian(when, language)
    if (when.calendar == "hijri" or when.anchor) and 0 < len(when.raw.strip()) <= LONGEST_GIVEN:
        return bare(speak(GIVEN_AND_GREGORIAN.fill(given=when.raw, date=words), language))
    return words


def bare(sentence: str) -> str:
    """Return ``sentence`` without isolates."""
    return sentence.replace(OPEN, "").replace(CLOSE, "")


def _gregorian(when: RoughDate, language: Language) -> str:
    if when.precision == "season":
        whole = _season(when, language)
    else:
        whole = _whole(when.earliest, when.latest, language)
    if whole:
        return bare(speak(ABOUT.fill(date=whole), language)) if when.approx else whole
    first, last = _ends(when, language)
    if when.earliest in _NO_BEGINNING:
        return bare(speak(OR_EARLIER.fill(date=last), language))
    between = ROUGHLY_BETWEEN if when.approx else BETWEEN
    return bare(speak(between.fill(earliest=first, latest=last), language))


def _whole(earliest: date, latest: date, language: Language) -> str:
    """Return the day, calendar month or calendar year the stretch is, or nothing."""
    if earliest == latest:
        return _day(earliest, language)
    if earliest.year != latest.year or not _opens_month(earliest) or not _closes_month(latest):
        return ""
    if earliest.month == latest.month:
        return _month(earliest, language)
    return str(earliest.year) if (earliest.month, latest.month) == (1, 12) else ""


def _ends(when: RoughDate, language: Language) -> tuple[str, str]:
    """Return both ends, as years or months where the stretch is made of whole ones.

    What both have in common at their end (the year, the month with it) is said once.
    """
    earliest, latest = when.earliest, when.latest
    months_of = months(language)
    if not (_opens_month(earliest) and _closes_month(latest)):
        first = _day(earliest, language)
        if earliest.year == latest.year:
            first = f"{earliest.day} {months_of[earliest.month]}"
            if earliest.month == latest.month:
                first = str(earliest.day)
        return first, _day(latest, language)
    if (earliest.month, latest.month) == (1, 12):
        return str(earliest.year), str(latest.year)
    same = earliest.year == latest.year
    first = months_of[earliest.month] if same else _month(earliest, language)
    return first, _month(latest, language)


def _season(when: RoughDate, language: Language) -> str:
    middle = when.earliest + timedelta(days=(when.latest - when.earliest).days // 2)
    season = speak(SEASONS[middle.month % 12 // 3], language)
    first, last = when.earliest.year, when.latest.year
    year = str(first) if first == last else f"{first}/{last}"
    return bare(speak(SEASON.fill(season=season, year=year), language))


def _opens_month(day: date) -> bool:
    return day.day == 1


def _closes_month(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _day(day: date, language: Language) -> str:
    return f"{day.day} {_month(day, language)}"


def _month(day: date, language: Language) -> str:
    return f"{months(language)[day.month]} {day.year}"


@cache
def months(language: Language) -> Mapping[int, str]:
    """Return the names of the twelve months by number."""
    from babel import Locale

    names: Mapping[int, str] = Locale.parse(_CLDR[language]).months["stand-alone"]["wide"]
    return dict(names)
