"""Rendering: what an effect becomes on a channel, in both languages and within every limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import Limits
from bot.languages import CLOSE, OPEN, bare, speak
from bot.messages import Button, Outbound
from bot.render import TAP_LIMIT, Reader, length, render, shorten, split
from flows.effects import Ask, Effect, Forget, Option, Say, Settle, Submit, Tap, WipeChat
from flows.text import Bilingual, Language, Later, Words

TELEGRAM = Limits(text=4096)
SIGNAL = Limits(text=2000, buttons=False)


def words(ar: str, en: str) -> Bilingual:
    return Bilingual(ar, en)


YES, NO = Option("m:yes", words("نعم", "Yes")), Option("m:no", words("لا", "No"))
BACK, SKIP = Option("m:!back", words("رجوع", "Back")), Option("m:!skip", words("تخطٍّ", "Skip"))
QUESTION = words("هل هذا صحيح؟", "Is that right?")


def shown(
    *effects: Effect, language: Language = "en", limits: Limits = TELEGRAM, **more: Any
) -> list[Outbound]:
    return render(effects, Reader(speak, language, "", limits, **more))


def labels(message: Outbound) -> list[list[str]]:
    return [[button.label for button in row] for row in message.buttons]


def test_paragraphs_are_joined_by_an_empty_line() -> None:
    (message,) = shown(Say((words("أ", "One"), words("ب", "Two"))))
    assert message == Outbound("message", "One\n\nTwo", language="en")


@pytest.mark.parametrize(("language", "expected"), [("ar", "نعم"), ("en", "Yes")])
def test_options_are_buttons_in_the_readers_language(language: Language, expected: str) -> None:
    (message,) = shown(Ask("q", (QUESTION,), (YES, NO)), language=language)
    assert message.buttons[0] == (Button(expected, "m:yes"),)
    assert message.language == language


def test_options_stand_in_columns_and_controls_below() -> None:
    options = tuple(Option(f"m:{n}", words(str(n), str(n))) for n in range(5))
    (message,) = shown(Ask("q", (QUESTION,), options, (BACK, SKIP), columns=2))
    assert labels(message) == [["0", "1"], ["2", "3"], ["4"], ["Back", "Skip"]]


def test_many_controls_take_two_even_rows() -> None:
    controls = tuple(Option(f"m:!{n}", words(str(n), str(n))) for n in range(4))
    (message,) = shown(Ask("q", (QUESTION,), (), controls))
    assert [len(row) for row in message.buttons] == [2, 2]


def test_a_chosen_option_is_ticked() -> None:
    ticked = Option("m:yes", words("نعم", "Yes"), chosen=True)
    (message,) = shown(Ask("q", (QUESTION,), (ticked, NO)))
    assert labels(message) == [["\u2713 Yes"], ["No"]]


def test_without_buttons_options_are_numbered_in_the_readers_digits() -> None:
    ask = Ask("q", (QUESTION,), (YES, NO), (BACK, SKIP))
    (english,) = shown(ask, limits=SIGNAL)
    (arabic,) = shown(ask, limits=SIGNAL, language="ar")
    assert "1. Yes\n2. No" in english.text
    assert "١. نعم\n٢. لا" in arabic.text
    assert bare(english.text).endswith("Back, Skip")
    assert bare(arabic.text).endswith("رجوع، تخطٍّ")
    assert english.buttons == arabic.buttons == ()


def test_more_options_than_a_channel_has_buttons_are_numbered() -> None:
    options = tuple(Option(f"m:{n}", words(f"خ{n}", f"choice {n}")) for n in range(101))
    (message,) = shown(Ask("q", (QUESTION,), options, (BACK,)))
    assert "101. choice 100" in message.text
    assert labels(message) == [["Back"]]


def test_a_button_is_acknowledged_first_and_once() -> None:
    pressed = {"message_id": "9", "callback_id": "c"}
    messages = shown(Say((QUESTION,)), Settle(words("حُفظ", "saved")), Tap(), **pressed)
    assert [one.kind for one in messages] == ["tap", "message", "edit"]
    assert (messages[0].callback_id, messages[0].text) == ("c", "saved")
    assert messages[2] == Outbound("edit", message_id="9", language="en")
    assert [one.kind for one in shown(Say((QUESTION,)), **pressed)] == ["tap", "message"]


def test_the_words_of_a_tap_are_a_message_where_nothing_was_pressed() -> None:
    assert shown(Tap(words("مهلاً", "Wait"))) == [Outbound("message", "Wait", language="en")]
    assert shown(Tap(), Settle()) == []


def test_the_answer_to_a_tap_fits() -> None:
    long = "word " * 100
    (tap,) = shown(Tap(words(long, long)), callback_id="c")
    assert length(tap.text) <= TAP_LIMIT


def test_new_ticks_edit_the_question_in_place_where_its_button_was_pressed() -> None:
    ask = Ask("q", (QUESTION,), (YES,), replace=True)
    messages = shown(ask, message_id="9", callback_id="c")
    assert [(one.kind, one.message_id) for one in messages] == [("tap", ""), ("edit", "9")]
    assert messages[1].text == "Is that right?"
    assert [one.kind for one in shown(ask)] == ["message"]


def test_a_receipt_code_is_filled_in_everywhere() -> None:
    code = Words("Your code: {code}").fill(code=Later("code"))
    (message,) = shown(Say((code,)), known={"code": "K7Q2-91MX-3TRW"})
    assert message.text == f"Your code: {OPEN}K7Q2-91MX-3TRW{CLOSE}"


def test_what_is_not_about_words_is_passed_over_and_what_is_finished_keeps_its_place() -> None:
    finished = Outbound("delete")
    reader = Reader(speak, "en", "", TELEGRAM)
    assert render([Say((QUESTION,)), finished, Forget()], reader)[1:] == [finished]
    assert Submit not in {type(one) for one in shown(Forget())}


def test_a_wipe_carries_what_is_said_when_it_is_known_how_it_went() -> None:
    done, left = Words("Done."), Words("Not all.")
    (wipe,) = render([WipeChat((done, left), (left,))], Reader(speak, "en", "", TELEGRAM))
    assert (wipe.kind, wipe.message_ids) == ("delete", ())
    assert (wipe.text, wipe.otherwise) == ("Done.\n\nNot all.", "Not all.")


def test_what_says_back_what_was_told_and_what_lasts_is_marked() -> None:
    told = Words("Khaled")
    said: list[Effect] = [
        Ask("review", (told,), shows=True),
        Say((told,), lasts=True),
        Say((told,)),
    ]
    sorts = [one.sort for one in render(said, Reader(speak, "en", "", TELEGRAM))]
    assert sorts == ["draft", "lasting", "talk"]


def test_a_long_text_is_cut_between_paragraphs_and_buttons_stand_under_the_last_part() -> None:
    long = words("", "\n\n".join(f"Paragraph {n}. " + "word " * 50 for n in range(40)))
    messages = shown(Ask("q", (long, QUESTION), (YES, NO)))
    assert len(messages) > 1
    assert all(length(one.text) <= 4096 for one in messages)
    assert [bool(one.buttons) for one in messages] == [False] * (len(messages) - 1) + [True]
    assert all(one.text.startswith("Paragraph") for one in messages)


def test_a_long_label_is_cut_at_a_word() -> None:
    assert shorten("I would rather not say anything about this", 20) == "I would rather…"
    assert shorten("Yes", 3) == "Yes"


@given(st.text(max_size=400), st.integers(16, 80))
def test_a_shortened_label_always_fits(text: str, limit: int) -> None:
    assert length(shorten(text, limit)) <= limit


texts = st.text(st.sampled_from("ab .\n؟حب😀" + OPEN + CLOSE), max_size=600)


@given(texts, st.integers(24, 120))
def test_parts_of_a_text_fit_and_leave_no_word_out(text: str, limit: int) -> None:
    if text.count(OPEN) > 2:
        text = bare(text)
    parts = split(text, limit)
    assert all(length(part) <= limit for part in parts)
    kept = "".join("".join(bare(part).split()) for part in parts)
    assert kept == "".join(bare(text).split())


def test_isolates_are_never_torn() -> None:
    text = f"Name: {OPEN}{'أحمد ' * 40}{CLOSE} and more. " * 2
    for part in split(text, 100):
        assert part.count(OPEN) == part.count(CLOSE)
