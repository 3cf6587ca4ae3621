"""Without its phrase a closed chat says a help line's sentences and no other, whatever it hears.

The states are those of real talks, stopped anywhere: consent, report, review, pages, follow-ups,
sent, sent detached, gone. The inputs are everything anybody could do who holds the telephone:
any words, every word the service knows, every button the chat has ever shown, files, edits, codes,
phrases that are nearly right, and waiting. With the phrase everything is as it was.

A property that nothing could break proves nothing, so leaks are planted at the end and have to be
found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flows import conversation, cover, cover_talk, follow_up
from flows.cover import Cover, mark_of
from flows.cover_talk import Covered
from flows.effects import Ask, Say, Settle, TakeAway, Tap, WipeChat
from flows.menu import STATUS_NONE
from flows.readers import _INTENTS
from flows.scene import Heard
from flows.session import File, Session
from tests.flows.covering import COVER_WORDS, PHRASE, Hidden, texts
from tests.flows.playing import BEGIN, CODE, HANDLE, TOOLS
from tests.flows.telling import AGREED, Teller, buttons

QUICK = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,
)

SEARCH = (Phase.generate,)
"""A leak that was found need not be made small."""

MARKED = {
    "b2_given": "Qozhvix", "b3_father": "Wexjuqq", "b4_family": "Zyvqoxx", "b5_mother": "Jhuqvez",
    "c3_place": "Vhuzqaj", "c5_story": "Xwiqzob jequvax", "f1_name": "Huwqyzz",
}  # fmt: skip
"""Answers in letters that no sentence of ours has side by side."""


@pytest.fixture(autouse=True)
def cheap_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mark costs is not what is tried here."""
    monkeypatch.setattr(cover, "COST", 2)


@dataclass(frozen=True, eq=False)
class State:
    """Where a family was when its chat closed, and every button it has been shown by then."""

    name: str
    session: Session | None
    pressed: tuple[str, ...]


def _stops() -> Iterator[tuple[str, Teller]]:
    for language in ("ar", "en"):
        for reach in ("reachable", "detached"):
            script = {**AGREED, **MARKED, "f3_reach": f"={reach}"}
            teller = Teller(script, language=language).begin()
            yield f"{language} begun", teller
            for _turn in range(120):
                if not teller.asks or teller.ask.path == "another":
                    break
                teller.answer()
                yield f"{language} {reach} {teller.asked[-1]}", teller
            yield f"{language} {reach} sent", teller
            for words in ("status", "menu", "cover"):
                teller.write(words)
                yield f"{language} {reach} {words}", teller
    for words in ("pause", "review", "menu", "danger", "stop", "help", "language", "withdraw"):
        teller = Teller({**AGREED, **MARKED}).begin().go_on(until="c4_how")
        teller.write(words)
        yield f"{words} page", teller


def _follow_ups() -> Iterator[State]:
    for name, flow in follow_up.SETS.items():
        session = conversation.returned([CODE], "ar")
        turn = conversation.ask_follow_up(session, flow, HANDLE, "she", (), BEGIN, TOOLS)
        shown = [
            it.data for effect in turn.effects if isinstance(effect, Ask) for it in buttons(effect)
        ]
        yield State(f"follow-up {name}", turn.session, tuple(shown))


@cache
def states() -> tuple[State, ...]:
    """Every state, each with all buttons its chat has shown."""
    found = {}
    for name, teller in _stops():
        shown = dict.fromkeys(
            option.data
            for turn in teller.turns
            for effect in turn.effects
            if isinstance(effect, Ask)
            for option in buttons(effect)
        )
        found[name] = State(name, teller.session, tuple(shown))
    nothing = State("nothing is kept", None, ())
    return (*found.values(), *_follow_ups(), nothing, nothing, nothing)


