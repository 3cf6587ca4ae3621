"""How what was said leaves the chat: the choice, its words, and the moment of each message."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows import asking, clearing, follow_up
from flows.clearing import Moment, chosen, ends, has_gone_on, is_kept, leaves, noticed
from flows.conversation import respond, returned
from flows.effects import (
    Add,
    AnswerFollowUp,
    Ask,
    ChooseClearing,
    Effect,
    Forget,
    LeaveFollowUp,
    Say,
    Submit,
    Tap,
    WipeChat,
)
from flows.engine import Heard
from flows.session import Answer, Asked, Clearing, Draft, Report, Session, Told, pack, unpack
from flows.text import LANGUAGES, Language
from tests.flows.playing import BEGIN, CODE, TOOLS, Play

AGREED = Draft(
    "consent", 1, BEGIN, Told().and_told("a3_consent", Answer("agree", "given", "", "en", BEGIN, 1))
)
BEGUN = Session("en", "report", {"consent": AGREED, "report": Draft("report", 1, BEGIN)})
STRANGER = Session("en")
REPORT = Report("report", 1, "en", BEGIN, BEGIN, True, False, "reachable", Told())
SENT: tuple[Effect, ...] = (Submit(REPORT), Say((asking.THANKS,)))


# ── when the family's own messages leave ──


@pytest.mark.parametrize(
    ("before", "how", "effects", "more", "moment"),
    [
        (BEGUN, "at_once", (), {}, "now"),
        (BEGUN, "at_once", (), {"file": True}, "soon"),
        (BEGUN, "at_once", (), {"unseen": True}, "soon"),
        (BEGUN, "at_once", SENT, {}, "now"),
        (BEGUN, "at_once", SENT, {"file": True}, "soon"),
        (STRANGER, "at_once", (), {}, "late"),
        (returned([CODE], "en"), "at_once", (), {}, "now"),
        (BEGUN, "at_end", (), {}, "late"),
        (BEGUN, "at_end", (), {"file": True}, "late"),
        (BEGUN, "at_end", SENT, {}, "now"),
        (BEGUN, "never", (), {}, "never"),
        (BEGUN, "never", SENT, {}, "never"),
    ],
)
def test_when_a_message_of_the_family_s_leaves(
    before: Session,
    how: Clearing,
    effects: tuple[Effect, ...],
    more: dict[str, bool],
    moment: Moment,
) -> None:
    before = replace(before, clearing=how)
    given = {"file": False, "unseen": False, **more}
    assert leaves(before, before, effects, **given) == moment


def test_what_was_not_understood_is_left_to_be_read_over() -> None:
    puzzled = replace(BEGUN, asked=Asked("c1_when", "m", troubles=1))
    assert leaves(BEGUN, puzzled, (), file=False, unseen=False) == "soon"


def test_who_is_forgotten_takes_its_choice_along() -> None:
    before = replace(BEGUN, clearing="never")
    gone: tuple[Effect, ...] = (*SENT, Forget(everything=True))
    assert chosen(before, STRANGER, gone) == "never"
    assert leaves(before, STRANGER, gone, file=False, unseen=False) == "never"
    assert (
        chosen(before, replace(BEGUN, clearing="at_end"), (ChooseClearing("at_end"),)) == "at_end"
    )
    assert chosen(None, BEGUN, ()) == "at_once"


@pytest.mark.parametrize(
    ("effect", "over"),
    [
        (Submit(REPORT), True),
        (Add(CODE, REPORT, None, asking.THANKS), True),
        (AnswerFollowUp("00", REPORT, {}), True),
        (LeaveFollowUp("00", "later"), True),
        (Forget(), True),
        (Say((asking.THANKS,)), False),
        (WipeChat(), False),
        (Tap(), False),
    ],
)
def test_what_ends_a_conversation(effect: Effect, over: bool) -> None:
    assert ends((Tap(), effect)) is over


def test_only_what_was_kept_is_called_kept() -> None:
    told = Told().and_told("b2_given", Answer("x", "given", "x", "en", BEGIN, 1))
    after = replace(
        BEGUN, drafts={**BEGUN.drafts, "report": replace(BEGUN.drafts["report"], answers=told)}
    )
    assert is_kept(BEGUN, after)
    assert not is_kept(BEGUN, BEGUN)
    assert not is_kept(BEGUN, replace(BEGUN, view="more"))
    assert not is_kept(None, BEGUN)


def test_what_says_back_what_was_told_is_remembered_until_the_family_goes_on() -> None:
    shows = Ask("review", (asking.THANKS,), shows=True)
    shown = noticed(BEGUN, (shows,))
    assert shown.shown
    assert noticed(shown, (Tap(),)) == shown
    assert not noticed(shown, (Say((asking.THANKS,)),)).shown
    assert has_gone_on(shown, (Say((asking.THANKS,)),))
    assert not has_gone_on(shown, (Tap(),))
    assert not has_gone_on(BEGUN, (Say((asking.THANKS,)),))


@pytest.mark.parametrize("said", ["review", "2013", "2011 or 2012"])
def test_the_review_and_the_echo_of_a_date_are_known_to_say_back_what_was_told(said: str) -> None:
    play = _at_the_date()
    asked = play.write(said).effects[-1]
    assert isinstance(asked, Ask)
    assert asked.shows
    assert play.session is not None
    assert play.session.shown
    play.write("back")
    assert not play.session.shown


def _at_the_date() -> Play:
    play = Play.begun("en", channel="telegram")
    for words in ("English", "danger", "I agree and am 18 or older", "Khaled", "Yousef", "Hariri"):
        play.write(words)
    return play


# ── the choice ──


@pytest.mark.parametrize(
    ("words", "how"),
    [
        ("clear at once", "at_once"), ("delete my messages at once", "at_once"),
        ("امسحوا رسائلي فوراً", "at_once"), ("clear at the end", "at_end"),
        ("امسح في النهاية", "at_end"), ("never clear", "never"), ("keep my messages", "never"),
        ("لا تمسحوا", "never"), ("لا تحذفوا رسائلي", "never"),
    ],
)  # fmt: skip
def test_the_choice_is_made_in_words_at_any_question_and_answers_none(
    words: str, how: Clearing
) -> None:
    play = _at_the_date()
    before = play.session
    turn = play.write(words)
    assert before is not None
    assert ChooseClearing(how) in turn.effects
    assert turn.session.clearing == how
    assert turn.session.drafts == before.drafts
    (asked,) = (effect for effect in turn.effects if isinstance(effect, Ask))
    assert asked.paragraphs[0] == clearing.CHOSEN[how]
    assert asked.path == "c1_when"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("channel", ["telegram", "webchat", "terminal"])
def test_the_page_says_what_holds_and_what_the_channel_allows(
    language: Language, channel: str
) -> None:
    session = replace(BEGUN, language=language, clearing="at_end", flow="menu")
    heard = Heard("text", text="/clearing", channel=channel)
    turn = respond(session, heard, BEGIN, TOOLS)
    (asked,) = turn.effects
    assert isinstance(asked, Ask)
    assert clearing.HOLDS["at_end"] in asked.paragraphs
    assert len(asked.paragraphs) == (2 if channel == "webchat" else 3)
    for number, how in enumerate(("at_once", "at_end", "never"), 1):
        label = TOOLS.speak(asked.options[number - 1].label, language, "")
        for words in (str(number), label, *clearing.ALSO[f"!clear_{how}"]):
            heard = Heard("text", text=words, channel=channel)
            chosen_now = respond(turn.session, heard, BEGIN, TOOLS).session.clearing
            assert chosen_now == how, words


def test_the_menu_leads_to_the_page_and_back() -> None:
    play = Play(language="en", session=returned([CODE], "en"))
    play.write("menu")
    play.press("When messages leave this chat")
    assert play.session is not None
    assert play.session.view == "clearing"
    play.write("at the end")
    assert play.session.clearing == "at_end"
    assert play.session.view == "menu"


def test_nobody_chooses_before_the_consent() -> None:
    play = Play.begun("en")
    turn = play.write("never clear")
    assert not any(isinstance(effect, ChooseClearing) for effect in turn.effects)
    assert turn.session.clearing == "at_once"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("channel", ["telegram", "signal", "webchat", "terminal", "new"])
def test_it_is_announced_in_one_line_before_the_consent(language: Language, channel: str) -> None:
    play = Play.begun(language, channel=channel)
    play.write("العربية" if language == "ar" else "English")
    (asked,) = (effect for effect in play.turns[-1].effects if isinstance(effect, Ask))
    assert asked.path == "a2_safe"
    lines = [one for one in asked.paragraphs if one in clearing.ANNOUNCED.values()]
    assert lines == ([clearing.ANNOUNCED[channel]] if channel in clearing.ANNOUNCED else [])
    for line in lines:
        assert len(TOOLS.speak(line, language, "")) < 140


# ── what is said when a chat was wiped ──


@pytest.mark.parametrize("channel", ["telegram", "signal", "webchat", "terminal", "new"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_left_comes_with_the_way_to_clear_it_by_hand(
    channel: str, language: Language
) -> None:
    heard = Heard("text", text="wipe", channel=channel)
    (wipe,) = respond(replace(BEGUN, language=language), heard, BEGIN, TOOLS).effects
    assert isinstance(wipe, WipeChat)
    assert clearing.by_hand(channel) in wipe.left
    assert clearing.by_hand(channel) in clearing.too_late(channel)
    assert (clearing.by_hand(channel) in wipe.cleared) is (channel != "webchat")
    for sentence in (*wipe.cleared, *wipe.left, *clearing.too_late(channel)):
        spoken = TOOLS.speak(sentence, language, "")
        assert (spoken != sentence.text) is (language == "ar")  # type: ignore[union-attr]


def test_words_written_after_the_question_was_cleared_mean_i_am_back() -> None:
    play = _at_the_date()
    assert play.session is not None
    for said in (Heard("text", text="2013", gone=True), Heard("other", what="sticker", gone=True)):
        turn = respond(play.session, said, BEGIN, TOOLS)
        asked = turn.effects[-1]
        assert isinstance(asked, Ask)
        assert asked.path == "c1_when"
        assert turn.session.asked is not None
        assert turn.session.asked.proposal is None
    wish = respond(play.session, Heard("text", text="wipe", gone=True), BEGIN, TOOLS)
    assert isinstance(wish.effects[-1], WipeChat)


# ── sessions that are kept ──


def test_a_session_of_before_clears_at_once() -> None:
    packed = json.loads(pack(replace(BEGUN, clearing="never", shown=True)))
    again = unpack(json.dumps(packed).encode())
    assert (again.clearing, again.shown) == ("never", True)
    del packed["k"], packed["n"]
    old = unpack(json.dumps(packed).encode())
    assert (old.clearing, old.shown) == ("at_once", False)


def test_a_family_that_leaves_before_the_consent_keeps_its_choice_where_it_is_known() -> None:
    session = replace(returned([CODE], "en", clearing="never"), flow="consent")
    turn = respond(session, Heard("text", text="stop"), BEGIN, TOOLS)
    assert turn.session.clearing == "never"
    assert follow_up.FOLLOW_UP not in turn.session.drafts
