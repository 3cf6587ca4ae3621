"""The report: what is asked of whom, what is never asked, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.languages import catalogue
from flows import consent, menu
from flows.consent import CONSENT
from flows.conversation import FLOWS, LINKED
from flows.dates import RoughDate, read_date
from flows.effects import Ask, CallHuman, Effect, Forget, Submit
from flows.questions import Choice, MultipleChoice, Place
from flows.report import NO_CAPTOR, REPORT, SHARED, SHORT_PATH, URGENT_DAYS
from flows.session import Answer, Given, Session, Told, pack
from flows.shape import keys, questions, walk
from flows.text import LANGUAGES, Form, Language, Lines, Sentence, Spoken, Words
from tests.flows.playing import BEGIN, CODE, TOOLS, today
from tests.flows.telling import Teller, at, say, spoken, told

WHOLE = {
    "b1_sex": "=female",
    "a4_relation": "=sister",
    "b2_given": "Rana",
    "b3_father": "Abdulkarim",
    "b4_family": "Al-Mithal",
    "b5_mother": "Salma",
    "b6_called": "Umm Sami",
    "b7_birth": "1985",
    "b8_birthplace": "Darayya",
    "b9_nationality": "4",
    "b9_words": "Invented",
    "b10_id": "04-010-2233",
    "b11_home": "=SY-DI",
    "c1_when": "21 August 2013",
    "b12_pregnant": "=no",
    "c2_gov": "=abroad",
    "c2_country": "Lebanon",
    "c3_place": "near a bridge",
    "c4_how": "=checkpoint",
    "c5_by": "=state",
    "c5_state": "=st_army",
    "c5_words": "a few men",
    "c6_story": "A story.",
    "c7_others": "=yes",
    "c7_count": "2",
    "others[].name": "Samer",
    "others[].kin": "=friend",
    "others[0].more": "=yes",
    "others[1].more": "=no",
    "d1_heard": "=someone",
    "sightings[].place": "=sednaya",
    "sightings[].when": "2014",
    "sightings[].source": "=released",
    "sightings[0].more": "=yes",
    "sightings[1].more": "=no",
    "d3_paper": "=no",
    "d4_steps": "1, 10",
    "d4_words": "an office",
    "d5_elsewhere": "=none",
    "e1_photo": "=yes",
    "f1_name": "Huda",
    "f2_country": "=LB",
    "f3_reach": "=reachable",
    "f3_hours": "=evening",
    "f3_who": "my sister",
    "f3_rhythm": "=quarter",
    "f4_backup": "an aunt",
    "f5_share": "=none_now",
    "d5_number": "A-12",
}
"""A family that answers everything it can."""
MULTIPLE = {"d5_elsewhere": "2", "f5_share": "1"}
SCRIPT = {**WHOLE, **MULTIPLE}


# What is asked


def test_all_35_questions_of_the_field_are_there() -> None:
    known = {key.partition("_")[0].rstrip("[].") for key in (*keys(CONSENT), *keys(REPORT))}
    if any(key.startswith("sightings[]") for key in keys(REPORT)):
        known.add("d2")
    wanted = [
        *(f"a{n}" for n in range(1, 5)),
        *(f"b{n}" for n in range(1, 13)),
        *(f"c{n}" for n in range(1, 8)),
        *(f"d{n}" for n in range(1, 6)),
        "e1",
        *(f"f{n}" for n in range(1, 7)),
    ]
    assert len(wanted) == 35
    assert [each for each in wanted if each not in known] == []


def asked_of(**given: Given) -> set[str]:
    """The paths a family with these answers is asked."""
    answers = Told(
        {
            path.replace("__", "."): Answer(value, "given", "", "en", BEGIN, 1)
            for path, value in {"pace": "full", **given}.items()
        }
    )
    return {stop.path for stop in walk(REPORT, answers)}


def when(text: str) -> RoughDate:
    read = read_date(text, date(2026, 11, 23))
    assert isinstance(read, RoughDate)
    return read


IN_2013 = when("2013")
SKIPS: list[tuple[str, dict[str, Given], bool]] = [
    ("a4_words", {"a4_relation": "other"}, True),
    ("a4_words", {"a4_relation": "mother"}, False),
    ("b9_words", {"b9_nationality": ("syrian", "other")}, True),
    ("b9_words", {"b9_nationality": ("syrian",)}, False),
    ("b12_pregnant", {"b1_sex": "male"}, False),
    ("b12_pregnant", {}, False),
    ("b12_pregnant", {"b1_sex": "female"}, True),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": when("2002"), "c1_when": IN_2013}, False),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": when("2001"), "c1_when": IN_2013}, True),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": when("1957"), "c1_when": IN_2013}, True),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": when("1956"), "c1_when": IN_2013}, False),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": when("1990")}, True),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": 11, "c1_when": IN_2013}, False),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": 12, "c1_when": IN_2013}, True),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": 55, "c1_when": IN_2013}, True),
    ("b12_pregnant", {"b1_sex": "female", "b7_birth": 56, "c1_when": IN_2013}, False),
    ("c2_country", {"c2_gov": "abroad"}, True),
    ("c2_country", {"c2_gov": "SY-HI"}, False),
    ("c4_words", {"c4_how": "other"}, True),
    ("c4_words", {"c4_how": "street"}, False),
    *(("c5_by", {"c4_how": how}, False) for how in NO_CAPTOR),
    *(("c5_words", {"c4_how": how}, False) for how in NO_CAPTOR),
    *(("c5_state", {"c4_how": how, "c5_by": "state"}, False) for how in NO_CAPTOR),
    ("c5_by", {"c4_how": "checkpoint"}, True),
    ("c5_by", {}, True),
    *(
        (f"c5_{one}", {"c5_by": other}, one == other)
        for one in ("state", "north", "east", "now", "local", "foreign")
        for other in ("state", "isis", "north", "east", "now", "local", "foreign", "none")
    ),
    ("c5_words", {"c5_by": "none"}, False),
    ("c5_words", {"c5_by": "isis"}, True),
    ("c7_count", {"c7_others": "yes"}, True),
    ("c7_count", {"c7_others": "no"}, False),
    ("others[0].name", {"c7_others": "yes"}, True),
    ("others[0].name", {"c7_others": "no"}, False),
    ("others[1].name", {"c7_others": "yes", "others[0]__more": True}, True),
    ("others[1].name", {"c7_others": "yes", "others[0]__more": False}, False),
    ("sightings[0].place", {"d1_heard": "none"}, False),
    ("sightings[0].place", {}, False),
    ("sightings[0].place", {"d1_heard": "direct"}, True),
    ("sightings[0].place", {"d1_heard": "someone"}, True),
    ("d3_paper", {"d1_heard": "none"}, False),
    ("d3_paper", {"d1_heard": "direct"}, True),
    ("d4_words", {"d4_steps": ("police", "other")}, True),
    ("d4_words", {"d4_steps": ("nobody",)}, False),
    ("d5_number", {"d5_elsewhere": ("none",)}, False),
    ("d5_number", {}, False),
    ("d5_number", {"d5_elsewhere": ("icrc",)}, True),
    *(
        (key, {"f3_reach": reach}, reach == "reachable")
        for key in ("f3_hours", "f3_who", "f3_rhythm", "f4_backup")
        for reach in ("reachable", "detached")
    ),
]


@pytest.mark.parametrize(("path", "given", "asked"), SKIPS)
def test_a_question_is_asked_only_where_it_applies(
    path: str, given: dict[str, Given], asked: bool
) -> None:
    assert (path in asked_of(**given)) is asked


def test_a_whole_report_asks_every_question_that_applies_once() -> None:
    teller = told(SCRIPT)
    real = [path for path in teller.asked if path not in {"a1_lang", "a2_safe", "a3_consent"}]
    answered = set(teller.report.answers) - {"pace"}
    assert set(real) - {"another"} == answered
    counted = [path for path in real if path not in {"b7_birth", "c1_when", "c6_story"}]
    twice = {path for path in counted if counted.count(path) > 1}
    assert {path.rpartition(".")[2] for path in twice} <= {"when"}, "only dates are echoed"
    assert len(answered) > 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_short_path_asks_exactly_the_eight(language: Language) -> None:
    teller = told({**SCRIPT, "a2_safe": "=danger", "c5_by": "=isis"}, language=language)
    assert len(SHORT_PATH) == 8
    report = teller.report
    assert report.short
    assert [path for path in report.answers if path != "pace"] == [*SHORT_PATH, "f6_confirm"]
    asked = list(dict.fromkeys(teller.asked))
    assert asked == ["a1_lang", "a2_safe", "a3_consent", *SHORT_PATH, "f6_confirm"]


def test_a_short_report_can_become_a_whole_one() -> None:
    teller = at("b4_family", {**SCRIPT, "a2_safe": "=danger"})
    teller.press("~back")
    teller.press("~back")
    teller.press("~back")
    assert teller.ask.path == "pace"
    teller.press("full")
    teller.go_on(until="another")
    assert not teller.report.short
    assert "b1_sex" in teller.report.answers


def test_the_report_keeps_what_was_said_and_when() -> None:
    teller = told(SCRIPT)
    data = teller.report.to_data()
    assert data["form"] == 1
    assert data["flow"] == "report"
    given = data["answers"]["b2_given"]
    assert given["value"] == given["raw"] == "Rana"
    assert given["language"] == "en"
    assert given["at"].endswith("+00:00")
    assert data["answers"]["f5_share"]["value"] == ["none_now"]
    assert data["answers"]["sightings[1].place"]["value"] == {"area": "sednaya", "words": ""}
    assert data["consent"]["a3_consent"]["value"] == "agree"
    assert data["answers"]["c1_when"]["value"]["earliest"] == "2013-08-21"


def test_answers_that_stopped_applying_are_not_sent() -> None:
    teller = at("f6_confirm", SCRIPT)
    teller.write("review")
    assert teller.session is not None
    changed = Teller(
        {**SCRIPT, "c4_how": "=earthquake_2023"}, session=_revisiting(teller.session, "c4_how")
    )
    changed.write("/start")
    changed.go_on(until="another")
    assert "c5_by" not in changed.report.answers
    assert "c5_state" not in changed.report.answers


def _revisiting(session: Session, path: str) -> Session:
    return replace(session, revisit=path, view="", asked=None)


# Urgent


def since(days: int) -> str:
    """The day so many days before the talks of the tests, as it is typed."""
    return f"{today(BEGIN) - timedelta(days=days):%d/%m/%Y}"


def test_a_disappearance_of_the_last_three_months_is_urgent_once() -> None:
    teller = told({**SCRIPT, "c1_when": since(URGENT_DAYS - 1)})
    assert teller.effects(CallHuman) == [CallHuman("urgent")]
    assert teller.report.urgent


def test_an_older_one_is_not_urgent() -> None:
    teller = told({**SCRIPT, "c1_when": since(URGENT_DAYS + 1)})
    assert teller.effects(CallHuman) == []
    assert not teller.report.urgent


def test_changing_the_day_does_not_call_again() -> None:
    teller = at("b12_pregnant", {**SCRIPT, "c1_when": since(10)})
    teller.press("~back")
    teller.script = {**teller.script, "c1_when": since(12)}
    teller.go_on(until="another")
    assert teller.effects(CallHuman) == [CallHuman("urgent")]


def test_the_next_person_of_an_urgent_event_is_urgent_too() -> None:
    teller = told({**SCRIPT, "c1_when": since(10)})
    teller.press("!another_yes")
    teller.go_on(until="another")
    assert len(teller.effects(Submit)) == 2
    assert teller.report.urgent


# People first


def test_somebody_who_reports_about_itself_is_brought_to_a_person() -> None:
    teller = at("a4_relation", SCRIPT)
    teller.press("self")
    assert CallHuman("self") in teller.last.effects
    assert not teller.asks
    assert teller.session is not None
    assert teller.session.paused


def test_a_minor_is_brought_to_a_person_and_nothing_is_kept() -> None:
    teller = at("a3_consent")
    teller.press("under_18")
    assert CallHuman("minor") in teller.last.effects
    assert teller.session == Session(language="en")


REFUSALS = [
    ("a2_safe", "=later"),
    ("a2_safe", "=stop"),
    ("a3_consent", "=no"),
    ("a3_consent", "لا أوافق"),
    ("a3_consent", "stop"),
    ("a3_consent", "/pause"),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("path", "said"), REFUSALS)
def test_a_refusal_keeps_nothing(path: str, said: str, language: Language) -> None:
    teller = at(path, language=language)
    teller.script = {**teller.script, path: said}
    teller.answer()
    assert teller.last.session == Session(language=language)
    assert Forget(everything=True) in teller.last.effects
    assert not teller.asks


def test_nothing_of_a_familys_words_is_kept_before_the_consent() -> None:
    teller = Teller()
    marks = ("zzqmark", "كلمةسرية")
    for words in (
        "/start", "zzqmark my brother", "كلمةسرية", "English zzqmark", "English",
        "zzqmark is in danger", "yes zzqmark", "Yes, it is safe", "zzqmark agrees",
    ):  # fmt: skip
        teller.write(words)
        assert teller.session is not None
        packed = pack(teller.session).decode("utf-8", "surrogatepass")
        assert not [mark for mark in marks if mark in packed]
        for draft in teller.session.drafts.values():
            assert not [answer.raw for answer in draft.answers.values() if answer.raw]
    assert teller.ask.path == "a3_consent"


# What is never asked


FORBIDDEN = {
    "en": re.compile(
        r"why\b.*\b(arrest|taken|detained)|reason|accus|charge|politic|opinion|party member|"
        r"religio|sect\b|ethnic|tribe|kurd|arab\b|alawi|sunni|christian|"
        r"\bmoney|paid|pay\b|amount|ransom|bribe|price|dollar|"
        r"tortur|beaten|abuse|rape|sexual|\bscar|birthmark|tattoo|\bmarks?\b|corpse|"
        r"\b(his|her|their) body|"
        r"dead\b|death|died|killed|victim",
        re.IGNORECASE,
    ),
    "ar": re.compile(
        r"لماذا|سبب|تهم|سياس|رأي|انتماء|ديان|\bدين|طائف|مذهب|قومي|عرق|عشير|"
        r"مال\b|مبلغ|دفع|فدية|رشوة|ثمن|دولار|تعذيب|ضرب|اغتصاب|ندب|وشم|علامات|جثة|جثمان|"
        r"المرحوم|الضحية|وفاة|توفي|\bمات\b|قتل|ميت"
    ),
}
FORMS: tuple[Form, ...] = ("", "he", "she")


def asked_sentences() -> Iterable[tuple[str, Sentence]]:
    """Every title, question and hint a family is ever asked, with its key."""
    for flow in FLOWS.values():
        for _section, _repeat, question in questions(flow):
            for sentence in (question.title, question.words, question.hint):
                if sentence is not None:
                    yield f"{flow.name}.{question.key}", sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_forbidden_topics_are_asked_nowhere(language: Language) -> None:
    found = [
        (key, words)
        for key, sentence in asked_sentences()
        for form in FORMS
        for words in [say(sentence, language, form)]
        if FORBIDDEN[language].search(words)
    ]
    assert found == []


def test_the_watch_over_forbidden_topics_can_see() -> None:
    assert FORBIDDEN["en"].search("Why was he arrested?")
    assert FORBIDDEN["en"].search("How much money did you pay?")
    assert FORBIDDEN["ar"].search("ما سبب الاعتقال؟")
    assert FORBIDDEN["ar"].search("ما ديانته؟")
    assert FORBIDDEN["ar"].search("كم المبلغ الذي دفعتموه؟")


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_witnesses_are_asked_to_be_left_out(language: Language) -> None:
    witness = "witness" if language == "en" else "شهود"
    asked = [say(it, language) for key, it in asked_sentences() if "words" in key or "story" in key]
    about = [words for words in asked if witness in words]
    assert about, "the hint is gone"
    leave = "leave out" if language == "en" else "عدم ذكر"
    assert all(leave in words for words in about), about


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_answer_offered_speaks_of_faith_origin_or_money(language: Language) -> None:
    topics = {
        "en": re.compile(r"religio|sect\b|ethnic|alawi|sunni|shia|christian|druze|\bmoney", re.I),
        "ar": re.compile(r"ديانة|طائفة|مذهب|علوي|سني\b|شيعي|مسيحي|درزي|مال\b|فدية"),
    }[language]
    for flow in FLOWS.values():
        for _section, _repeat, question in questions(flow):
            if isinstance(question, Choice | MultipleChoice | Place):
                options = question.areas if isinstance(question, Place) else question.options
                for option in options:
                    assert not topics.search(say(option.label, language)), option.code


# How people are spoken to


def gendered_sentences() -> list[Words]:
    """Every sentence with forms by sex that a report can say."""
    found: list[Words] = []
    for _section, _repeat, question in questions(REPORT):
        found += [question.title, question.words]  # type: ignore[list-item]
        options = getattr(question, "options", ()) or getattr(question, "areas", ())
        found += [option.label for option in options]
    found += [section.intro for section in REPORT.sections if section.intro]  # type: ignore[misc]
    return [it for it in found if isinstance(it, Words) and it.gendered]


def wrong_words(form: Form, language: Language) -> set[str]:
    """What must not be said in this form: the other forms' words where they differ."""
    right = {say(it, language, form) for it in gendered_sentences()}
    others = {say(it, language, other) for it in gendered_sentences() for other in FORMS}
    return {words for words in others - right if not any(words in good for good in right)}


