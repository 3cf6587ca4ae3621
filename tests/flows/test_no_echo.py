"""Nothing a family told is said back to it, but on the page that is there for that: the review.

A telephone that is looked into shows our messages too. So names, places, numbers of telephones and
stories are never part of a question, a button, a confirmation or an error. (What was understood of
a date or a number is said back, because it has to be confirmed: that is said in our words, from the
value, never in the family's: docs/adr/0020-what-is-said-back.md.)

Here families tell everything in words made of letters that stand side by side in no sentence of
ours, and wander through all of the house meanwhile. If four of those letters in a row come out of
it anywhere but on a review, somebody's words were repeated. An echo is planted at the end and is
found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.languages import speak
from bot.render import Reader, render
from flows import conversation, follow_up
from flows.effects import Ask, Say, Turn
from flows.questions import Name, Phone, Place, Review, Text
from flows.report import REPORT
from flows.scene import Heard
from flows.session import Session
from flows.shape import Flow, questions
from flows.text import LANGUAGES, Bilingual, Language
from tests.flows.playing import BEGIN, CODE, HANDLE, LIMITS, TOOLS, bare
from tests.flows.telling import AGREED, Teller, buttons

QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=(Phase.generate,),
    derandomize=True,
)
FOUR = 4
LETTERS = {"ar": "ظضغثذءؤ", "en": "qxzjvw"}
LOCALES = Path(__file__).parent.parent.parent / "locales"

WANDERING = (
    "back", "رجوع", "help", "menu", "status", "verify", "person", "language", "عربي", "English",
    "more", "danger", "pause", "hello", "skip", "لا أعرف", "stop", "open", "§§§", "12", CODE,
    "cover", "/start", "review", "delete",
)  # fmt: skip


@cache
def our_words() -> str:
    """Every sentence of ours, in both languages, without what is filled in."""
    texts = []
    for language in ("ar", "en"):
        with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
            for message in read_po(file):
                said = message.string if isinstance(message.string, tuple) else (message.string,)
                texts += [str(one) for one in said]
    return "\n".join(texts).casefold()


def pieces(words: str) -> Iterator[str]:
    """Every run of four characters of ``words``, of which none is a space."""
    words = words.casefold()
    for start in range(len(words) - FOUR + 1):
        piece = words[start : start + FOUR]
        if not any(character.isspace() for character in piece):
            yield piece


def marked(language: str) -> st.SearchStrategy[str]:
    """Words in which no four characters in a row stand in any sentence of ours."""
    return (
        st.lists(st.text(LETTERS[language], min_size=5, max_size=9), min_size=1, max_size=3)
        .map(" ".join)
        .filter(lambda words: not any(piece in our_words() for piece in pieces(words)))
    )


@cache
def asked_in_words(flow: Flow) -> Mapping[str, str]:
    """The keys of all questions that are answered in a family's own words, and their kinds."""
    found = {}
    for _section, repeat, question in questions(flow):
        if isinstance(question, Text | Name | Place | Phone):
            key = f"{repeat.key}[].{question.key}" if repeat else question.key
            found[key] = type(question).__name__
    return found


@cache
def reviews() -> frozenset[str]:
    """The paths of the pages on which a family is shown what it told."""
    flows = [*conversation.FLOWS.values(), *follow_up.SETS.values()]
    keys = [
        question.key
        for flow in flows
        for _section, _repeat, question in questions(flow)
        if isinstance(question, Review)
    ]
    return frozenset({"review", "data", *keys})


def shown(turn: Turn) -> str:
    """Everything ``turn`` puts on a screen beside reviews: words, labels and data of buttons."""
    effects = [
        effect
        for effect in turn.effects
        if not (isinstance(effect, Ask) and effect.path in reviews() and effect.shows)
    ]
    reader = Reader(
        speak, turn.session.language, turn.session.form, LIMITS, message_id="1", callback_id="1",
        known={"organisation": "Example", "code": CODE},
    )  # fmt: skip
    texts = []
    for one in render(effects, reader):
        texts.append(bare(one.text))
        texts += [f"{bare(it.label)} {it.data}" for row in one.buttons for it in row]
    return "\n".join(texts).casefold()


def never_repeated(told: str, turn: Turn) -> None:
    """Fail where ``turn`` says four characters in a row of what was ``told``."""
    said = shown(turn)
    for piece in pieces(told):
        assert piece not in said, "a family's words were said back"


