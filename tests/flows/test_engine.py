"""The engine, kind of question by kind of question, on small invented flows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows import engine
from flows.asking import EARLIER_BUTTON
from flows.dates import RoughDate
from flows.effects import Ask, CallHuman, Settle, Tap
from flows.engine import CALL_AFTER, MOST_STORY, OFFER_AFTER, Heard, advance
from flows.questions import NO_WAY_OUT, REQUIRED, SKIP_ONLY, Asked
from flows.session import Answer, File, Given, PhoneNumber, PlaceName, Report, pack
from flows.text import LANGUAGES
from tests.flows.kinds import (
    CHOICE,
    CONSENT,
    DATE,
    EVERY,
    FILE,
    MANY,
    NAME,
    NUMBER,
    PHONE,
    PLACE,
    STORY,
    WORDS,
    YES_NO,
    Family,
)
from tests.flows.playing import BEGIN, TOOLS

HOSTILE = {
    "lone surrogate": "\ud83d and \udc00",
    "NUL": "before\x00after",
    "controls": "\x01\x07\x1b[31m\x7f",
    "bidi": "\u202e\u2066\u2069\u200f ليلى \u2067abc",
    "joiners": "لي\u200cلى\u200d",
    "longest": "ا" * 4096,
    "braces": "{answer} {0} %s %(n)d {",
    "quotes": '\'; DROP TABLE "x" -- \\',
    "astral": "\U00010900\U0001f54a\ufe0f" * 50,
}


# What each kind understands


PRESSED: list[tuple[Asked, str, Given]] = [
    (CHOICE, "green", "green"),
    (CONSENT, "blue", "blue"),
    (YES_NO, "yes", True),
    (YES_NO, "no", False),
    (PLACE, "SY-HL", PlaceName("SY-HL", "")),
]


@pytest.mark.parametrize(("question", "code", "value"), PRESSED)
def test_a_button_answers(question: Asked, code: str, value: Given) -> None:
    family = Family.asked(question)
    family.press(code)
    assert family.answer(question).value == value
    assert family.answer(question).raw == ""
    assert family.saw(Settle, Ask)
    assert family.ask.path == "end"


TYPED: list[tuple[Asked, str, Given]] = [
    (CHOICE, "2", "green"),
    (CHOICE, "٢", "green"),
    (CHOICE, "۲", "green"),
    (CHOICE, "Green one", "green"),
    (CHOICE, "أخضر", "green"),
    (CHOICE, "اخضر", "green"),
    (CHOICE, "emerald", "green"),
    (CHOICE, "قرمزي", "red"),
    (CHOICE, "gree", "green"),
    (CONSENT, "٣", "blue"),
    (YES_NO, "yes", True),
    (YES_NO, "إي", True),
    (YES_NO, "لا", False),
    (YES_NO, "1", True),
    (YES_NO, "٢", False),
    (YES_NO, "۲", False),
    (MANY, "1, 3", ("red", "blue")),
    (MANY, "١ و ٣", ("red", "blue")),
    (MANY, "۱، ۳", ("red", "blue")),
    (MANY, "blue one, red one", ("red", "blue")),
    (MANY, "أزرق", ("blue",)),
    (MANY, "4", ("nothing",)),
    (NUMBER, "12", 12),
    (NUMBER, "١٢", 12),
    (NUMBER, "۱۲", 12),
    (NUMBER, "about five", 5),
    (PLACE, "2", PlaceName("SY-HL", "")),
    (PLACE, "٢", PlaceName("SY-HL", "")),
    (PLACE, "حي الوعر، حمص", PlaceName("SY-HI", "حي الوعر، حمص")),
    (PLACE, "a village", PlaceName("", "a village")),
    (PHONE, "0944 123 456", PhoneNumber("+963944123456", "0944 123 456")),
    (PHONE, "٠٩٤٤١٢٣٤٥٦", PhoneNumber("+963944123456", "٠٩٤٤١٢٣٤٥٦")),
    (NAME, "لَيْلى  الـحَسَن", "لَيْلى  الـحَسَن"),
    (WORDS, "  as typed \n", "  as typed \n"),
]


@pytest.mark.parametrize(("question", "text", "value"), TYPED)
def test_typed_words_answer_and_are_kept_as_typed(question: Asked, text: str, value: Given) -> None:
    family = Family.asked(question)
    family.write(text)
    assert family.answer(question) == Answer(value, "given", text, "en", family.now, 1)
    assert family.saw(Ask)
    assert family.ask.path == "end"


WRONG: list[tuple[Asked, str]] = [
    (CHOICE, "purple"),
    (CHOICE, "9"),
    (CHOICE, "red green"),
    (CONSENT, "perhaps"),
    (YES_NO, "perhaps"),
    (YES_NO, "3"),
    (MANY, "purple"),
    (MANY, "7"),
    (NUMBER, "many"),
    (NUMBER, "301"),
    (NUMBER, "0"),
    (PHONE, "hello there"),
    (PHONE, "12"),
    (DATE, "the day it rained"),
    (DATE, "1 January 2199"),
    (DATE, "1650"),
    (DATE, "30/2/2013"),
    (NAME, "x" * 201),
    (WORDS, "x" * 5001),
    (PLACE, "x" * 501),
    (FILE, "here it is"),
]


@pytest.mark.parametrize(("question", "text"), WRONG)
def test_words_that_answer_nothing_are_met_with_help(question: Asked, text: str) -> None:
    family = Family.asked(question)
    asked = len(family.ask.paragraphs)
    family.write(text)
    assert not family.answers
    assert family.ask.path == question.key
    assert len(family.ask.paragraphs) == asked + 1, "the question again, with one sentence above"
    assert family.session.asked is not None
    assert family.session.asked.troubles == 1


# Ways around


@pytest.mark.parametrize("question", EVERY, ids=lambda question: question.kind)
def test_three_ways_of_not_answering_are_three_facts(question: Asked) -> None:
    facts = {}
    for code, words, known in (
        ("~skip", "تخطي", "skipped"),
        ("~unknown", "ما بعرف", "unknown"),
        ("~prefer_not", "I'd rather not say", "prefer_not"),
    ):
        pressed, typed = Family.asked(question), Family.asked(question)
        pressed.press(code)
        typed.write(words)
        assert pressed.answer(question).known == typed.answer(question).known == known
        assert pressed.answer(question).value is None
        report = Report("kinds", 1, "en", BEGIN, BEGIN, False, False, "detached", pressed.answers)
        facts[known] = report.to_data()["answers"][question.key]["known"]
    assert facts == {key: key for key in ("skipped", "unknown", "prefer_not")}


def test_a_required_question_cannot_be_skipped_but_need_not_be_known() -> None:
    required = Family.asked(_with(NAME, REQUIRED))
    assert "~skip" not in required.codes
    required.write("skip")
    assert not required.answers
    assert "I don't know" in required.text
    required.write("I don't know")
    assert required.answer(NAME).known == "unknown"


def test_a_consent_knows_no_way_around() -> None:
    family = Family.asked(CONSENT)
    assert not [code for code in family.codes if code.startswith("~")]
    for words in ("skip", "I don't know", "I'd rather not say"):
        family.write(words)
        assert not family.answers
    family = Family.asked(CONSENT)
    family.hear(Heard("button", button=family.data("red").replace("red", "~skip")))
    assert not family.answers


def test_not_knowing_where_only_skipping_is_offered_is_a_skip() -> None:
    family = Family.asked(_with(NAME, SKIP_ONLY))
    family.write("I don't know")
    assert family.answer(NAME).known == "skipped"


# Back


def test_back_and_keep() -> None:
    family = Family.asked(NAME, CHOICE)
    family.write("Layla")
    assert family.ask.path == "colour"
    family.press("~back")
    assert family.ask.path == "name"
    assert family.answer(NAME).value == "Layla", "going back removes nothing"
    family.press("~keep")
    assert family.ask.path == "colour"
    assert family.answer(NAME).value == "Layla"


def test_back_and_another_answer() -> None:
    family = Family.asked(NAME, CHOICE)
    family.write("Layla", "back", "Rana")
    assert family.answer(NAME).value == "Rana"
    assert family.ask.path == "colour"


def test_back_twice_goes_two_questions_back() -> None:
    family = Family.asked(NAME, CHOICE, YES_NO)
    family.write("Layla")
    family.press("red")
    family.press("~back")
    family.press("~back")
    assert family.ask.path == "name"
    assert len(family.answers) == 2


def test_back_at_the_first_question_says_so() -> None:
    family = Family.asked(NAME)
    assert "~back" not in family.codes
    family.write("ارجع")
    assert "first question" in family.text
    assert family.ask.path == "name"


# Trouble


def test_after_three_troubles_a_way_around_is_offered() -> None:
    family = Family.asked(CHOICE)
    family.write(*["purple"] * OFFER_AFTER)
    assert family.codes == ["~skip", "!person", "~again"]
    family.press("~skip")
    assert family.answer(CHOICE).known == "skipped"


def test_trying_again_after_the_offer_still_works_and_still_counts() -> None:
    family = Family.asked(CHOICE)
    family.write(*["purple"] * OFFER_AFTER)
    family.press("~again")
    twin = family.copy()
    twin.press("green")
    assert twin.answer(CHOICE).value == "green"
    family.write(*["purple"] * (CALL_AFTER - OFFER_AFTER))
    assert CallHuman("trouble") in family.turn.effects


def test_words_that_fit_after_the_offer_are_an_answer() -> None:
    family = Family.asked(CHOICE)
    family.write(*["purple"] * OFFER_AFTER, "green one")
    assert family.answer(CHOICE).value == "green"


@pytest.mark.parametrize(
    "question", [CHOICE, YES_NO, MANY, NUMBER, PHONE, DATE, FILE], ids=lambda q: q.kind
)
def test_after_six_troubles_a_person_is_called_and_the_talk_goes_on(question: Asked) -> None:
    family = Family.asked(question)
    family.write(*["§§ nothing §§"] * CALL_AFTER)
    assert family.saw(CallHuman, Ask)
    assert family.turn.effects[0] == CallHuman("trouble")
    assert family.ask.path == "end"
    assert family.answer(question).known == "skipped"


def test_a_question_that_must_be_known_is_left_as_unknown() -> None:
    family = Family.asked(_with(CHOICE, REQUIRED))
    family.write(*["purple"] * CALL_AFTER)
    assert family.answer(CHOICE).known == "unknown"


def test_a_question_without_a_way_around_rests_until_a_person_has_looked() -> None:
    family = Family.asked(_with(CHOICE, NO_WAY_OUT))
    family.write(*["purple"] * OFFER_AFTER)
    assert family.codes == ["!person", "~again"]
    family.write(*["purple"] * (CALL_AFTER - OFFER_AFTER))
    assert family.turn.effects[0] == CallHuman("trouble")
    assert family.session.paused
    assert not family.answers


def test_wanting_to_skip_what_cannot_be_skipped_is_met_the_second_time() -> None:
    question = _with(CHOICE, REQUIRED)
    family = Family.asked(question)
    family.write("skip")
    assert "!person" not in family.codes
    family.write("skip")
    assert "~unknown" in family.codes
    assert "!person" in family.codes
    family.write("skip")
    assert family.answer(question).known == "unknown"


def test_understanding_in_between_begins_the_count_anew() -> None:
    family = Family.asked(CHOICE, YES_NO)
    family.write("purple", "purple", "red one", "what", "what")
    assert family.session.asked is not None
    assert family.session.asked.troubles == 2


# Buttons


def test_a_button_of_an_earlier_question_is_explained_and_changes_nothing() -> None:
    family = Family.asked(CHOICE, YES_NO)
    old = family.data("red")
    family.write("green one")
    family.hear(Heard("button", button=old))
    assert family.saw(Tap, Ask)
    assert EARLIER_BUTTON in family.ask.paragraphs
    assert family.ask.path == "sure"
    assert family.answer(CHOICE).value == "green"


def test_a_double_tap_is_quietly_acknowledged() -> None:
    family = Family.asked(CHOICE, YES_NO)
    data = family.data("red")
    family.hear(Heard("button", button=data))
    before = family.session
    family.hear(Heard("button", button=data))
    assert family.turn.effects == (Tap(),)
    assert family.session == before


@pytest.mark.parametrize("data", ["", ":", "abc", "abc:red", "x" * 64, "~skip", ":~skip", "\ud800"])
def test_a_button_nobody_made_changes_nothing(data: str) -> None:
    family = Family.asked(CHOICE)
    family.hear(Heard("button", button=data))
    assert not family.answers
    assert isinstance(family.turn.effects[0], Tap)


def test_a_forged_code_under_a_true_mark_asks_again() -> None:
    family = Family.asked(CHOICE)
    for code in ("purple", "#0", "#x", "~yes", "~no", "~keep", "~done", "~at:0", "~"):
        mark = family.data("red").partition(":")[0]
        family.hear(Heard("button", button=f"{mark}:{code}"))
        assert not family.answers
        assert family.ask.path == "colour"


def test_every_button_fits_in_64_bytes() -> None:
    family = Family.asked(*EVERY)
    assert all(len(option.data.encode()) <= 64 for option in family.buttons)


# Ticks


def test_tick_by_tick_the_message_is_redrawn_in_place() -> None:
    family = Family.asked(MANY)
    family.press("blue")
    assert family.saw(Tap, Ask)
    assert family.ask.replace
    assert [option.chosen for option in family.ask.options] == [False, False, True, False]
    family.press("red")
    family.press("blue")
    family.press("~done")
    assert family.answer(MANY).value == ("red",)
    assert family.saw(Settle, Ask)


def test_ticks_faster_than_the_message_is_redrawn_all_count() -> None:
    family = Family.asked(MANY)
    pressed = [family.data(code) for code in ("blue", "red", "green")]
    done = family.data("~done")
    for data in (*pressed, done):
        family.hear(Heard("button", button=data))
    assert family.answer(MANY).value == ("red", "green", "blue")


def test_none_of_it_stands_alone() -> None:
    family = Family.asked(MANY)
    family.press("red")
    family.press("nothing")
    assert family.session.asked is not None
    assert family.session.asked.choices == ("nothing",)
    family.press("green")
    assert family.session.asked.choices == ("green",)


def test_done_without_a_tick_asks_for_one() -> None:
    family = Family.asked(MANY)
    family.press("~done")
    assert not family.answers
    assert "Nothing is chosen yet" in family.text


def test_done_may_be_typed_after_ticks() -> None:
    family = Family.asked(MANY)
    family.press("green")
    family.write("خلص")
    assert family.answer(MANY).value == ("green",)


def test_ticks_survive_a_sticker() -> None:
    family = Family.asked(MANY)
    family.press("green")
    family.hear(Heard("other", what="sticker"))
    family.press("~done")
    assert family.answer(MANY).value == ("green",)


# Stories


def test_a_story_in_parts_is_kept_part_by_part() -> None:
    family = Family.asked(STORY)
    family.write("One.")
    assert family.answer(STORY).value == "One."
    family.write("Two.", "ثلاثة")
    assert family.answer(STORY).value == "One.\n\nTwo.\n\nثلاثة"
    assert family.answer(STORY).raw == "One.\n\nTwo.\n\nثلاثة"
    assert family.ask.path == "story"
    family.press("~done")
    assert family.ask.path == "end"
    assert family.answer(STORY).value == "One.\n\nTwo.\n\nثلاثة"


@pytest.mark.parametrize("words", ["done", "skip", "I don't know", "I'd rather not say", "خلصت"])
def test_words_that_end_a_story_keep_what_was_told(words: str) -> None:
    family = Family.asked(STORY)
    family.write("One.", words)
    assert family.answer(STORY).value == "One."
    assert family.ask.path == "end"


def test_going_back_from_a_story_keeps_what_was_told() -> None:
    family = Family.asked(NAME, STORY)
    family.write("Layla", "One.", "back")
    assert family.ask.path == "name"
    family.press("~keep")
    assert family.ask.path == "end"
    assert family.answer(STORY).value == "One."


@pytest.mark.parametrize("heard", [
    Heard("other", what="sticker"),
    Heard("edited", text="changed"),
    Heard("media", file=File("voice", "key")),
    Heard("text", text=" "),
    Heard("button", button="zzzzzz:old"),
], ids=lambda heard: heard.kind)  # fmt: skip
def test_nothing_between_two_parts_of_a_story_loses_any(heard: Heard) -> None:
    family = Family.asked(STORY)
    family.write("One.")
    family.hear(heard)
    assert family.ask.path == "story"
    family.write("Two.")
    assert family.answer(STORY).value == "One.\n\nTwo."


def test_a_story_told_anew_replaces_the_former_one() -> None:
    family = Family.asked(STORY)
    family.write("One.", "done", "back", "Another.", "More of it.", "done")
    assert family.answer(STORY).value == "Another.\n\nMore of it."
    assert family.ask.path == "end"


def test_a_story_over_the_limit_says_which_part_was_not_kept() -> None:
    family = Family.asked(STORY)
    parts = MOST_STORY // 4098
    family.write(*["ا" * 4096] * parts)
    told = family.answer(STORY).value
    family.write("ب" * 4096)
    assert family.answer(STORY).value == told
    assert "your last message was not kept" in family.text
    assert family.ask.path == "end"


def test_a_first_part_over_the_limit_is_asked_for_shorter() -> None:
    family = Family.asked(STORY)
    family.write("ا" * (MOST_STORY + 1))
    assert not family.answers
    assert "longer than fits" in family.text
    assert family.ask.path == "story"


# Dates


def test_a_date_is_echoed_before_it_is_kept() -> None:
    family = Family.asked(DATE)
    family.write("٢١ آب ٢٠١٣")
    assert not family.answers
    assert "21 August 2013" in family.text.translate({0x2068: None, 0x2069: None})
    family.press("~yes")
    value = family.answer(DATE).value
    assert isinstance(value, RoughDate)
    assert value.raw == family.answer(DATE).raw == "٢١ آب ٢٠١٣"


@pytest.mark.parametrize("yes", ["yes", "نعم", "أي", "صح"])
def test_an_echoed_date_may_be_confirmed_in_words(yes: str) -> None:
    family = Family.asked(DATE)
    family.write("2013", yes)
    assert isinstance(family.answer(DATE).value, RoughDate)


@pytest.mark.parametrize("no", ["no", "لا"])
def test_an_echoed_date_may_be_refused(no: str) -> None:
    pressed, typed = Family.asked(DATE), Family.asked(DATE)
    pressed.write("2013")
    pressed.press("~no")
    typed.write("2013", no)
    assert not pressed.answers
    assert not typed.answers
    assert pressed.ask.path == typed.ask.path == "when"
    typed.write("yes")
    assert not typed.answers, "a refused date must not come back"


def test_another_date_instead_of_a_yes_is_echoed_anew() -> None:
    family = Family.asked(DATE)
    family.write("2013", "2014", "yes")
    value = family.answer(DATE).value
    assert isinstance(value, RoughDate)
    assert value.earliest.year == 2014
    assert value.raw == "2014"


def test_of_several_readings_one_is_chosen() -> None:
    for choose in ("#1", "2", "٢", "۲"):
        family = Family.asked(DATE)
        family.write("winter 2014")
        assert family.codes[:2] == ["#0", "#1"]
        if choose == "#1":
            family.press(choose)
        else:
            family.write(choose)
        value = family.answer(DATE).value
        assert isinstance(value, RoughDate)
        assert value.earliest.year == 2014


def test_none_of_several_readings_asks_again() -> None:
    family = Family.asked(DATE)
    family.write("winter 2014")
    family.press("~no")
    assert family.ask.path == "when"
    family.write("2")
    assert not family.answers


def test_readings_that_left_the_screen_cannot_be_chosen_by_number() -> None:
    family = Family.asked(DATE)
    family.write("winter 2014")
    family.hear(Heard("other", what="sticker"))
    family.write("2")
    assert not family.answers


def test_a_number_beyond_the_readings_is_not_taken() -> None:
    family = Family.asked(DATE)
    family.write("winter 2014", "7")
    assert not family.answers


# Things that are no words


NOTES = {
    "edited": (Heard("edited", text="other words"), "changed an earlier message"),
    "sticker": (Heard("other", what="sticker"), "stickers"),
    "photo": (Heard("media", file=File("photo", "key"), text="caption"), "was not kept"),
    "voice": (Heard("media", file=File("voice", "key")), "was not kept"),
    "location": (Heard("other", what="location"), "only where we ask for a place"),
    "contact": (Heard("other", what="contact"), "contact cards"),
    "unknown": (Heard("other", what="hologram"), "cannot read this kind"),
}


@pytest.mark.parametrize("kind", NOTES)
@pytest.mark.parametrize("question", [q for q in EVERY if q is not FILE], ids=lambda q: q.kind)
def test_what_is_no_words_gets_a_kind_note_and_leaves_nothing(question: Asked, kind: str) -> None:
    heard, note = NOTES[kind]
    family = Family.asked(question)
    family.hear(heard)
    assert note in family.text.replace("\n", " ")
    assert not family.answers
    assert family.ask.path == question.key
    assert b"caption" not in engine_bytes(family)
    assert b"other words" not in engine_bytes(family)


@pytest.mark.parametrize("question", EVERY, ids=lambda q: q.kind)
@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u00a0\u2003"])
def test_an_empty_message_is_no_answer(question: Asked, text: str) -> None:
    family = Family.asked(question)
    family.write(text)
    assert not family.answers
    assert "Nothing was written" in family.text


# Hostile words


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("question", EVERY, ids=lambda q: q.kind)
def test_hostile_words_go_through_any_question(question: Asked, name: str) -> None:
    family = Family.asked(question)
    family.write(HOSTILE[name])
    assert family.turn.effects
    for language in LANGUAGES:
        for paragraph in family.ask.paragraphs:
            TOOLS.speak(paragraph, language, "")
    if question.key in family.answers:
        assert family.answer(question).raw == HOSTILE[name]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("question", [WORDS, STORY], ids=lambda q: q.key)
def test_hostile_words_are_kept_exactly(question: Asked, name: str) -> None:
    family = Family.asked(question)
    family.write(HOSTILE[name])
    assert family.answer(question).value == HOSTILE[name]
    review = Family.asked(question)
    review.write(HOSTILE[name], "done", "review")
    assert review.text


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - {"longest"}))
def test_hostile_names_are_kept_exactly(name: str) -> None:
    family = Family.asked(NAME)
    family.write(HOSTILE[name])
    assert family.answer(NAME).value == HOSTILE[name]


# Small things


def test_advance_is_pure() -> None:
    family = Family.asked(*EVERY)
    heard = Heard("text", text="Layla")
    before = engine_bytes(family)
    first = advance(family.flow, family.session, heard, BEGIN, TOOLS)
    second = advance(family.flow, family.session, heard, BEGIN, TOOLS)
    assert first == second
    assert engine_bytes(family) == before


def test_a_flow_with_nothing_left_says_nothing() -> None:
    family = Family.asked()
    family.write("the end")
    assert family.turn.effects == ()
    family.write("more")
    assert family.turn.effects == ()


def test_number_readers_fold_every_script() -> None:
    assert [engine.fold_number(text) for text in ("7", "٧", "۷", "x")] == [7, 7, 7, 0]


def engine_bytes(family: Family) -> bytes:
    """The session as it would lie at rest."""
    return pack(family.session)


def _with(question: Asked, ways: tuple[str, ...]) -> Asked:
    return replace(question, ways=ways)  # type: ignore[arg-type]
