"""The conversation: every wish from every place, and what a family finds when it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from flows import asking, consent, menu, receipt
from flows.conversation import remind, respond, returned
from flows.effects import (
    Add,
    Ask,
    AskCopy,
    CallHuman,
    CheckNumber,
    CutOff,
    Effect,
    Forget,
    OpenCover,
    Say,
    Settle,
    ShowCopy,
    Silence,
    Tap,
    TellStatus,
    Turn,
    Undo,
    WipeChat,
    Withdraw,
)
from flows.engine import CALL_AFTER, Heard
from flows.session import File, Session, Told, pack, unpack
from flows.text import LANGUAGES
from tests.flows.playing import BEGIN, CODE, SECOND_VERSION, TOOLS
from tests.flows.telling import AGREED, Teller, at, buttons, say, sentences, told
from tests.flows.test_report import SCRIPT

COMMANDS = (
    "/menu", "/help", "/pause", "/stop", "/person", "/language", "/ar", "/en", "/wipe", "/status",
    "/verify", "/danger", "/back", "/skip", "/review", "/done", "/continue", "/start",
    "القائمة", "مساعدة", "بعدين", "وقف", "بدي احكي مع حدا", "English", "عربي", "امسح", "خطر",
)  # fmt: skip
THINGS = (
    Heard("edited", text="changed"),
    Heard("other", what="sticker"),
    Heard("media", file=File("photo", "key")),
    Heard("button", button="zzzzzz:red"),
    Heard("button", button="zzzzzz:!menu"),
    Heard("text", text="\ud800\x00\u202e"),
    Heard("text", text=""),
)
SPEAKS = (
    Say, Ask, TellStatus, Add, WipeChat, CutOff, CheckNumber, Undo, AskCopy, ShowCopy, OpenCover,
)  # fmt: skip
ANSWERING = frozenset({"~skip", "~unknown", "~prefer_not", "~done", "~yes", "~send"})


def sound(turn: Turn) -> None:
    """Whatever happened: something was said, it can be spoken, and the session can be kept."""
    assert any(isinstance(effect, (*SPEAKS, Tap)) for effect in turn.effects)
    if turn.effects != (Tap(),):
        assert any(isinstance(effect, SPEAKS) for effect in turn.effects)
    assert unpack(pack(turn.session)) == turn.session
    for sentence in sentences(turn):
        assert say(sentence, turn.session.language, turn.session.form)


def tried(session: Session | None, heard: Heard) -> Turn:
    turn = respond(session, heard, BEGIN + timedelta(days=1), TOOLS)
    sound(turn)
    return turn


def typed(session: Session | None, text: str) -> Turn:
    return tried(session, Heard("text", text=text))


def pressed(turn: Turn, code: str) -> Turn:
    for effect in turn.effects:
        if isinstance(effect, Ask):
            for option in buttons(effect):
                if option.data.partition(":")[2] == code:
                    return tried(turn.session, Heard("button", button=option.data))
    raise AssertionError(f"no {code!r}")


@cache
def states() -> tuple[tuple[str, Turn], ...]:
    """Every place of a long report: from the first question to the menu afterwards, by name."""
    found: list[tuple[str, Turn]] = []
    teller = Teller({**AGREED, **SCRIPT}).begin()
    while True:
        found.append((teller.ask.path if teller.asks else "end", replace_session(teller)))
        if not teller.asks or teller.ask.path == "another":
            break
        teller.answer()
    teller.press("!another_no")
    found.append(("sent", replace_session(teller)))
    for name in ("menu", "add", "choices", "withdraw", "language", "danger"):
        twin = Teller(session=teller.session, turns=[*teller.turns])
        twin.write("/danger" if name == "danger" else "/menu")
        if name not in {"menu", "danger"}:
            twin.press(f"!{name}")
        found.append((name, replace_session(twin)))
    return tuple(found)


def replace_session(teller: Teller) -> Turn:
    """The last turn, with the session as the hallway keeps it."""
    assert teller.session is not None
    return replace(teller.last, session=teller.session)


def report_answers(session: Session) -> Told | None:
    draft = session.drafts.get("report")
    return draft.answers if draft else None


def test_a_long_report_has_many_places() -> None:
    names = {name for name, _turn in states()}
    assert len(names) > 55
    assert {"a1_lang", "c6_story", "f6_confirm", "another", "sent", "add"} <= names


@pytest.mark.parametrize("command", COMMANDS)
def test_every_wish_is_met_everywhere_and_changes_no_answer(command: str) -> None:
    answering = {"/skip", "/done"}
    for name, turn in states():
        after = typed(turn.session, command)
        assert after.effects != (Tap(),), name
        if command not in answering:
            assert report_answers(after.session) == report_answers(turn.session), name


@pytest.mark.parametrize("thing", range(len(THINGS)))
def test_anything_may_be_sent_anywhere(thing: int) -> None:
    for name, turn in states():
        after = tried(turn.session, THINGS[thing])
        if THINGS[thing].kind != "text":
            assert report_answers(after.session) == report_answers(turn.session), name


def test_every_button_of_every_place_leads_somewhere() -> None:
    for name, turn in states():
        for option in offered(turn):
            code = option.partition(":")[2]
            after = tried(turn.session, Heard("button", button=option))
            assert isinstance(first_mark(after), Settle | Tap), (name, code)
            if report_answers(turn.session) is None:
                continue
            if code.startswith("!") or code in {"~back", "~change", "~keep", "~return"}:
                assert report_answers(after.session) == report_answers(turn.session), (name, code)


def first_mark(turn: Turn) -> Effect:
    return next(effect for effect in turn.effects if not isinstance(effect, CallHuman))


def offered(turn: Turn) -> list[str]:
    """The buttons of a turn; of long lists the ends."""
    found: list[str] = []
    for effect in turn.effects:
        if isinstance(effect, Ask):
            options = [option.data for option in effect.options]
            found += options if len(options) < 8 else [*options[:2], options[-1]]
            found += [control.data for control in effect.controls]
    return found


def pages(turn: Turn) -> Iterator[Turn]:
    for command in ("/menu", "/stop", "/danger", "/language", "/review"):
        yield typed(turn.session, command)
    if any(option.endswith(":!more") for option in offered(turn)):
        yield pressed(turn, "!more")


@pytest.mark.parametrize("place", ["a2_safe", "b2_given", "c6_story", "d4_steps", "f6_confirm",
                                   "another", "sent", "add"])  # fmt: skip
def test_every_button_of_every_page_leads_somewhere(place: str) -> None:
    turn = dict(states())[place]
    for page in pages(turn):
        for option in offered(page):
            after = tried(page.session, Heard("button", button=option))
            for next_option in offered(after):
                tried(after.session, Heard("button", button=next_option))
            for command in ("/menu", "/stop", "/continue", "hello", "yes", "1"):
                typed(after.session, command)


# Pausing and coming back


@pytest.mark.parametrize("words", ["/start", "hello", "متابعة", "اشتقت", "pause", "b2"])
def test_a_family_can_pause_and_return_weeks_later(words: str) -> None:
    teller = at("c3_place", SCRIPT)
    before = report_answers(teller.session) if teller.session else None
    teller.write("pause")
    assert not teller.asks
    teller.now += timedelta(weeks=3)
    teller.write(words)
    assert teller.ask.path == "c3_place"
    assert menu.WELCOME_BACK in teller.ask.paragraphs
    assert teller.session is not None
    assert report_answers(teller.session) == before


def test_a_story_told_in_parts_survives_a_pause() -> None:
    teller = at("c6_story", SCRIPT)
    for words in ("One.", "pause", "back again", "Two.", "menu", "continue", "Three.", "عربي",
                  "Four.", "/help", "Five.", "hello", "Done"):  # fmt: skip
        teller.write(words)
    assert teller.session is not None
    answers = report_answers(teller.session)
    assert answers is not None
    assert answers["c6_story"].value == "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.\n\nhello"
    assert teller.ask.path == "c7_others"


def test_a_story_survives_every_wish_between_two_parts() -> None:
    turn = dict(states())["c6_story"]
    telling = typed(turn.session, "One.")
    for command in COMMANDS:
        answers = report_answers(typed(telling.session, command).session)
        assert answers is not None
        assert answers["c6_story"].value == "A story.\n\nOne.", command


def test_a_wish_ends_a_pause() -> None:
    teller = at("c3_place", SCRIPT)
    teller.write("pause")
    teller.write("menu")
    assert teller.ask.path == "menu"
    assert teller.session is not None
    assert not teller.session.paused


def test_a_reminder_is_said_once_and_takes_what_follows_as_coming_back() -> None:
    teller = at("b2_given", SCRIPT)
    assert teller.session is not None
    turn = remind(teller.session, BEGIN, TOOLS)
    assert turn is not None
    assert turn.effects == (Say((menu.REMINDER,)),)
    after = typed(turn.session, "I am well, thank you")
    answers = report_answers(after.session)
    assert answers is not None
    assert "b2_given" not in answers


def test_nobody_without_an_unfinished_report_is_reminded() -> None:
    assert remind(Session(), BEGIN, TOOLS) is None
    assert remind(dict(states())["sent"].session, BEGIN, TOOLS) is None


def test_a_new_version_asks_what_is_new_and_says_so() -> None:
    teller = at("d1_heard", SCRIPT)
    heard = Heard("button", button=teller.ask.options[0].data)
    turn = respond(teller.session, heard, BEGIN, TOOLS, SECOND_VERSION)
    (ask,) = [effect for effect in turn.effects if isinstance(effect, Ask)]
    assert ask.path == "c3_landmark"
    assert menu.CHANGED in ask.paragraphs
    assert isinstance(turn.effects[0], Tap), "the pressed button is acknowledged"


# Language


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_can_change_anywhere_and_the_same_question_follows(language: str) -> None:
    words = {"ar": "عربي", "en": "English"}[language]
    for name, turn in states():
        after = typed(turn.session, words)
        asked = [effect.path for effect in after.effects if isinstance(effect, Ask)]
        assert after.session.language == language
        if name == "a1_lang":
            assert asked == ["a2_safe"], "there it is the answer"
        elif turn.session.flow != "menu":
            expected = name if turn.session.view not in {"language", "danger"} else asked[0]
            assert asked in ([expected], ["add_code"], ["add_words"], ["f5_share"], ["review"])


def test_the_language_page_is_pressed_too() -> None:
    teller = at("c3_place", SCRIPT)
    teller.write("/language")
    assert teller.ask.path == "language"
    teller.press("!ar")
    assert teller.session is not None
    assert teller.session.language == "ar"
    assert teller.ask.path == "c3_place"


# Stopping, deleting, wiping


def test_stop_asks_what_shall_happen_and_delete_asks_once_more() -> None:
    teller = at("c3_place", SCRIPT)
    teller.write("stop")
    assert teller.ask.path == "stop"
    teller.press("!delete")
    assert teller.ask.path == "delete"
    twin = Teller(session=teller.session, turns=[*teller.turns])
    twin.write("no")
    assert twin.ask.path == "c3_place", "no keeps it"
    teller.write("yes")
    assert Forget() in teller.last.effects
    assert teller.session is not None
    assert set(teller.session.drafts) == {"consent"}
    assert b"Rana" not in pack(teller.session)


def test_wiping_clears_the_chat_at_once_and_keeps_the_draft() -> None:
    for name, turn in states():
        after = typed(turn.session, "/wipe")
        assert any(isinstance(effect, WipeChat) for effect in after.effects), name
        assert not [effect for effect in after.effects if isinstance(effect, Ask)], name
        assert after.session.drafts == turn.session.drafts


def test_danger_offers_the_shortest_way() -> None:
    teller = at("c3_place", SCRIPT)
    teller.write("خطر")
    assert teller.ask.path == "danger"
    codes = {option.data.partition(":")[2] for option in teller.ask.options}
    assert {"!wipe", "!short", "!pause"} <= codes
    teller.press("!short")
    assert teller.ask.path == "c5_by"
    teller.go_on(until="another")
    assert teller.report.short
    assert "b1_sex" not in teller.report.answers


# A person, help, verify


def test_a_person_is_called_from_anywhere() -> None:
    for name, turn in states():
        after = typed(turn.session, "بدي احكي مع حدا")
        assert CallHuman("asked") in after.effects, name


def test_verify_says_that_no_money_is_asked() -> None:
    turn = typed(dict(states())["c3_place"].session, "who are you?")
    said = "\n".join(say(it, "en") for it in sentences(turn))
    assert "never ask for money" in said


# Receipt codes

BARE = CODE.replace("-", "")
ARABIC = CODE.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
LOOK_ALIKE = CODE.replace("0", "O").replace("1", "l").lower()


@pytest.mark.parametrize("words", [CODE, BARE, ARABIC, LOOK_ALIKE, CODE.lower(),
                                   f"my code is {CODE}", CODE.replace("-", " ")])  # fmt: skip
@pytest.mark.parametrize("place", ["nobody", "a1_lang", "a3_consent", "menu", "sent"])
def test_a_receipt_code_is_understood_wherever_no_report_is_being_told(
    place: str, words: str
) -> None:
    session = None if place == "nobody" else dict(states())[place].session
    turn = typed(session, words)
    assert TellStatus(CODE) in turn.effects


def test_a_detached_family_finds_its_report_by_the_code() -> None:
    teller = told({**SCRIPT, "f3_reach": "=detached", "c7_others": "=no"})
    for session in (None, teller.session):
        turn = typed(session, CODE)
        assert turn.effects == (TellStatus(CODE),)
        after = typed(turn.session, "hello")
        assert [effect.path for effect in after.effects if isinstance(effect, Ask)] == ["a1_lang"]


def mistyped() -> list[str]:
    other = {"A": "B", "B": "C"}
    wrong = [CODE[:at] + other.get(CODE[at], "A") + CODE[at + 1 :] for at in (0, 5, 13)]
    return [*wrong, CODE[:-1], CODE + "X", CODE[1] + CODE[0] + CODE[2:]]


@pytest.mark.parametrize("words", mistyped())
def test_a_mistyped_code_is_no_code(words: str) -> None:
    assert receipt.parse(words) is None
    turn = typed(dict(states())["menu"].session, words)
    assert not [effect for effect in turn.effects if isinstance(effect, TellStatus)]


# What the menu does


def sent_and(code: str, **changes: object) -> Teller:
    """A family whose report is sent, at the menu, choosing this."""
    teller = told(SCRIPT)
    teller.press("!another_no")
    assert teller.session is not None
    teller.session = replace(teller.session, **changes)  # type: ignore[arg-type]
    teller.write("/menu")
    teller.press(f"!{code}")
    return teller


def test_something_can_be_added_to_a_report() -> None:
    teller = sent_and("add")
    assert teller.ask.path == "add_words", "the one code is known"
    teller.write("He was seen.")
    teller.write("In spring.")
    teller.press("~done")
    assert teller.ask.path == "add_confirm"
    teller.press("~send")
    (add,) = [effect for effect in teller.last.effects if isinstance(effect, Add)]
    assert add.code == CODE
    assert add.report.about == "addition"
    assert add.report.answers["add_words"].value == "He was seen.\n\nIn spring."
    assert teller.session is not None
    assert "addition" not in teller.session.drafts


def test_adding_without_a_known_code_asks_for_it() -> None:
    teller = sent_and("add", receipts=())
    assert teller.ask.path == "add_code"
    teller.write(mistyped()[1])
    assert teller.ask.path == "add_code"
    assert menu.ADD_UNKNOWN_CODE in teller.ask.paragraphs
    teller.write(f"it is {ARABIC}")
    teller.write("words")
    teller.write("done")
    teller.write("yes")
    (add,) = [effect for effect in teller.last.effects if isinstance(effect, Add)]
    assert add.code == CODE


def test_a_code_mistyped_again_and_again_ends_at_a_person() -> None:
    teller = sent_and("add", receipts=())
    for _time in range(CALL_AFTER):
        teller.write(mistyped()[1])
    assert CallHuman("trouble") in teller.last.effects


def test_an_unfinished_addition_goes_on_where_it_was() -> None:
    teller = sent_and("add")
    teller.write("He was seen.")
    teller.write("/menu")
    teller.press("!add")
    if teller.ask.path == "add_words":
        teller.write("/done")
    assert teller.ask.path == "add_confirm"
    assert teller.session is not None
    assert teller.session.drafts["addition"].answers["add_words"].value == "He was seen."


def test_an_addition_can_be_stopped_and_deleted() -> None:
    teller = sent_and("add")
    teller.write("He was seen.")
    teller.write("stop")
    assert teller.ask.path == "stop"
    teller.press("!delete")
    teller.press("!delete_yes")
    assert Forget() in teller.last.effects
    assert teller.session is not None
    assert "addition" not in teller.session.drafts
    assert teller.session.receipts == (CODE,)


def test_choices_about_sharing_reach_every_report() -> None:
    second = receipt.make(bytes(range(40, 56)))
    teller = sent_and("choices", receipts=(CODE, second))
    assert teller.ask.path == "f5_share"
    teller.write("icrc, icmp")
    adds = [effect for effect in teller.last.effects if isinstance(effect, Add)]
    assert [add.code for add in adds] == [CODE, second]
    assert all(add.report.answers["f5_share"].value == ("icrc", "icmp") for add in adds)
    assert [add.done for add in adds] == [None, menu.SHARING_KEPT], "said once"


def test_withdrawing_asks_first_and_calls_a_person() -> None:
    teller = sent_and("withdraw")
    assert teller.ask.path == "withdraw"
    twin = Teller(session=teller.session)
    twin.write("no")
    assert not twin.effects(Withdraw)
    teller.write("yes")
    assert Withdraw(BEGIN.date() + timedelta(days=3)) in teller.last.effects
    assert CallHuman("withdraw") in teller.last.effects
    assert teller.session is not None
    assert teller.session.receipts == ()


def test_withdrawing_without_a_tied_report_reaches_a_person() -> None:
    teller = sent_and("withdraw", receipts=())
    assert teller.last.effects[-2:] == (CallHuman("withdraw"), Say((menu.WITHDRAW_HUMAN,)))


def test_where_a_report_stands_is_the_hallways_to_say() -> None:
    teller = sent_and("status")
    assert TellStatus() in teller.last.effects


def test_a_family_whose_session_expired_finds_its_reports() -> None:
    turn = typed(returned((CODE,), "en"), "menu")
    (ask,) = [effect for effect in turn.effects if isinstance(effect, Ask)]
    codes = {option.data.partition(":")[2] for option in ask.options}
    assert {"!another", "!choices", "!withdraw"} <= codes


# Small rules


def test_a_greeting_is_no_name_but_hala_is() -> None:
    teller = at("b2_given", SCRIPT)
    teller.write("مرحبا")
    assert teller.ask.path == "b2_given"
    teller.write("هلا")
    assert teller.session is not None
    answers = report_answers(teller.session)
    assert answers is not None
    assert answers["b2_given"].value == "هلا"


def test_an_offered_answer_comes_before_a_wish() -> None:
    teller = at("a2_safe")
    teller.write("Stop")
    assert teller.last.effects[-2:] == (Say((consent.STOPPED,)), Forget(everything=True))


def test_a_wish_comes_before_the_beginning_of_an_answer() -> None:
    sighting = dict(states())["sightings[1].source"]
    turn = typed(sighting.session, "القائمة")
    assert [effect.path for effect in turn.effects if isinstance(effect, Ask)] == ["menu"]
    turn = typed(dict(states())["c2_gov"].session, "/ar")
    assert turn.session.language == "ar"


@pytest.mark.parametrize("words", ["خطر", "i am in danger", "/danger"])
def test_danger_before_the_consent_leads_to_the_short_path(words: str) -> None:
    teller = at("a2_safe", {**SCRIPT, "c5_by": "=isis"})
    teller.write(words)
    if teller.ask.path == "danger":
        teller.press("!short")
    assert teller.ask.path == "a3_consent"
    teller.go_on(until="another")
    assert teller.report.short


def test_a_double_tap_on_a_command_is_quiet() -> None:
    teller = at("c3_place", SCRIPT)
    data = next(option.data for option in buttons(teller.ask) if option.data.endswith("!more"))
    teller.hear(Heard("button", button=data))
    teller.hear(Heard("button", button=data))
    assert teller.last.effects == (Tap(),)


def test_old_buttons_still_grant_what_changes_no_answer() -> None:
    teller = at("b3_father", SCRIPT)
    data = next(option.data for option in buttons(teller.ask) if option.data.endswith("!more"))
    teller.write("Hani")
    teller.hear(Heard("button", button=data))
    assert teller.ask.path == "more"
    old = data.replace("!more", "~skip")
    teller.hear(Heard("button", button=old))
    assert asking.EARLIER_BUTTON in teller.ask.paragraphs


def test_a_first_word_of_any_kind_is_met_with_the_choice_of_language() -> None:
    for heard in (*THINGS, Heard("text", text="/menu"), Heard("text", text="My son is gone")):
        turn = tried(None, heard)
        assert [effect.path for effect in turn.effects if isinstance(effect, Ask)] == ["a1_lang"]
        assert "gone" not in pack(turn.session).decode()


@pytest.mark.parametrize("words", ["/wipe", "امسح"])
def test_who_stopped_before_the_consent_can_still_clear_the_chat(words: str) -> None:
    teller = at("a2_safe")
    teller.write("Stop")
    assert Forget(everything=True) in teller.last.effects
    for heard in (Heard("text", text=words), Heard("button", button="zzzzzz:!wipe")):
        turn = respond(None, heard, teller.now, TOOLS)
        assert isinstance(turn.effects[-1], WipeChat)
        sound(turn)


def test_nothing_is_called_kept_where_nothing_was_told() -> None:
    turn = typed(dict(states())["sent"].session, "/pause")
    assert turn.effects == (Say((asking.THANKS,)),)


def test_stop_where_nothing_is_unfinished_stops_our_own_words() -> None:
    """What else could it mean? And it says how to have them again."""
    sent = dict(states())["sent"].session
    turn = typed(sent, "/stop")
    assert turn.effects == (Silence(), Say(menu.QUIET))
    assert (sent.quiet, turn.session.quiet) == (False, True)
    assert unpack(pack(turn.session)) == turn.session
    again = typed(typed(turn.session, "menu").session, "Write to me again")
    assert again.effects[0] == Silence(over=True)
    assert again.session.quiet is False


def test_a_family_without_a_report_is_thanked_when_it_stops() -> None:
    """Nobody writes to it unasked: there is nothing to promise."""
    agreed = replace(dict(states())["sent"].session, receipts=())
    assert typed(agreed, "/stop").effects == (Say((asking.THANKS,)),)


def test_the_menu_offers_one_of_both_ways() -> None:
    sent = dict(states())["sent"].session
    offered = {item.code for item in menu.items(sent)}
    quiet = {item.code for item in menu.items(replace(sent, quiet=True))}
    assert {"quiet", "write"} & offered == {"quiet"}
    assert {"quiet", "write"} & quiet == {"write"}


def test_silence_from_the_menu_goes_on_with_what_is_unfinished() -> None:
    """Only our own words stop: a draft that is being told is not left."""
    sent = dict(states())["sent"].session
    telling = typed(typed(sent, "menu").session, "Report another missing person").session
    turn = typed(typed(telling, "menu").session, "No more messages from you")
    assert turn.effects[0] == Silence()
    assert turn.session.quiet
    assert turn.session.asked is not None
    assert not turn.session.paused


def test_a_deleted_draft_is_said_to_be_still_on_the_screen() -> None:
    teller = at("b3_father", SCRIPT)
    teller.write("/stop")
    teller.press("!delete")
    teller.press("!delete_yes")
    assert Say(menu.DELETED) in teller.last.effects
