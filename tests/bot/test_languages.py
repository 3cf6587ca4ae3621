"""The voice: plurals, gender, isolates and dates, with the catalogues as they ship."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot import catalogues, languages
from bot.languages import (
    CLOSE,
    OPEN,
    Unfilled,
    bare,
    fill_later,
    speak,
    speak_date,
    speak_to_staff,
)
from flows.dates import Precision, RoughDate
from flows.text import Bilingual, Language, Later, Lines, Spoken, Words, _, about, counted

HEADER = (
    'msgid ""\nmsgstr ""\n"Language: ar\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    f'"Plural-Forms: {catalogues.PLURALS["ar"]}\\n"\n\n'
)
ARABIC = f"""{HEADER}
msgid "One sighting"
msgid_plural "{{n}} sightings"
msgstr[0] "صفر"
msgstr[1] "واحدة"
msgstr[2] "اثنتان"
msgstr[3] "قليلة {{n}}"
msgstr[4] "كثيرة {{n}}"
msgstr[5] "غيرها {{n}}"

msgid "Where was the person seen?"
msgstr "أين شوهد الشخص؟"

msgctxt "he"
msgid "Where was the person seen?"
msgstr "أين شوهد هو؟"

msgctxt "she"
msgid "Where was the person seen?"
msgstr "أين شوهدت هي؟"
"""


@pytest.fixture
def small_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small Arabic catalogue in a place of its own."""
    for language, text in (("ar", ARABIC), ("en", HEADER.replace("ar", "en", 1))):
        path = tmp_path / language / "LC_MESSAGES" / "messages.po"
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    monkeypatch.setattr(languages, "ROOT", tmp_path)
    languages.forget_catalogues()
    yield tmp_path
    monkeypatch.undo()
    languages.forget_catalogues()


