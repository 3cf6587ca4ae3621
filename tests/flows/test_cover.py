"""A chat behind a phrase: choosing one, closing, opening, and what a closed chat does not say."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from flows import cover, menu
from flows.cover import LOST, Cover, could_be, fits, is_good, mark_of, may_try
from flows.cover_talk import (
    BY_HAND,
    CHOSEN,
    MANAGE,
    NOT_THE_SAME,
    OPENED,
    TAKEN_AWAY,
    TOO_PLAIN,
    TURNED_OFF,
)
from flows.effects import (
    Ask,
    CallHuman,
    Forget,
    Say,
    Settle,
    Submit,
    TakeAway,
    Tap,
    WipeChat,
)
from flows.scene import Heard
from flows.session import Session
from tests.flows.covering import COVER_WORDS, PHRASE, Hidden, texts
from tests.flows.playing import BEGIN, CODE
from tests.flows.telling import AGREED, at, say, told

SALT = bytes(range(16))


@pytest.fixture(autouse=True)
def cheap_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks cost next to nothing here; one test looks at what they really cost."""
    monkeypatch.setattr(cover, "COST", 2)


def hidden(path: str = "b2_given", language: str = "en") -> Hidden:
    """A family in the middle of its report, with a phrase."""
    teller = at(path, AGREED, language=language)
    return Hidden(session=teller.session, language=language).choose()


# phrases


@pytest.mark.parametrize("phrase", [
    "azure lamps 12", "ياسمين الشام في نيسان", "seven grey doves", "12345 tomatoes", "قهوة مُرّة 77",
])  # fmt: skip
def test_words_nobody_writes_by_chance_are_good(phrase: str) -> None:
    assert is_good(phrase)


@pytest.mark.parametrize("phrase", [
    "", "short", "hello", "hello hello", "مرحبا", "السلام عليكم", "السّلامُ عليكم", "صباح الخير",
    "wipe this chat", "امسح المحادثة", "talk to a person", "I don't know", "لا اعرف",
    "0944123456", "٠٩٤٤ ١٢٣ ٤٥٦", "2013 08 21 00", "aaaaaaaaaa", "abababab", CODE,
    CODE.lower().replace("-", " "), "كلمة السر", "Password", "x" * 400, "\u064b" * 20, "🙂" * 12,
    "how are you?", "من أنتم",
])  # fmt: skip
def test_words_anybody_writes_are_refused(phrase: str) -> None:
    assert not is_good(phrase)


@pytest.mark.parametrize(("chosen", "said"), [
    ("azure lamps 12", "  Azure   LAMPS ١٢ "),
    ("azure lamps 12", "azurelamps12"),
    ("ياسمين الشام في نيسان", "ياسمينُ الشّامِ في نيسان"),
    ("أمسية هادئة على الضفة", "امسيه هادئه علي الضفه"),
    ("قهوة مرة ٧٧", "قهــوة مُرّة 77"),
    ("seven grey doves", "Seven grey doves!"),
])  # fmt: skip
def test_spellings_of_one_phrase_are_one_phrase(chosen: str, said: str) -> None:
    assert fits(mark_of(chosen, SALT), said)


@pytest.mark.parametrize(
    "said", ["azure lamp 12", "azure lamps 13", "azure lamps", "12 azure lamps"]
)
def test_another_phrase_is_another(said: str) -> None:
    assert not fits(mark_of(PHRASE, SALT), said)


def test_the_mark_holds_no_word_and_differs_by_its_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "COST", 1 << 13)
    mark = mark_of(PHRASE, SALT)
    assert "azure" not in mark
    assert mark != mark_of(PHRASE, bytes(16))
    assert fits(mark, PHRASE)
    assert cover.COST >= 1 << 13, "a mark is slow for whoever tries phrases"


@pytest.mark.parametrize("text", ["", "hi", "x" * 1000, "\u064b" * 300])
def test_what_is_too_short_or_long_costs_no_guess(text: str) -> None:
    assert not could_be(text)


