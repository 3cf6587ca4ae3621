"""The invented families can really tell their stories, alike in every run."""

from __future__ import annotations

import pytest

from flows.report import REPORT, SHORT_PATH
from flows.shape import keys
from tests.families import (
    Press,
    Puzzled,
    Talker,
    Type,
    acts,
    answers_of,
    invent,
    invent_many,
    questions_in,
    rehearse,
)

YOUR_NAME = "What may we call you? A first name is enough; it stays confidential."


def general(path: str) -> str:
    head, bracket, rest = path.partition("[")
    return f"{head}[]{rest.partition(']')[2]}" if bracket else path


@pytest.mark.parametrize("number", range(1, 25))
def test_a_family_comes_to_the_end_with_its_own_answers(number: int) -> None:
    family = invent(number)
    report = rehearse(family)
    assert report.language == family.language
    for path, answer in report.answers.items():
        said = family.told.get(general(path))
        if said is None or path == "pace":
            continue
        if said.way:
            assert answer.known == {"skip": "skipped"}.get(said.way, said.way), path
        elif said.words:
            assert answer.raw == said.words, path
        else:
            value = answer.value
            told = value if isinstance(value, tuple) else (value,)
            codes = tuple({True: "yes", False: "no"}.get(each, each) for each in told)  # type: ignore[call-overload]
            assert set(codes) == set(said.codes), path


def test_families_press_and_type_and_speak_both_languages() -> None:
    families = invent_many(40)
    assert {family.language for family in families} == {"ar", "en"}
    assert {family.sex for family in families} == {"male", "female"}
    assert {family.presses for family in families} == {True, False}


def test_pressing_and_typing_lead_to_the_same_report() -> None:
    for number in range(1, 11):
        pressed = answers_of(rehearse(invent(number, presses=True)))
        typed = answers_of(rehearse(invent(number, presses=False)))
        assert list(pressed) == list(typed)
        assert [answer["value"] for answer in pressed.values()] == [
            answer["value"] for answer in typed.values()
        ]


def test_together_they_are_asked_nearly_everything() -> None:
    asked = {general(path) for family in invent_many(60) for path in rehearse(family).answers}
    never = set(keys(REPORT)) - asked - {"f6_confirm"}
    assert never <= {
        "a4_words", "b9_words", "c4_words", "c5_north", "c5_now", "c5_foreign", "d4_words",
        "c5_opp", "c5_isis",
    }  # fmt: skip


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_short_path_is_the_eight_questions(language: str) -> None:
    report = rehearse(invent(3, language, pace="short"))  # type: ignore[arg-type]
    assert report.short
    assert set(report.answers) - {"pace", "f6_confirm"} <= set(SHORT_PATH)


def test_the_same_number_is_the_same_family() -> None:
    assert invent(5) == invent(5)
    assert acts(invent(5)) == acts(invent(5))
    assert invent(5) != invent(6)


def test_a_mark_is_in_every_free_word() -> None:
    family = invent(9, mark="zqxj")
    words = [said.words for key, said in family.told.items() if said.words]
    without = [text for text in words if "zqxj" not in text]
    assert all(any(sign.isdigit() for sign in text) or "20" in text for text in without)
    assert len(words) - len(without) > 12


def test_a_question_is_recognised_in_what_is_shown() -> None:
    assert questions_in("something else entirely", "en") == {}
    shown = f"Thank you.\n\n{YOUR_NAME}\n\nMore."
    assert list(questions_in(shown, "en")) == ["f1_name"]


def test_an_unknown_question_puzzles() -> None:
    family = invent(1, "en")
    empty = Talker(type(family)(1, "en", "male", "full", presses=True))
    with pytest.raises(Puzzled):
        empty.reply(YOUR_NAME, [])
    assert Talker(family).reply("Thank you.", []) is None


def test_first_words_and_presses_are_acts() -> None:
    found = acts(invent(2, presses=True))
    assert found[0] == Type("/start")
    assert isinstance(found[-1], Press)
    assert 25 <= len(found) <= 90
