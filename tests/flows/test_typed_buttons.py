"""Every button has a typed equivalent: its label, in either language, and its number."""

from __future__ import annotations

import pytest

from tests.flows.playing import Play


def at_name(language: str = "ar") -> Play:
    play = Play.begun(language)
    for label in (
        ("العربية", "نعم، الوضع آمن", "أوافق، وعمري 18 سنة أو أكثر", "رجل أو فتى", "أنا أمّه")
        if language == "ar"
        else (
            "English",
            "Yes, it is safe",
            "I agree and am 18 or older",
            "A man or boy",
            "I am his mother",
        )
    ):
        play.press(label)
    return play


@pytest.mark.parametrize("words", ["خيارات أخرى", "خيارات أخرى…", "More", "more…"])
def test_the_label_of_more_opens_it_and_is_nobodys_name(words: str) -> None:
    play = at_name()
    play.write(words)
    assert play.session is not None
    assert play.session.view == "more"
    assert "b2_given" not in play.session.drafts["report"].answers


@pytest.mark.parametrize(
    ("words", "right"), [("1", True), ("٢", False), ("No, I will write it again", False)]
)
def test_a_date_is_confirmed_by_number_or_label(words: str, right: bool) -> None:
    play = at_name("en")
    for said in ("Ali", "Omar", "Hasan", "skip", "skip", "1985"):
        play.write(said)
    play.write(words)
    assert play.session is not None
    assert ("b7_birth" in play.session.drafts["report"].answers) is right


def test_what_is_offered_after_three_troubles_can_be_chosen_by_number() -> None:
    play = at_name("en")
    for said in ("Ali", "Omar", "Hasan", "skip", "skip", "qqq", "www", "zzz"):
        play.write(said)
    play.write("1")
    assert play.session is not None
    answer = play.session.drafts["report"].answers["b7_birth"]
    assert answer.known == "skipped"


def test_keep_what_i_said_can_be_typed() -> None:
    play = at_name("en")
    play.write("Ali")
    play.write("back")
    play.write("keep what I said")
    assert play.session is not None
    assert play.session.drafts["report"].answers["b2_given"].value == "Ali"
    assert play.session.asked is not None
    assert play.session.asked.path == "b3_father"


def test_words_from_before_the_question_answer_nothing() -> None:
    from flows.engine import Heard

    play = at_name("en")
    play.hear(Heard("text", text="hello? are you there?", unseen=True))
    assert play.session is not None
    assert "b2_given" not in play.session.drafts["report"].answers
    assert "before this question was asked" in play.last
    play.hear(Heard("text", text="stop", unseen=True))
    assert play.session.view == "stop"


def test_declining_a_second_consent_keeps_the_tie_to_the_first_report() -> None:
    from flows.conversation import returned
    from flows.effects import Forget

    play = Play(language="en")
    play.session = returned(("K9Z5-109S-866J",), "en")
    for said in ("menu", "Report another missing person", "English", "Yes, it is safe"):
        play.write(said)
    turn = play.write("I do not agree")
    assert turn.session.receipts == ("K9Z5-109S-866J",)
    assert Forget(everything=True) not in turn.effects