def test_guesses_are_bounded_and_come_back_slowly() -> None:
    now, guessing = BEGIN, Cover("en", mark="-", on=True)
    for _guess in range(cover.TRIES):
        after = may_try(guessing, now)
        assert after is not None
        guessing = after
    assert may_try(guessing, now) is None
    now += cover.TRY_AGAIN_AFTER
    again = may_try(guessing, now)
    assert again is not None
    assert may_try(again, now) is None
    now += cover.TRY_AGAIN_AFTER * cover.TRIES
    rested = may_try(again, now)
    assert rested is not None
    assert rested.tries == 1
    assert timedelta(hours=1) >= cover.TRY_AGAIN_AFTER * cover.TRIES, "as the family is told"


# the packed form


def test_a_cover_outlives_packing() -> None:
    full = Cover("ar", "a:b", True, "repeat", "c:d", 5, 6, 7, 8, True)
    assert cover.unpack(cover.pack(full)) == full


@pytest.mark.parametrize("data", [
    b"", b"{", b"[]", b"null", b'{"v":2}', json.dumps({"v": 1, "l": "fr"}).encode(),
    cover.pack(Cover("en")).replace(b'"t":[0,0]', b'"t":[0]'),
])  # fmt: skip
def test_a_damaged_cover_is_closed_for_good(data: bytes) -> None:
    assert cover.unpack(data) == LOST
    chat = Hidden(cover=LOST, session=None)
    for text in ("-", PHRASE, "", "menu", "--------"):
        chat.write(text)
        assert chat.closed
        assert set(chat.texts) <= COVER_WORDS


# choosing


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("way", ["menu", "danger", "words", "arabic words"])
def test_the_page_is_reached_from_the_menu_from_danger_and_by_words(
    way: str, language: str
) -> None:
    teller = at("b2_given", AGREED, language=language)
    chat = Hidden(session=teller.session, language=language)
    if way in ("menu", "danger"):
        chat.write(way)
        chat.press("!cover")
    else:
        chat.write("cover" if way == "words" else "التخفي")
    assert chat.asked == ["cover"]
    assert chat.cover is not None
    assert not chat.cover.mark


def test_a_phrase_is_written_twice_and_both_messages_leave_the_chat() -> None:
    teller = at("b2_given", AGREED)
    chat = Hidden(session=teller.session)
    chat.write("cover")
    first = chat.write(PHRASE)
    second = chat.write("AZURE lamps ١٢")
    assert TakeAway() in first.effects
    assert TakeAway() in second.effects
    assert say(CHOSEN, "en") in "\n".join(chat.texts)
    assert chat.asked == ["b2_given"], "it goes on where the family was"
    assert chat.session is not None
    assert PHRASE not in repr(chat.cover) + repr(chat.session)
    assert "azure" not in str(cover.pack(chat.cover or LOST))


def test_two_different_phrases_are_no_phrase() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    chat.write("cover")
    chat.write(PHRASE)
    chat.write("azure lamps 13")
    assert say(NOT_THE_SAME, "en") in "\n".join(chat.texts)
    chat.write(PHRASE)
    chat.write(PHRASE)
    assert chat.cover is not None
    assert chat.cover.mark


def test_a_plain_phrase_is_refused_kindly_and_leaves_the_chat_too() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    chat.write("cover")
    turn = chat.write("hello")
    assert TakeAway() in turn.effects
    assert say(TOO_PLAIN, "en") in "\n".join(chat.texts)


@pytest.mark.parametrize("words", ["back", "رجوع", "continue"])
def test_who_goes_back_is_where_it_was_and_nothing_is_kept(words: str) -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    before = chat.session
    chat.write("cover")
    chat.write(words)
    assert chat.cover is None
    assert chat.asked == ["b2_given"]
    assert before is not None
    assert chat.session is not None
    assert chat.session.drafts == before.drafts


def test_the_back_button_leads_back_and_another_wish_leaves_the_page() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    chat.write("cover")
    chat.press("!cover_leave")
    assert chat.asked == ["b2_given"]
    chat.write("cover")
    chat.write("/menu")
    assert chat.asked == ["menu"]
    assert chat.cover is None


def test_what_is_no_words_asks_for_the_phrase_again() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    chat.write("cover")
    chat.hear(Heard("other", what="sticker"))
    assert chat.asked == ["cover"]


def test_a_phrase_half_chosen_is_let_go_after_an_hour() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    chat.write("cover")
    chat.write(PHRASE)
    chat.wait(hours=2).write("Layla")
    assert chat.cover is None
    assert chat.session is not None
    assert chat.session.drafts["report"].answers["b2_given"].value == "Layla"