PATHS = [
    {},
    {"c2_gov": "=SY-HL", "c4_how": "=migration_sea", "c7_others": "=no", "d1_heard": "=none"},
    {"c4_how": "=other", "c5_by": "=local", "f3_reach": "=detached", "d4_steps": "11"},
    {"a4_relation": "=other", "a4_words": "x", "b7_birth": "60", "d1_heard": "=direct"},
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", range(len(PATHS)))
@pytest.mark.parametrize(("sex", "form"), [("=female", "she"), ("=male", "he"), ("=~unknown", "")])
def test_no_sentence_takes_the_wrong_form(
    language: Language, path: int, sex: str, form: Form
) -> None:
    script = {**SCRIPT, "a4_relation": "=friend", **PATHS[path], "b1_sex": sex}
    teller = at("f6_confirm", script, language=language)
    teller.write("review")
    wrong = wrong_words(form, language)
    assert len(wrong) > 30
    after = next(at for at, turn in enumerate(teller.turns) if _asks(turn, "a4_relation"))
    for turn in teller.turns[after:]:
        assert turn.session.form == form
        for words in spoken(turn):
            assert not [it for it in wrong if it in words], words


def _asks(turn: object, path: str) -> bool:
    return any(isinstance(e, Ask) and e.path == path for e in turn.effects)  # type: ignore[attr-defined]


PRONOUNS = {
    "he": re.compile(r"\b(she|hers?|herself)\b", re.IGNORECASE),
    "she": re.compile(r"\b(he|his|him|himself)\b", re.IGNORECASE),
    "": re.compile(r"\b(he|his|him|she|hers?)\b", re.IGNORECASE),
}
NOT_THE_PERSON = ("What is their mother's name", "What is his mother's name", "I am his wife",
                  "I am her husband")  # fmt: skip


@pytest.mark.parametrize(("sex", "form"), [("=female", "she"), ("=male", "he"), ("=~unknown", "")])
def test_english_uses_no_pronoun_of_the_other_sex(sex: str, form: Form) -> None:
    script = {key: said for key, said in SCRIPT.items() if key != "a4_relation"}
    teller = at("f6_confirm", {**script, "b1_sex": sex, "a4_relation": "=friend"})
    after = next(at for at, turn in enumerate(teller.turns) if _asks(turn, "a4_relation"))
    for turn in teller.turns[after:]:
        for words in spoken(turn):
            if not words.startswith(NOT_THE_PERSON):
                assert not PRONOUNS[form].search(words), words


@pytest.mark.parametrize(("sex", "codes"), [
    ("=female", {"husband"}), ("=male", {"wife"}), ("=~unknown", {"wife", "husband"}),
])  # fmt: skip
def test_spouses_are_offered_by_sex(sex: str, codes: set[str]) -> None:
    teller = at("a4_relation", {"b1_sex": sex})
    offered = {option.data.partition(":")[2] for option in teller.ask.options}
    assert offered & {"wife", "husband"} == codes


_TO_A_MAN = """
    اكتب اضغط اختر أرسل انتظر حاول تابع اقرأ افتح اذكر أخبرنا قل ابدأ احذف استخدم تأكد راجع
    خذ أجب ضع تفضل أعد جرب أنت لديك عندك عليك إليك معك بك لك منك يمكنك نشكرك إجابتك
    بلاغك رسالتك قريبك عائلتك هاتفك جهازك تريد تود ترغب شئت امسح"""
_TO_A_WOMAN = """
    اكتبي اضغطي اختاري أرسلي انتظري حاولي تابعي اقرئي افتحي اذكري أخبرينا قولي ابدئي توقفي
    امسحي احذفي استخدمي تأكدي راجعي عودي خذي أجيبي ضعي تفضلي أعيدي جربي أنتي تستطيعين تريدين
    تعرفين تودين ترغبين تذكرين"""
TO_ONE = frozenset((_TO_A_MAN + _TO_A_WOMAN).split())
"""Forms that speak to one person as a man or as a woman, written without marks."""
_MARKS = dict.fromkeys(map(ord, "ًٌٍَِّْ"))
"""All but the damma, which tells the passive (أُرسل) from a command (أرسل)."""
_TYPED = re.compile(r"«[^»]*»|^[^:]{1,20}:", re.MULTILINE)
"""Commands a family types are quoted, or stand before a colon in the help."""


def to_one(text: str) -> list[str]:
    """The words of ``text`` that address one man or one woman."""
    words = re.findall(r"[\wُ]+", _TYPED.sub(" ", text).translate(_MARKS))
    return [word for word in words if word in TO_ONE or word.removeprefix("و") in TO_ONE]


def test_reporters_are_addressed_without_gender() -> None:
    known: dict[object, str] = catalogue("ar")._catalog  # type: ignore[attr-defined]
    found = [(to_one(str(text)), text) for key, text in known.items() if key and to_one(str(text))]
    assert found == []


def test_the_watch_over_gender_can_see() -> None:
    assert to_one("من فضلك اكتب اسمه") == ["اكتب"]
    assert to_one("واختاري جواباً") == ["واختاري"]
    assert to_one("هل يمكنكَ ذلك؟") == ["يمكنك"]
    assert to_one("يُرجى كتابة «امسح». أُرسل البلاغ.") == []


# The next person


def test_a_second_person_is_told_without_retelling_what_is_shared() -> None:
    teller = told(SCRIPT)
    first = teller.report
    assert teller.ask.path == "another"
    before = len(teller.asked)
    teller.script = {**teller.script, "b1_sex": "=male", "b2_given": "Samer"}
    teller.press("!another_yes")
    teller.go_on(until="another")
    asked = set(teller.asked[before:])
    assert not asked & set(SHARED), "what is shared was asked again"
    assert not [path for path in asked if path.startswith("others[")]
    assert {"b1_sex", "b2_given", "b4_family", "c6_story", "d1_heard", "f6_confirm"} <= asked
    second = teller.report
    assert second.answers[LINKED].value == CODE
    assert LINKED not in first.answers
    assert second.answers["b2_given"].value == "Samer"
    for path in SHARED:
        if path in first.answers:
            assert second.answers[path] == first.answers[path]


def test_a_detached_family_may_report_the_next_person_and_is_then_forgotten() -> None:
    teller = told({**SCRIPT, "f3_reach": "=detached"})
    assert teller.report.reach == "detached"
    assert not teller.effects(Forget)
    teller.press("!another_yes")
    teller.go_on(until="another")
    assert teller.report.reach == "detached"
    teller.press("!another_no")
    assert teller.effects(Forget) == [Forget(everything=True)]
    assert teller.session == Session(language="en")


def test_a_detached_family_is_forgotten_at_once() -> None:
    teller = told({**SCRIPT, "f3_reach": "=detached", "c7_others": "=no"})
    assert teller.effects(Forget) == [Forget(everything=True)]
    assert teller.last.session == Session(language="en")


def test_no_other_person_ends_in_peace() -> None:
    teller = told(SCRIPT)
    teller.write("no")
    assert teller.session is not None
    assert not teller.session.carried
    assert teller.session.receipts == (CODE,)
    assert "report" not in teller.session.drafts


# The words around it


def test_the_first_message_says_what_must_be_said() -> None:
    said = say(consent.INTRO, "en").lower()
    for phrase in ("free", "never ask for money", "years", "encrypted", "agree", "delete", "danger",
                   "/wipe", "person"):  # fmt: skip
        assert phrase in said
    assert isinstance(consent.INTRO, Lines)
    assert len(consent.INTRO.lines) < 10


@pytest.mark.parametrize("channel", sorted(consent.CHANNEL_NOTES))
def test_what_the_channel_gives_away_is_said_before_any_answer(channel: str) -> None:
    teller = at("a2_safe", channel=channel)
    assert consent.CHANNEL_NOTES[channel] in teller.ask.paragraphs


def test_the_first_question_stands_in_both_languages() -> None:
    teller = Teller().begin()
    languages = [it.language for it in teller.ask.paragraphs if isinstance(it, Spoken)]
    assert sorted(languages) == ["ar", "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_menu_can_say_exists_in_both_languages(language: Language) -> None:
    sentences = [it for it in vars(menu).values() if isinstance(it, Words)]
    for sentence in sentences:
        if not sentence.values and "{" not in sentence.text:
            words = TOOLS.speak(sentence, language, "")
            assert words
            assert language == "en" or words != sentence.text, words


def test_effects_of_a_whole_report_in_order() -> None:
    teller = told({**SCRIPT, "c7_others": "=no"})
    kinds: list[type[Effect]] = [type(effect) for effect in teller.last.effects]
    assert kinds[-2:] == [Submit, kinds[-1]]
    assert kinds[-1].__name__ == "Say"
