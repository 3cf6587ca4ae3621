"""The translators' files: fresh, complete, and worded as the house speaks."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message

from bot import catalogues
from flows import menu
from flows.readers import read_intent
from flows.text import LANGUAGES, Words

SOURCE = b"""
# Translators: said
# when it is over.
A = _("Thank you.")
B = about("Where is the person?")
C = counted("one", "{n} many")
D = _("two " "parts")
"""


def test_collecting_the_sentences_anew_changes_nothing() -> None:
    assert catalogues.stale() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_there_in_every_form_and_worded_well(language: str) -> None:
    assert [str(complaint) for complaint in catalogues.complaints(language)] == []


def test_a_sentence_about_the_person_is_collected_three_times() -> None:
    found = sorted(catalogues.extractor(BytesIO(SOURCE), {}, (), {}), key=lambda it: it[0])
    entries = [(function, message) for _line, function, message, _comments in found]
    assert entries == [
        ("gettext", "Thank you."),
        ("gettext", "Where is the person?"),
        ("pgettext", ("he", "Where is the person?")),
        ("pgettext", ("she", "Where is the person?")),
        ("ngettext", ("one", "{n} many")),
        ("gettext", "two parts"),
    ]
    assert found[0][3] == ["Translators: said when it is over."]


@pytest.mark.parametrize("call", ['_(f"{x}")', "about(words)", '_("a" + b)', 'counted("one")'])
def test_a_sentence_nobody_could_translate_is_refused(call: str) -> None:
    with pytest.raises(catalogues.Unmarked):
        list(catalogues.extractor(BytesIO(call.encode()), {}, (), {}))


def faults(text: str, string: str | tuple[str, ...], language: str = "ar", **more: object) -> str:
    plural = more.pop("plural", None)
    message = Message((text, plural) if plural else text, string, **more)  # type: ignore[arg-type]
    return "; ".join(catalogues._faults(message, language))


@pytest.mark.parametrize(
    ("text", "string", "what"),
    [
        ("Yes", "", "not complete"),
        ("Hello {name}", "أهلاً", "placeholders differ"),
        ("Hello", "أهلاً {name}", "placeholders differ"),
        ("Code", "Athar يحفظ", "Latin letter or digit"),
        ("Code", "10 أيام", "Latin letter or digit"),
        ("Hello", "أهلاً 🙂", "picture sign"),
        ("Where", "أين الضحيّة؟", "says الضحية"),
        ("Where", "أين المـرحوم؟", "says المرحوم"),
    ],
)
def test_a_planted_fault_is_found(text: str, string: str, what: str) -> None:
    assert what in faults(text, string)


def test_a_good_sentence_has_no_fault() -> None:
    assert faults("Hello {name}", "أهلاً {name}") == ""
    assert faults("the latest word", "the latest word", "en") == ""


def test_a_fuzzy_sentence_is_not_taken_for_a_translation() -> None:
    assert "fuzzy" in faults("Yes", "نعم", flags={"fuzzy"})


def test_an_arabic_plural_needs_six_forms_and_may_leave_the_number_out() -> None:
    forms = ("لا شهادات", "شهادة", "شهادتان", "{n} شهادات", "{n} شهادة", "{n} شهادة")
    assert faults("one", forms[:2], plural="{n} many") == "not complete"
    assert "complete" in faults("one", (*forms[:5], ""), plural="{n} many")


def test_english_says_what_the_code_says_unless_a_sex_is_known() -> None:
    template = Catalog()
    template.add("A sentence no catalogue has yet")
    template.add("A sentence no catalogue has yet", context="she")
    brought = catalogues.bring_up("en", template)
    assert brought.get("A sentence no catalogue has yet").string  # type: ignore[union-attr]
    assert not brought.get("A sentence no catalogue has yet", "she").string  # type: ignore[union-attr]


def test_sentences_gone_from_the_code_go_from_the_catalogue() -> None:
    assert len(catalogues.bring_up("ar", Catalog())) == 0


@pytest.mark.parametrize(
    ("language", "string", "does"),
    [
        ("en", "Please press one, or write its number.", True),
        ("en", "Answer in words or with a button.", True),
        ("en", "Press and hold a message and delete it.", False),
        ("en", "If somebody presses you, write “person”.", False),
        ("ar", "يُرجى الضغط على أحدها", True),
        ("ar", "يُرجى الإجابة بأحد الأزرار", True),
        ("ar", "يحتاج إلى زرّ أو كلمة", True),
        ("ar", "ضغطة مطوّلة على الرسالة ثم حذفها", False),
        ("ar", "إن كان أحد يضغط عليكم", False),
    ],
)
def test_words_about_buttons_are_told_from_others(language: str, string: str, does: bool) -> None:
    assert catalogues.speaks_of_buttons(string, language) is does


@pytest.mark.parametrize(
    ("places", "fault"),
    [
        (["flows/menu.py"], True),
        (["bot/channels/webchat/texts.py"], False),
        (["bot/channels/webchat/texts.py", "flows/menu.py"], True),
    ],
)
def test_buttons_are_spoken_of_only_where_there_are_some(places: list[str], fault: bool) -> None:
    message = Message("x", "Use the buttons.", locations=[(place, 1) for place in places])
    assert bool(list(catalogues._button_faults(message, "en"))) is fault


QUOTED = re.compile("[«“]([^»”]+)[»”]")
NO_COMMAND = {"عاجل"}
"""Quoted for another reason than that it can be written."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_families_are_told_to_write_is_understood(language: str) -> None:
    catalogue = catalogues.read(language)
    said = [text for entry in catalogue if entry.id for text in catalogues._strings(entry)]
    words = {word for text in said for word in QUOTED.findall(text)} - NO_COMMAND
    for sentence in menu.HELP.lines:
        assert isinstance(sentence, Words)
        entry = catalogue[sentence.text]
        listed, colon, _meaning = catalogues._strings(entry)[0].partition(":")
        words |= set(listed.split(" / ")) if colon else set()
    assert len(words) > 12
    assert [word for word in sorted(words) if read_intent(word) is None] == []