def test_marks_are_not_made_without_end() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    made = 0
    for _round in range(60):
        if chat.cover is None or not chat.cover.step:
            chat.write("cover")
        turn = chat.write(f"azure lamps {_round}")
        made += turn.cover is not None and bool(turn.cover.step)
    assert made <= cover.TRIES + 60 * 15 // 180 + 1


def test_a_phrase_can_be_changed_and_turned_off() -> None:
    chat = hidden()
    chat.write("cover")
    assert say(MANAGE, "en") in chat.texts
    chat.press("!cover_new")
    chat.write("seven grey doves")
    chat.write("seven grey doves")
    chat.write("pause")
    chat.write(PHRASE)
    assert chat.closed, "the old phrase opens nothing"
    chat.write("Seven grey doves")
    assert not chat.closed
    chat.write("x")
    chat.write("cover")
    chat.write("3")
    assert say(TURNED_OFF, "en") in "\n".join(chat.texts)
    assert chat.cover is None
    chat.write("pause")
    assert say(menu.PAUSED[0], "en") in "\n".join(chat.texts)


# closing


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("words", ["pause", "استراحة", "wipe", "امسح", "/pause", "/clear"])
def test_a_pause_or_a_wipe_closes_and_clears(words: str, language: str) -> None:
    chat = hidden(language=language)
    turn = chat.write(words)
    assert chat.closed
    assert WipeChat() in turn.effects
    assert set(chat.texts) <= COVER_WORDS
    assert chat.texts


def test_close_now_closes() -> None:
    chat = hidden()
    chat.write("cover")
    chat.press("!cover_close")
    assert chat.closed
    assert set(chat.texts) <= COVER_WORDS


def test_without_a_phrase_a_pause_is_a_pause() -> None:
    chat = Hidden(session=at("b2_given", AGREED).session)
    chat.write("pause")
    assert chat.cover is None
    assert not set(chat.texts) & COVER_WORDS


def test_an_hour_without_a_word_closes_but_not_a_shorter_rest() -> None:
    chat = hidden()
    chat.wait(minutes=55).write("Layla")
    assert not chat.closed
    chat.wait(minutes=61).write("Layla")
    assert chat.closed
    assert set(chat.texts) <= COVER_WORDS


def test_all_forgotten_closes_too_and_what_was_to_be_done_is_done() -> None:
    teller = at("a2_safe")
    chat = Hidden(session=teller.session).choose()
    turn = chat.write("stop")
    assert chat.closed
    assert Forget(everything=True) in turn.effects
    assert set(chat.texts) <= COVER_WORDS


def test_words_a_family_has_to_read_are_said_before_it_closes() -> None:
    """A receipt code, or that a person was called, is no use unsaid; the next hour closes."""
    chat = hidden("a4_relation")
    turn = chat.press("self")
    assert any(isinstance(effect, CallHuman) for effect in turn.effects)
    assert not chat.closed
    assert not set(chat.texts) & COVER_WORDS


@pytest.mark.parametrize("reach", ["reachable", "detached"])
def test_a_report_sent_shows_its_code_and_then_closes_by_itself(reach: str) -> None:
    teller = at("f6_confirm", {**AGREED, "f3_reach": f"={reach}"})
    chat = Hidden(session=teller.session, now=teller.now).choose()
    turn = chat.press("~send")
    assert any(isinstance(effect, Submit) for effect in turn.effects)
    assert CODE in "\n".join(chat.texts)
    for text in ("/start", CODE, "status", "hello"):
        chat.wait(days=40).write(text)
        assert set(chat.texts) <= COVER_WORDS


# closed


def test_the_first_answers_are_an_ordinary_help_line() -> None:
    chat = hidden()
    chat.write("pause")
    first = chat.write("/start")
    assert chat.texts == [say(cover.HELLO, "en")]
    chat.write("who are you?")
    chat.write("what is this?")
    assert first.untouched
    assert {say(cover.THANKS, "en"), say(cover.GENERAL, "en")} >= set(chat.texts)


def test_wipe_still_wipes_and_says_nothing_of_it() -> None:
    chat = hidden()
    chat.write("pause")
    for heard in (
        Heard("text", text="wipe"), Heard("text", text="امسح"), Heard("button", button="zzz:!wipe"),
    ):  # fmt: skip
        turn = chat.hear(heard)
        assert WipeChat() in turn.effects
        assert set(chat.texts) <= COVER_WORDS