WORDS = [
    *sorted(_INTENTS),
    "/start", "/start abc", "/menu", "/clear", "/cover", "start", "1", "٢", "yes", "نعم", CODE,
    f"my code is {CODE}", "AAAA-BBBB-CCCC", "azure lamps 13", "azure lamps", "zure lamps 12",
    "Welcome back", "مرحبا", "salam alaikum", "", " ", "\u2066", *MARKED.values(),
]  # fmt: skip


LIKELY = ("/start", "status", "menu", CODE, "azure lamps 13", "wipe", "Qozhvix")
"""What whoever holds the telephone would try first."""


def inputs(state: State) -> st.SearchStrategy[Heard]:
    """Whatever whoever holds the telephone could do."""
    shown = [*state.pressed, "cover:!cover_on", "cover:!cover_off", "cover:!cover_new", "n:!open"]
    return st.one_of(
        st.builds(lambda text: Heard("text", text=text), st.sampled_from(LIKELY)),
        st.builds(lambda text: Heard("text", text=text), st.sampled_from(WORDS) | st.text()),
        st.builds(lambda data: Heard("button", button=data), st.sampled_from(shown) | st.text()),
        st.builds(lambda text: Heard("edited", text=text), st.sampled_from(WORDS)),
        st.just(Heard("media", file=File("voice", "x", 5), text="words below")),
        st.sampled_from([Heard("other", what=what) for what in ("sticker", "location", "dice")]),
    )


def says_only_cover(turn: Covered, session: Session | None) -> None:
    """Fail where ``turn`` shows anything a help line would not, or does more than it may."""
    allowed = {Tap(), WipeChat()}
    for effect in turn.effects:
        assert isinstance(effect, Say) or effect in allowed, type(effect).__name__
    shown = texts(turn, session)
    assert shown, "somebody who writes is answered"
    assert set(shown) <= COVER_WORDS


def hear_anything(state: State, heard: list[tuple[Heard, int]]) -> None:
    """Close the chat of ``state``, hear everything, and come back with the phrase."""
    closed = Cover("en", mark_of(PHRASE, b"salt" * 4), on=True)
    chat = Hidden(cover=closed, session=state.session)
    for one, hours in heard:
        chat.wait(hours=hours)
        if one.kind == "text" and cover.key_of(one.text) == cover.key_of(PHRASE):
            continue
        turn = chat.hear(one)
        says_only_cover(turn, state.session)
        assert chat.closed
        assert chat.session == state.session
    _come_back(chat.wait(hours=2), state)


def _come_back(chat: Hidden, state: State) -> None:
    """With the phrase everything is as it was, and nothing of it is shown until it goes on."""
    turn = chat.write(PHRASE)
    assert not chat.closed
    assert [type(effect) for effect in turn.effects] == [TakeAway, Ask]
    assert not any(answer in text for text in chat.texts for answer in MARKED.values())
    rested = state.session and replace(state.session, paused=True)
    assert chat.session == rested
    if rested is None or follow_up.FOLLOW_UP in rested.drafts:
        return
    on = chat.hear(Heard("text", text="I am back"))
    straight = conversation.respond(
        rested, Heard("text", text="I am back", hint="en", channel="telegram"), chat.now, TOOLS
    )
    assert on.effects == straight.effects


@cache
def _steps(state: State) -> st.SearchStrategy[list[tuple[Heard, int]]]:
    return st.lists(
        st.tuples(inputs(state), st.sampled_from((0, 0, 0, 1, 26, 24 * 40))), max_size=8
    )


def run(check: Callable[[State, list[tuple[Heard, int]]], None], quick: settings = QUICK) -> None:
    """Try ``check`` with states and inputs drawn by chance."""

    @quick
    @given(data=st.data())
    def tried(data: st.DataObject) -> None:
        state = data.draw(st.sampled_from(states()) | st.sampled_from(states()[-12:]), "state")
        check(state, data.draw(_steps(state), "heard"))

    tried()