@pytest.mark.parametrize(
    ("n", "spoken"),
    [
        (0, "صفر"), (1, "واحدة"), (2, "اثنتان"), (3, "قليلة 3"), (10, "قليلة 10"),
        (11, "كثيرة 11"), (99, "كثيرة 99"), (100, "غيرها 100"), (103, "قليلة 103"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("small_catalogue")
def test_arabic_counts_in_six_forms(n: int, spoken: str) -> None:
    assert bare(speak(counted("One sighting", "{n} sightings").fill(n=n), "ar")) == spoken


@pytest.mark.usefixtures("small_catalogue")
def test_a_sentence_about_the_person_follows_the_persons_sex() -> None:
    words = about("Where was the person seen?")
    assert speak(words, "ar", "") == "أين شوهد الشخص؟"
    assert speak(words, "ar", "he") == "أين شوهد هو؟"
    assert speak(words, "ar", "she") == "أين شوهدت هي؟"


@pytest.mark.usefixtures("small_catalogue")
def test_other_sentences_do_not_look_at_the_persons_sex() -> None:
    assert speak(_("Where was the person seen?"), "ar", "she") == "أين شوهد الشخص؟"


@pytest.mark.usefixtures("small_catalogue")
def test_a_missing_translation_falls_back_to_the_sentence_itself() -> None:
    assert speak(_("Nobody translated this"), "ar") == "Nobody translated this"


def test_a_compiled_catalogue_is_used_only_for_the_source_it_was_made_from(
    small_catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "ROOT", small_catalogue)
    catalogues.compile_all()
    source = small_catalogue / "ar" / "LC_MESSAGES" / "messages.po"
    assert speak(about("Where was the person seen?"), "ar") == "أين شوهد الشخص؟"
    source.write_text(ARABIC.replace("أين شوهد الشخص؟", "متى شوهد الشخص؟"), "utf-8")
    languages.forget_catalogues()
    assert speak(about("Where was the person seen?"), "ar") == "متى شوهد الشخص؟"


def test_every_inserted_value_stands_in_isolates() -> None:
    spoken = speak(_("{a} and {b}").fill(a="Ahmad", b=7), "en")
    assert spoken == f"{OPEN}Ahmad{CLOSE} and {OPEN}7{CLOSE}"


def test_direction_controls_in_what_a_family_typed_do_not_reach_into_the_sentence() -> None:
    typed = "\u202eأحمد\u2069\u2066"
    assert speak(_("{a}").fill(a=typed), "en") == f"{OPEN}أحمد{CLOSE}"


def test_words_within_words_are_spoken_in_the_same_language() -> None:
    inner = Bilingual("دمشق", "Damascus")
    assert bare(speak(_("In {place}").fill(place=inner), "en")) == "In Damascus"


def test_lines_and_sentences_with_a_language_of_their_own() -> None:
    lines = Lines((Bilingual("أ", "a"), Bilingual("ب", "b")))
    assert speak(lines, "ar") == "أ\nب"
    assert speak(Spoken(Words("Anything at all"), "en"), "ar") == "Anything at all"


def test_what_is_known_later_is_filled_in_before_speaking() -> None:
    words = _("Code {code}").fill(code=Later("code"))
    with pytest.raises(Unfilled):
        speak(words, "en")
    assert bare(speak(fill_later(words, {"code": "A1"}), "en")) == "Code A1"
    nested = _("{inner}").fill(inner=words)
    assert bare(speak(fill_later(Lines((nested,)), {"code": "A1"}), "en")) == "Code A1"


def test_directions_of_writing() -> None:
    assert languages.direction("ar") == "rtl"
    assert languages.direction("en") == "ltr"


def rough(
    first: date, last: date, precision: Precision, approx: bool = False, **more: str
) -> RoughDate:
    return RoughDate(more.get("raw", ""), more.get("calendar", "gregorian"), first, last,
                     precision, approx, more.get("anchor", ""))  # fmt: skip


DAY = date(2013, 8, 21)
DATES = [
    (rough(DAY, DAY, "day"), "21 آب 2013", "21 August 2013"),
    (rough(date(2013, 8, 1), date(2013, 8, 31), "month"), "آب 2013", "August 2013"),
    (rough(date(2013, 1, 1), date(2013, 12, 31), "year"), "2013", "2013"),
    (rough(date(2013, 6, 1), date(2013, 8, 31), "season"), "صيف 2013", "summer 2013"),
    (rough(date(2013, 12, 1), date(2014, 2, 28), "season"), "شتاء 2013/2014", "winter 2013/2014"),
    (
        rough(date(2012, 1, 1), date(2014, 12, 31), "range"),
        "بين 2012 و2014",
        "between 2012 and 2014",
    ),
    (
        rough(date(2013, 8, 11), date(2013, 8, 20), "month"),
        "بين 11 و20 آب 2013",
        "between 11 and 20 August 2013",
    ),
    (
        rough(date(2012, 9, 1), date(2012, 12, 31), "range", approx=True),
        "بين أيلول وكانون الأول 2012 تقريباً",
        "roughly between September and December 2012",
    ),
    (
        rough(date(1970, 1, 1), date(2012, 12, 31), "range"),
        "2012 أو قبل ذلك",
        "2012 or earlier",
    ),
    (
        rough(date(1987, 1, 2), date(1988, 1, 1), "range", anchor="age", raw="25"),
        "25، أي بين 2 كانون الثاني 1987 و1 كانون الثاني 1988",
        "25, that is between 2 January 1987 and 1 January 1988",
    ),
    (
        rough(date(2013, 8, 21), date(2013, 8, 21), "day", anchor="ghouta", raw="x" * 61),
        "21 آب 2013",
        "21 August 2013",
    ),
]


@pytest.mark.parametrize(("when", "arabic", "english"), DATES)
def test_a_rough_date_is_spoken_as_exactly_as_it_was_given(
    when: RoughDate, arabic: str, english: str
) -> None:
    assert speak_date(when, "en") == english
    assert speak_date(when, "ar").replace(" و ", " و") == arabic


def test_an_approximate_date_says_so() -> None:
    when = rough(date(2013, 8, 1), date(2013, 8, 31), "month", approx=True)
    assert speak_date(when, "en") == "about August 2013"
    assert speak_date(when, "ar") != speak_date(rough(when.earliest, when.latest, "month"), "ar")


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_hijri_date_is_shown_as_given_beside_the_gregorian_one(language: Language) -> None:
    first, last = date(2013, 7, 9), date(2013, 8, 7)
    when = rough(first, last, "month", calendar="hijri", raw="رمضان 1434")
    spoken = speak_date(when, language)
    assert "رمضان 1434" in spoken
    assert "7" in spoken
    assert "2013" in spoken


def test_a_month_of_the_hijri_calendar_is_never_called_a_gregorian_month() -> None:
    first, last = date(2013, 7, 9), date(2013, 8, 7)
    spoken = speak_date(rough(first, last, "month", calendar="hijri", raw="x"), "en")
    assert "between 9 July and 7 August 2013" in spoken


def test_speaking_is_fast_enough_for_every_message() -> None:
    from time import process_time

    words, plain = _("{a} and {b}").fill(a="x", b="y"), _("Yes")
    speak(words, "ar")
    speak(plain, "ar")
    begun = process_time()
    for _round in range(2000):
        speak(plain, "ar")
        speak(words, "ar")
    assert (process_time() - begun) / 4000 < 50e-6


def test_staff_are_spoken_to_from_their_own_catalogue_and_families_never_are() -> None:
    assert speak_to_staff(_("Caseworker"), "ar") == "مسؤول الملف"
    assert speak(_("Caseworker"), "ar") == "Caseworker"


def test_the_staff_catalogue_knows_what_families_are_told() -> None:
    assert speak_to_staff(_("Damascus"), "ar") == speak(_("Damascus"), "ar") == "دمشق"