def test_old_buttons_are_acknowledged_without_a_word_and_edit_nothing() -> None:
    chat = hidden()
    chat.write("menu")
    chat.write("wipe")
    turn = chat.press("!status")
    assert [type(effect) for effect in turn.effects] == [Tap, Say]
    assert not any(isinstance(effect, Settle | Ask) for effect in turn.effects)
    assert turn.effects[0] == Tap()


def test_the_phrase_opens_in_the_middle_of_small_talk_and_shows_nothing_yet() -> None:
    chat = hidden()
    chat.write("pause")
    before = chat.session
    for text in ("/start", "hello", "what is this?"):
        chat.write(text)
    turn = chat.write("AZURE lamps 12!")
    assert not chat.closed
    assert TakeAway() in turn.effects
    assert chat.texts == [say(OPENED, "en"), "Go on"]
    assert chat.session == before
    chat.press("!cover_on")
    assert chat.asked == ["b2_given"]


def test_the_first_words_after_the_phrase_answer_no_question() -> None:
    chat = hidden()
    chat.wait(hours=3).write(PHRASE)
    chat.write(PHRASE)
    chat.write("hello?")
    assert chat.session is not None
    assert "b2_given" not in chat.session.drafts["report"].answers


def test_the_phrase_in_the_open_never_becomes_an_answer() -> None:
    """After a break the family may believe that the chat has closed."""
    chat = hidden()
    chat.wait(minutes=20)
    turn = chat.write(PHRASE)
    assert TakeAway() in turn.effects
    right_after = hidden()
    right_after.write(PHRASE)
    for one in (chat, right_after):
        assert one.session is not None
        assert "b2_given" not in one.session.drafts["report"].answers


def test_too_many_guesses_close_even_the_right_phrase_out_and_say_nothing_of_it() -> None:
    chat = hidden()
    chat.write("pause")
    for guess in range(cover.TRIES):
        chat.write(f"azure lamps {guess + 20}")
    chat.write(PHRASE)
    assert chat.closed
    assert set(chat.texts) <= COVER_WORDS
    chat.wait(hours=1).write(PHRASE)
    assert not chat.closed


def test_small_talk_costs_no_guess() -> None:
    chat = hidden()
    chat.write("pause")
    for _word in range(50):
        chat.write("yes?")
    chat.write(PHRASE)
    assert not chat.closed


def test_a_chat_whose_session_has_ended_is_closed_all_the_same() -> None:
    chat = hidden()
    chat.write("pause")
    chat.session = None
    chat.wait(days=60).write("/start")
    assert set(chat.texts) <= COVER_WORDS
    chat.write(PHRASE)
    assert chat.texts == [say(OPENED, "en"), "Go on"]
    assert chat.session is None
    chat.press("!cover_on")
    assert chat.asked == ["a1_lang"]


def test_the_closed_chat_speaks_the_language_of_its_family() -> None:
    chat = hidden(language="ar")
    chat.write("استراحة")
    chat.language = "en"
    chat.write("hello")
    assert chat.texts == [say(cover.HELLO, "ar")]


def test_a_family_that_never_chose_a_phrase_notices_nothing() -> None:
    teller = told({}, language="en")
    plain = Hidden(session=teller.session, now=teller.now)
    turn = plain.write("status")
    assert turn.cover is None
    assert not turn.untouched
    assert not set(texts(turn, Session())) & COVER_WORDS


@pytest.mark.parametrize("channel", ["signal", "terminal"])
def test_where_we_cannot_take_the_phrase_away_the_family_is_told_to(channel: str) -> None:
    chat = Hidden(session=at("b2_given", AGREED).session, channel=channel)
    chat.write("cover")
    assert say(BY_HAND, "en") in "\n".join(chat.texts)
    assert say(TAKEN_AWAY, "en") not in "\n".join(chat.texts)
    chat.write(PHRASE)
    chat.write(PHRASE)
    chat.write("pause")
    assert set(chat.texts) <= COVER_WORDS
    chat.write(PHRASE)
    assert say(BY_HAND, "en") in "\n".join(chat.texts)