def test_there_are_states_of_every_kind() -> None:
    names = " ".join(state.name for state in states())
    for part in (
        "consent",
        "b2_given",
        "f6_confirm",
        "detached sent",
        "follow-up",
        "menu",
        "pause",
    ):
        assert part in names, part
    assert len(states()) > 150


def test_without_the_phrase_only_cover_sentences_leave() -> None:
    run(hear_anything)


@pytest.mark.parametrize("words", ["status", "wipe", "/start", CODE, "menu", "", "open", "person"])
def test_no_state_answers_these(words: str) -> None:
    for state in states():
        hear_anything(state, [(Heard("text", text=words), 0)])


def test_no_button_ever_shown_does_anything() -> None:
    for state in states()[::9]:
        closed = Cover("ar", mark_of(PHRASE, b"salt" * 4), on=True)
        chat = Hidden(cover=closed, session=state.session)
        for data in state.pressed:
            says_only_cover(chat.hear(Heard("button", button=data)), state.session)
        assert chat.session == state.session


# In the open, with a phrase: whatever closes the chat says only cover sentences as it does


def close_by_chance(state: State, heard: list[tuple[Heard, int]]) -> None:
    opened = Cover("en", mark_of(PHRASE, b"salt" * 4), heard_at=cover.seconds(BEGIN))
    chat = Hidden(cover=opened, session=state.session)
    if chat.session is not None and follow_up.FOLLOW_UP in chat.session.drafts:
        return  # the questions of a caseworker are the hallway's to bring
    for one, hours in heard:
        turn = chat.wait(hours=hours).hear(one)
        if chat.closed:
            assert not [e for e in turn.effects if isinstance(e, Ask | TakeAway)]
            assert set(texts(turn, chat.session)) <= COVER_WORDS


def test_the_words_with_which_a_chat_closes_are_cover_sentences() -> None:
    run(close_by_chance)


# Planted leaks, each of which the property has to find

Real = Callable[..., Covered]


def _leak_status(real: Real) -> Real:
    def closed(talk: cover_talk._Talk, kept: Cover) -> Covered:
        if talk.heard.kind == "text" and conversation.wish_of(talk.heard.text) == "status":
            return cover_talk._in_the_open(talk)
        return real(talk, kept)

    return closed


def _leak_old_buttons(real: Real) -> Real:
    def closed(talk: cover_talk._Talk, kept: Cover) -> Covered:
        if talk.heard.kind == "button" and talk.session and talk.session.asked:
            return cover_talk._in_the_open(talk)
        return real(talk, kept)

    return closed


def _leak_codes(real: Real) -> Real:
    def closed(talk: cover_talk._Talk, kept: Cover) -> Covered:
        if CODE in talk.heard.text:
            return replace(real(talk, kept), effects=(Say((STATUS_NONE,)),))
        return real(talk, kept)

    return closed


def _leak_settling(real: Real) -> Real:
    def closed(talk: cover_talk._Talk, kept: Cover) -> Covered:
        turn = real(talk, kept)
        if talk.heard.kind == "button":
            return replace(turn, effects=(*turn.effects, Settle()))
        return turn

    return closed


def _leak_time(real: Real) -> Real:
    def closed(talk: cover_talk._Talk, kept: Cover) -> Covered:
        turn = real(talk, kept)
        expired = cover.seconds(talk.now) - cover.seconds(BEGIN) > 30 * 86_400
        return cover_talk._in_the_open(talk) if expired and talk.session is None else turn

    return closed


LEAKS = (_leak_status, _leak_old_buttons, _leak_codes, _leak_settling, _leak_time)


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__.removeprefix("_leak_"))
def test_the_property_finds_a_planted_leak(
    leak: Callable[[Real], Real], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cover_talk, "_closed", leak(cover_talk._closed))
    with pytest.raises(AssertionError):
        run(hear_anything, settings(QUICK, max_examples=3000, phases=SEARCH))
