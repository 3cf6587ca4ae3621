"""The sets that ship: every question, its way around, its words, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from flows import follow_up
from flows.conversation import ask_follow_up, respond, returned
from flows.effects import (
    AnswerFollowUp,
    Ask,
    CallHuman,
    CutOff,
    Forget,
    LeaveFollowUp,
    OpenWaiting,
    Pause,
    Say,
    Silence,
    Turn,
    WipeChat,
)
from flows.engine import Heard
from flows.fate_words import find_fate_words
from flows.follow_up import FOLLOW_UP, NOW, SEND, SETS, as_asked, own_questions
from flows.leaving import months_after
from flows.menu import OPEN_DATA
from flows.questions import Choice, MultipleChoice, Place
from flows.session import Session, pack, unpack
from flows.shape import questions
from flows.text import LANGUAGES, Form, Sentence, Words
from flows.upgrades import UPGRADES
from tests.flows.playing import BEGIN, CODE, HANDLE, TOOLS, Play

NAMES = sorted(SETS)


def begun(name: str, form: Form = "", language: str = "en") -> Play:
    """A family that has opened these questions."""
    play = Play(language=language, session=returned([CODE], "ar" if language == "ar" else "en"))
    play.waiting = name, form
    play.write("open")
    return play


def sentences(name: str) -> Iterator[Sentence]:
    """Everything a set can say."""
    for section in SETS[name].sections:
        yield section.title
        if section.intro is not None:
            yield section.intro
    for _section, repeat, question in questions(SETS[name]):
        yield question.title
        yield question.words
        if question.hint is not None:
            yield question.hint
        if repeat is not None:
            yield repeat.item
        match question:
            case Choice(options=options) | MultipleChoice(options=options) | Place(areas=options):
                yield from (option.label for option in options)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_begins_with_why_and_not_now_and_ends_with_a_review(name: str) -> None:
    flow = SETS[name]
    first, last = flow.sections[0], flow.sections[-1]
    assert [part.key for part in first.parts] == [NOW]
    assert first.intro is not None
    assert [part.key for part in last.parts] == [SEND]
    assert flow.name == name
    assert all(each.version <= flow.version for each in UPGRADES[name])
    assert 1 <= len(own_questions(flow)) <= 12


@pytest.mark.parametrize("name", NAMES)
def test_every_question_can_be_gone_around_but_a_consent_to_be_called(name: str) -> None:
    without = {each.key for each in own_questions(SETS[name]) if not each.ways}
    assert without == ({"n6_call"} if name == "dna_interest" else set())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["", "he", "she"])
def test_every_sentence_is_there_in_both_languages(name: str, form: Form) -> None:
    for sentence in sentences(name):
        assert isinstance(sentence, Words)
        arabic = TOOLS.speak(sentence, "ar", form)
        assert arabic != sentence.text, arabic
        assert re.search("[\u0621-\u064a]", arabic), arabic
        english = TOOLS.speak(sentence, "en", form)
        if sentence.gendered and form:
            assert not re.search(r"\b(they|them|their|theirs)\b", english), english


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_that_must_not_be_asked(name: str) -> None:
    """No words of fate, of hope or mourning, no sums, no names of others."""
    banned = re.compile(r"\b(hope|hoping|mourn|grief|amount|how much did|torture|body|religion)\b")
    for sentence in sentences(name):
        for language in LANGUAGES:
            said = TOOLS.speak(sentence, language, "she")
            assert not find_fate_words(said), said
            assert not banned.search(said), said
            assert "أمل" not in said.split()


def test_every_sentence_around_the_sets_is_translated() -> None:
    said = [it for it in vars(follow_up).values() if isinstance(it, Words)]
    assert len(said) > 10
    for sentence in said:
        if not sentence.values and "{" not in sentence.text:
            assert TOOLS.speak(sentence, "ar", "") != sentence.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_who_leaves_everything_out_still_gets_to_the_end(name: str, language: str) -> None:
    play = begun(name, "she", language)
    for _step in range(40):
        ask = play.turns[-1].effects[-1]
        if not isinstance(ask, Ask):
            break
        codes = {option.data.partition(":")[2]: option.data for option in _buttons(ask)}
        way = next(
            code
            for code in ("~send", "yes" if ask.path == NOW else "", "~skip", "~prefer_not", "no")
            if code in codes
        )
        play.hear(Heard("button", button=codes[way]))
    (sealed,) = play.effects(AnswerFollowUp)
    assert isinstance(sealed, AnswerFollowUp)
    assert sealed.handle == HANDLE
    assert (sealed.report.flow, sealed.report.version) == (name, SETS[name].version)
    assert set(sealed.asked) == set(sealed.report.answers)
    assert "b1_sex" not in sealed.report.answers
    assert play.session is not None
    assert FOLLOW_UP not in play.session.drafts


def _buttons(ask: Ask) -> list[object]:
    return [*ask.options, *ask.controls]


def answers(play: Play, *codes: str) -> Turn:
    """Press these answers one after the other."""
    for code in codes:
        ask = next(it for it in reversed(play.turns[-1].effects) if isinstance(it, Ask))
        data = next(it.data for it in _buttons(ask) if it.data.partition(":")[2] == code)  # type: ignore[attr-defined]
        play.hear(Heard("button", button=data))
    return play.turns[-1]


@pytest.mark.parametrize("path", ["new_info", "sighting"])
def test_where_money_was_asked_for_advice_follows_and_no_sum(path: str) -> None:
    play = begun(path)
    play.press("Yes, go on")
    steps = {"new_info": 2, "sighting": 6}[path]
    if path == "new_info":
        play.write("Something new")
        play.write("done")
    for _way in range(steps):
        answers(play, "~prefer_not")
    answers(play, "yes")
    assert play.last.startswith("Please pay nothing. News for money is nearly always deceit")


def test_money_is_not_asked_about_what_somebody_remembered() -> None:
    play = begun("new_info")
    play.press("Yes, go on")
    play.write("Something new")
    play.write("done")
    answers(play, "~skip", "memory")
    assert play.last.startswith("May we note this as coming from you alone?")


def test_a_photo_that_is_not_there_has_no_year() -> None:
    play = begun("photo_document")
    answers(play, "yes", "yes", "~skip")
    assert play.last.startswith("Please send pictures or copies of papers")
    other = begun("photo_document")
    answers(other, "yes", "no")
    assert other.last.startswith("This is what you answered")


@pytest.mark.parametrize("how", ["lost", "seized"])
def test_a_phone_in_other_hands_is_cut_off_at_once(how: str) -> None:
    play = begun("contact_change")
    play.session = replace(play.session, receipts=(CODE,)) if play.session else None
    turn = answers(play, "yes", how)
    kinds = [type(effect) for effect in turn.effects]
    assert kinds.index(AnswerFollowUp) < kinds.index(CutOff) < kinds.index(WipeChat)
    assert Ask not in kinds, "nothing further is asked in a chat that others may read"
    assert "follow_up" not in turn.session.drafts


def test_a_phone_that_is_there_changes_nothing() -> None:
    turn = answers(begun("contact_change"), "yes", "with_me")
    assert not turn.session.quiet
    assert not any(isinstance(effect, WipeChat) for effect in turn.effects)


def test_a_family_that_is_not_safe_is_silenced_and_brought_to_a_person() -> None:
    turn = answers(begun("check_in"), "yes", "~skip", "~skip", "no")
    assert turn.effects[:2] == (CallHuman("not_safe"), Silence())
    assert turn.session.quiet


def test_who_wants_to_withdraw_is_asked_at_once_whether_it_is_meant() -> None:
    play = begun("check_in")
    turn = answers(play, "yes", *("~skip",) * 5, "withdraw", "~send")
    (asked,) = (effect for effect in turn.effects if isinstance(effect, Ask))
    assert asked.path == "withdraw"
    assert not any(isinstance(effect, CallHuman) for effect in turn.effects)


@pytest.mark.parametrize(("choice", "until"), [("month", 1), ("months", 3)])
def test_a_pause_is_an_answer_that_holds_at_once(choice: str, until: int) -> None:
    turn = answers(begun("check_in"), "yes", *("~skip",) * 5, choice, "~send")
    (pause,) = (effect for effect in turn.effects if isinstance(effect, Pause))
    assert pause.until == months_after(BEGIN.date(), until)
    assert (turn.session.held_until, turn.session.quiet) == (pause.until, False)


# Leaving


@pytest.mark.parametrize(
    ("words", "how"),
    [
        ("not now", "later"), ("ليس الآن", "later"), ("2", "later"), ("٢", "later"),
        ("no", "declined"), ("لا", "declined"), ("3", "declined"),
    ],
)  # fmt: skip
def test_not_now_and_not_at_all_can_be_typed(words: str, how: str) -> None:
    play = begun("check_in")
    turn = play.write(words)
    (leave,) = [effect for effect in turn.effects if isinstance(effect, LeaveFollowUp)]
    assert (leave.handle, leave.how) == (HANDLE, how)
    assert FOLLOW_UP not in turn.session.drafts
    assert turn.session.flow == "menu"


def test_pause_keeps_the_answers_and_open_goes_on() -> None:
    play = begun("check_in")
    answers(play, "yes", "no")
    play.write("pause")
    play.wait(days=3)
    turn = play.write("open")
    assert turn.effects[0] == OpenWaiting()
    assert play.last.startswith("Is there anything to add")


def test_what_was_taken_back_is_let_go_with_its_key() -> None:
    play = begun("check_in")
    answers(play, "yes")
    play.flows = {name: flow for name, flow in play.flows.items() if name != FOLLOW_UP}
    turn = play.write("I have something to say")
    assert turn.effects[0] == Say((follow_up.TAKEN_BACK,))
    assert turn.effects[-1] == Forget()
    assert turn.session.drafts == {}
    assert play.write("menu").session.view == "menu"


def test_what_was_taken_back_interrupts_no_report() -> None:
    play = begun("check_in")
    answers(play, "yes")
    play.write("menu")
    play.press("Report another missing person")
    play.flows = {name: flow for name, flow in play.flows.items() if name != FOLLOW_UP}
    turn = play.press("English")
    assert Say((follow_up.TAKEN_BACK,)) not in turn.effects
    assert FOLLOW_UP not in turn.session.drafts
    assert play.last.startswith("Example Association runs this service")


def test_answers_in_the_menu_offer_to_go_on_with_the_questions() -> None:
    play = begun("check_in")
    answers(play, "yes")
    play.write("menu")
    play.press("Go on with the questions for me")
    assert play.last.startswith("Would you like your caseworker to call")


def test_a_name_that_means_open_is_a_name_where_one_is_asked_for() -> None:
    play = Play(session=Session(language="ar", receipts=(CODE,), flow="menu"))
    play.write("القائمة")
    play.press("الإبلاغ عن شخص مفقود آخر")
    for label in ("العربية", "نعم، الوقت والجهاز آمنان"):
        if any(label in (each.label) for row in play.said[-1].buttons for each in row):
            play.press(label)
    assert respond(play.session, Heard("text", text="افتح"), play.now, TOOLS).effects[0] == (
        OpenWaiting()
    )


# The hallway's side


def test_a_begun_follow_up_knows_whom_it_is_about_and_survives_its_packing() -> None:
    session = returned([CODE], "ar")
    turn = ask_follow_up(session, SETS["new_info"], HANDLE, "she", (), BEGIN, TOOLS)
    assert turn.session.form == "she"
    assert unpack(pack(turn.session)) == turn.session
    draft = turn.session.drafts[FOLLOW_UP]
    assert (draft.flow, draft.version) == ("new_info", 1)
    assert replace(turn.session, flow="menu").form == ""


def test_a_newer_version_of_a_set_takes_up_an_old_draft() -> None:
    play = begun("check_in")
    answers(play, "yes", "no")
    newer = as_asked(replace(SETS["check_in"], version=2))
    play.flows = {**play.flows, FOLLOW_UP: newer}
    turn = play.write("hello")
    assert turn.session.drafts[FOLLOW_UP].version == 2
    assert play.last.endswith("Is there anything to add to your report, or to correct in it?")


def test_the_button_of_a_notice_belongs_to_no_question() -> None:
    assert OPEN_DATA.partition(":")[2] == "!open"
    assert len(OPEN_DATA.encode()) <= 64
