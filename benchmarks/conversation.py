"""The conversation every bot holds: 25 questions, and what a family says to each of them.

The questions are a `Flow` value made of the product's own questions: the three of the consent and
22 of the report (names, free words, choices by button, places, two rough dates that are echoed and
confirmed, one invalid date that is asked for again, the review that sends the report). What a bot
says to each act of the family is taken from a rehearsal with the pure conversation, so the bots
written with a framework show exactly the same words and the same keyboards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from benchmarks.script import INSERTED, Act, Script, Shown, Step
from bot.app import make_tools
from bot.channels.base import Limits
from bot.messages import Outbound
from bot.render import Reader, render
from bot.settings import load
from flows.consent import CONSENT
from flows.conversation import FLOWS, respond
from flows.effects import Submit
from flows.engine import Heard
from flows.questions import ALWAYS, Asked, Review, RoughDateQuestion
from flows.report import REPORT
from flows.session import Session
from flows.shape import Flow, Section, questions
from flows.text import Words

NAME = "An association of families"
CODE = "0000-0000-0000"

_KEYS = (
    "b1_sex", "a4_relation", "b2_given", "b3_father", "b4_family", "b5_mother", "b6_called",
    "c1_when", "b7_birth", "b8_birthplace", "b10_id", "b11_home", "c2_gov", "c3_place", "c4_how",
    "c5_by", "c7_others", "d1_heard", "d3_paper", "e1_photo", "f1_name", "f6_confirm",
)  # fmt: skip


def _flow() -> Flow:
    known = {asked.key: asked for _section, repeat, asked in questions(REPORT) if not repeat}
    # Without conditions: every family is asked the same.
    parts = tuple(replace(known[key], when=ALWAYS) for key in _KEYS)
    return Flow("report", 1, (Section("person", REPORT.sections[1].title, parts),))


BENCHMARK: Mapping[str, Flow] = {**FLOWS, "report": _flow()}
"""The flows Athar is run with; only the report differs from the product's own."""


_SAYS: Mapping[str, tuple[Act, ...]] = {
    "a1_lang": (Act("tap", "ar"),),
    "a2_safe": (Act("tap", "yes"),),
    "a3_consent": (Act("tap", "agree"),),
    "b1_sex": (Act("tap", "male"),),
    "a4_relation": (Act("tap", "brother"),),
    "b2_given": (Act("write", "سالم {}"),),
    "b3_father": (Act("write", "محمود"),),
    "b4_family": (Act("write", "النجار {}"),),
    "b5_mother": (Act("write", "آمنة السنديان"),),
    "b6_called": (Act("write", "أبو خالد {}"),),
    "c1_when": (Act("write", "31/2/2013"), Act("write", "12/3/2013"), Act("tap", "~yes")),
    "b7_birth": (Act("write", "3/2/1985"), Act("tap", "~yes")),
    "b8_birthplace": (Act("tap", "SY-HI"),),
    "b10_id": (Act("write", "0401{}"),),
    "b11_home": (Act("write", "حمص، حي البستان، قرب المدرسة {}"),),
    "c2_gov": (Act("tap", "SY-HI"),),
    "c3_place": (Act("write", "حاجز عند مدخل البلدة قرب الجسر الشمالي"),),
    "c4_how": (Act("tap", "checkpoint"),),
    "c5_by": (Act("tap", "state"),),
    "c7_others": (Act("tap", "no"),),
    "d1_heard": (Act("tap", "none"),),
    "d3_paper": (Act("tap", "no"),),
    "e1_photo": (Act("tap", "no"),),
    "f1_name": (Act("write", "سلمى {}"),),
    "f6_confirm": (Act("tap", "~send"),),
}
"""What a family does at each question; a tap names the code of its button."""


@dataclass
class _Rehearsal:
    """The conversation between one family and the pure engine."""

    session: Session | None = None
    sent: int = 0

    def __post_init__(self) -> None:
        self._tools = make_tools(load(None))
        self._now = datetime.now(UTC)
        self.said: Sequence[Outbound] = ()

    def hear(self, heard: Heard) -> Outbound:
        """Say something; return the bot's first message."""
        turn = respond(self.session, heard, self._now, self._tools, BENCHMARK)
        self.session = turn.session
        self.sent += sum(isinstance(effect, Submit) for effect in turn.effects)
        known: dict[str, str | Words] = {"organisation": NAME, "code": CODE}
        language, form = turn.session.language, turn.session.form
        reader = Reader(self._tools.speak, language, form, Limits(text=4096), known=known)
        self.said = render(turn.effects, reader)
        return next(one for one in self.said if one.kind == "message")

    def act(self, act: Act) -> tuple[Act, Outbound]:
        """Do ``act``; return it with the label in place of the code, and what the bot said."""
        if act.kind == "write":
            heard = Heard("text", act.text.format(1), channel="telegram")
            return act, self.hear(heard)
        buttons = [button for one in self.said for row in one.buttons for button in row]
        pressed = next(each for each in buttons if each.data.partition(":")[2] == act.text)
        label, said = pressed.label, self.hear(Heard("button", button=pressed.data))
        return Act("tap", label), said


def rehearse() -> Script:
    """Play the conversation once and return it as data."""
    play = _Rehearsal()
    said = play.hear(Heard("text", "/start", hint="ar", channel="telegram"))
    acts, steps = [_marked(Act("write", "/start"), said)], []
    for asked in _asked():
        opening, answers = said, []
        for act in _SAYS[asked.key]:
            done, said = play.act(act)
            acts.append(_marked(done, said))
            answers.append(_shown(said))
        steps.append(_step(asked, _shown(opening), answers, play))
    assert play.sent == 1
    return Script(tuple(acts), tuple(steps), _shown(said))


def _asked() -> Iterator[Asked]:
    for flow in (CONSENT, BENCHMARK["report"]):
        yield from (asked for _section, _repeat, asked in questions(flow))


def _step(asked: Asked, shown: Shown, answers: list[Shown], play: _Rehearsal) -> Step:
    title = play._tools.speak(asked.title, "ar", "he")
    if isinstance(asked, RoughDateQuestion):
        again = answers[0] if len(answers) == 3 else None
        return Step(asked.key, "date", title, shown, again, answers[-2])
    if isinstance(asked, Review):
        return Step(asked.key, "review", title, Shown(shown.text.partition("\n")[0], shown.rows))
    tapped = _SAYS[asked.key][0].kind == "tap"
    return Step(asked.key, "choice" if tapped else "words", title, shown)


def _shown(said: Outbound) -> Shown:
    return Shown(said.text, tuple(tuple(each.label for each in row) for row in said.buttons))


def _marked(act: Act, said: Outbound) -> Act:
    """Tell the bot's next message from all others by its longest piece of fixed words."""
    pieces = [line for piece in INSERTED.split(said.text) for line in piece.split("\n\n")]
    return Act(act.kind, act.text, max(pieces, key=len))