PAGE = b"""
{# Translators: a heading. #}
<h1>{{ _("Worklist") }}</h1>
{{ counted("One case", "{n} cases", n=count) }} {{ _("Since {day}", day=day) }}
"""


def in_page(source: bytes) -> list[tuple[str, object, list[str]]]:
    found = catalogues.extract(
        catalogues._in_page, BytesIO(source), catalogues.IN_TEMPLATES, (catalogues.COMMENT,)
    )
    return [(str(context or ""), message, comments) for _, message, comments, context in found]


def test_sentences_of_a_page_are_collected_with_their_comments() -> None:
    assert in_page(PAGE) == [
        ("", "Worklist", ["Translators: a heading."]),
        ("", ("One case", "{n} cases"), []),
        ("", "Since {day}", []),
    ]


def test_a_sentence_of_a_page_that_nobody_could_translate_is_refused() -> None:
    with pytest.raises(catalogues.Unmarked):
        in_page(b"{{ _(title) }}")


def test_what_staff_read_and_what_families_read_are_kept_apart() -> None:
    families, staff = catalogues.collect("messages"), catalogues.collect("staff")
    assert "Caseworker" in [entry.id for entry in staff]
    assert all(
        name.startswith("bot/staff/") is (catalogue is staff)
        for catalogue in (families, staff)
        for entry in catalogue
        for name, _line in entry.locations
    )


def test_words_of_fate_are_refused_to_families_and_the_word_victim_to_everybody() -> None:
    for_staff = catalogues.BANNED["staff"]["en"]
    deceased, victim = Message("x", "deceased"), Message("x", "victim")
    assert faults("x", "deceased", "en")
    assert list(catalogues._faults(deceased, "en", for_staff)) == []
    assert list(catalogues._faults(victim, "en", for_staff)) == ["says victim"]