def wander(teller: Teller, told: str, data: st.DataObject, steps: int) -> None:
    """Answer by the script and do all kinds of other things in between."""
    for _step in range(steps):
        strayed = data.draw(st.sampled_from((*[""] * 40, *WANDERING)))
        if strayed:
            turn = teller.write(strayed)
        elif teller.asks and buttons(teller.ask):
            turn = teller.answer()
        else:
            turn = teller.write("hello")
        never_repeated(told, turn)


def tell_the_report(data: st.DataObject) -> None:
    language: Language = data.draw(st.sampled_from(LANGUAGES))
    words = {
        key: data.draw(marked(language)) if kind != "Phone" else "+963944718293"
        for key, kind in asked_in_words(REPORT).items()
    }
    pace = data.draw(st.sampled_from(("=yes", "=danger")))
    script = {**AGREED, "a2_safe": pace, **words, "c5_others": "=yes"}
    teller = Teller(script, language=language).begin()
    told = "\n".join([*words.values(), "963944718293", "0944718293"])
    wander(teller, told, data, 75)
    assert teller.session is not None


class _Asked(Teller):
    """A family that is asked a set of questions."""

    flows: Mapping[str, Flow]

    def hear(self, heard: Heard) -> Turn:
        turn = conversation.respond(self.session, heard, self.now, TOOLS, self.flows)
        self.turns.append(turn)
        self.session = turn.session
        self.asked += [it.path for it in turn.effects if isinstance(it, Ask)]
        return turn


def answer_a_set(data: st.DataObject) -> None:
    language: Language = data.draw(st.sampled_from(LANGUAGES))
    name = data.draw(st.sampled_from(sorted(follow_up.SETS)))
    flow = follow_up.as_asked(follow_up.SETS[name])
    words = {key: data.draw(marked(language)) for key in asked_in_words(flow)}
    family = _Asked({**words}, language=language, now=BEGIN)
    family.flows = {**conversation.FLOWS, follow_up.FOLLOW_UP: flow}
    asks = conversation.ask_follow_up(
        conversation.returned([CODE], language), follow_up.SETS[name], HANDLE, "", (), BEGIN, TOOLS
    )
    family.turns.append(asks)
    family.session = asks.session
    wander(family, "\n".join(words.values()), data, 25)


def run(tell: Callable[[st.DataObject], None], quick: settings = QUICK) -> None:
    @quick
    @given(data=st.data())
    def tried(data: st.DataObject) -> None:
        tell(data)

    tried()


def test_a_report_is_never_said_back() -> None:
    run(tell_the_report)


def test_answers_to_questions_of_a_caseworker_are_never_said_back() -> None:
    run(answer_a_set)


def test_the_review_does_show_what_was_told() -> None:
    """Else the property would hold because nothing was ever told."""
    word = "Qozhvixq"
    teller = Teller({**AGREED, "b2_given": word}, language="en").begin().go_on("b3_father")
    turn = teller.write("review")
    reader = Reader(speak, "en", "", LIMITS)
    assert word in "".join(one.text for one in render(turn.effects, reader))
    never_repeated(word, turn)


def test_most_answers_in_words_are_reached() -> None:
    words = asked_in_words(REPORT)
    teller = Teller({**AGREED, **dict.fromkeys(words, "Qozhvixq")}, language="en").begin()
    teller.go_on(until="another")
    reached = [key for key in words if "[]" not in key and key in teller.asked]
    assert len(reached) >= 10, reached


def _echo_name(turn: Turn, session: Session) -> Turn:
    draft = session.drafts.get("report")
    answer = draft.answers.find("b2_given") if draft else None
    if answer is None or not isinstance(answer.value, str):
        return turn
    again = f"Thank you, {answer.value[:6]}."
    return Turn(turn.session, (*turn.effects, Say((Bilingual(again, again),))))


def test_a_planted_echo_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = conversation._hear

    def echoing(talk: conversation.Talk, heard: Heard) -> object:
        session, effects = real(talk, heard)
        turn = _echo_name(Turn(session, effects), session)  # type: ignore[arg-type]
        return turn.session, turn.effects

    monkeypatch.setattr(conversation, "_hear", echoing)
    with pytest.raises(AssertionError, match="said back"):
        run(tell_the_report, settings(QUICK, phases=(Phase.generate,)))
