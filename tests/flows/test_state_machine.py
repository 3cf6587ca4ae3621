"""The engine against a model of less than eighty lines, driven by chance.

A family goes through a small flow with conditions and a repeat: it answers, goes back, skips, edits
from the review, pauses, changes the language, and sends. The process crashes before or after it has
stored a turn, and then hears the same again. After every step the answers, the open question and
what was sent equal those of the model, which knows the flow only as a table of its own.

``ATHAR_HYPOTHESIS=thorough`` runs long; the default takes seconds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flows.consent import CONSENT
from flows.conversation import respond, submitted
from flows.effects import Ask, Effect, Forget, Submit, Tap, Turn
from flows.engine import Heard
from flows.questions import (
    OPTIONAL,
    Choice,
    Choosable,
    Is,
    MultipleChoice,
    Name,
    Number,
    Review,
    Text,
    YesNo,
)
from flows.session import Answer, Draft, Report, Session, Told, pack, unpack
from flows.shape import Flow, Repeat, Section
from tests.flows.kinds import both
from tests.flows.playing import BEGIN, CODE, TOOLS
from tests.flows.telling import buttons

# The flow, as the engine knows it

SAYS = {"title": both("عنوان", "title"), "words": both("ما هو؟", "What?")}
KINDS = (
    Choosable("plain", both("بسيط", "Plain one")),
    Choosable("deep", both("عميق", "Deep one")),
    Choosable("wide", both("واسع", "Wide one")),
)
SMALL = Flow("report", 1, (
    Section("one", both("أول", "First"), (  # type: ignore[arg-type]
        Name(key="name", ways=OPTIONAL, **SAYS),
        Choice(key="kind", options=KINDS, **SAYS),
        Text(key="deep_words", when=Is("kind", ("deep",)), ways=OPTIONAL, **SAYS),
        MultipleChoice(key="ticks", options=KINDS, when=Is("kind", ("deep", "wide")), **SAYS),
        YesNo(key="others", ways=OPTIONAL, **SAYS),
    )),
    Section("two", both("ثان", "Second"), (  # type: ignore[arg-type]
        Repeat("seen", both("مرة", "Time"), (  # type: ignore[arg-type]
            Name(key="place", ways=OPTIONAL, **SAYS),
            Number(key="count", when=Is("place", ("Market",)), least=1, most=9, **SAYS),
        ), again=YesNo(key="more", **SAYS), when=Is("others", (True,))),
        Text(key="story", long=True, ways=OPTIONAL, **SAYS),
        Review(key="confirm", **SAYS),
    )),
))  # fmt: skip
FLOWS = {"report": SMALL, "consent": CONSENT}


# The model: the same flow as a table of its own, and what a family has told

SKIPS = {"name", "deep_words", "others", "place", "story"}
"""Keys that may be skipped; ``kind`` and ``ticks``, ``count`` and ``more`` may be unknown only."""


@dataclass
class Model:
    told: dict[str, object] = field(default_factory=dict)
    changing: str = ""
    telling: bool = False
    sent: list[dict[str, object]] = field(default_factory=list)

    def paths(self) -> list[str]:
        told = self.told
        found = ["name", "kind"]
        found += ["deep_words"] if told.get("kind") == "deep" else []
        found += ["ticks"] if told.get("kind") in ("deep", "wide") else []
        found.append("others")
        if told.get("others") is True:
            for at in range(20):
                found.append(f"seen[{at}].place")
                if told.get(f"seen[{at}].place") == "Market":
                    found.append(f"seen[{at}].count")
                if at == 19:
                    break
                found.append(f"seen[{at}].more")
                if told.get(f"seen[{at}].more") is not True:
                    break
        return [*found, "story", "confirm"]

    def here(self) -> str:
        if self.changing in self.paths():
            return self.changing
        return next(path for path in self.paths() if path not in self.told)

    def put(self, value: object) -> None:
        here = self.here()
        self.told[here] = value
        self.changing, self.telling = "", False
        if here == "confirm":
            applying = [path for path in self.paths() if path in self.told]
            self.sent.append({path: self.told[path] for path in applying})
            self.told = {}

    def tell(self, part: str) -> None:
        former = self.told["story"] if self.telling else ""
        self.told["story"] = f"{former}\n\n{part}" if former else part
        self.changing, self.telling = "story", True

    def done(self) -> None:
        self.changing, self.telling = "", False

    def back(self) -> None:
        paths = self.paths()
        before = [path for path in paths[: paths.index(self.here())] if path in self.told]
        if before:
            self.changing, self.telling = before[-1], False

    def change(self, path: str) -> None:
        self.changing, self.telling = path, False

    def come_back(self) -> None:
        if not self.telling:
            self.changing = ""


BEGUN: list[tuple[str, object]] = [
    ("Layla", "Layla"), ("deep one", "deep"), ("x", "x"), ("1", ("plain",)), ("yes", True),
    ("Market", "Market"), ("3", 3), ("yes", True), ("Well", "Well"), ("no", False), ("One.", ""),
]  # fmt: skip
"""How far a family may have come already, so that chance also plays at the end of the flow."""

GIVEN = {
    "name": ["Layla", "رنا", "x\x00\ud83d"],
    "deep_words": ["a deep thing"],
    "place": ["Market", "Well"],
    "story": ["part one", "قال", "and more"],
}
CHOICES = {"kind": ["plain", "deep", "wide"]}
TICKS = [("plain",), ("plain", "deep"), ("wide",)]
NO_ANSWERS = {"~skip": "skipped", "~unknown": "unknown", "~prefer_not": "prefer_not"}
WORDS_FOR = {"~skip": "تخطي", "~unknown": "I don't know", "~prefer_not": "I'd rather not say"}
LABELS = {"plain": ("Plain one", "1", "١"), "deep": ("عميق", "2", "۲"), "wide": ("wide", "3")}


def key_of(path: str) -> str:
    return path.rpartition(".")[2]


class Talks(RuleBasedStateMachine):
    """What chance does to one family, and what has to hold."""

    @initialize(depth=st.sampled_from((0, 2, 5, 8, 10, 11, 11)))
    def begin(self, depth: int) -> None:
        agreed = Told({"a3_consent": Answer("agree", "given", "", "en", BEGIN, 1)})
        drafts = {"consent": Draft("consent", 1, BEGIN, agreed)}
        self.model = Model()
        self.now = BEGIN
        self.paused = False
        self.stored = pack(Session(language="en", flow="menu", drafts=drafts))
        self.turn: Turn
        self.outbox: list[Effect] = []
        self._open_report()
        for words, value in BEGUN[:depth]:
            self._write(words)
            if self.model.here() == "story":
                self.model.tell(words)
            else:
                self.model.put(value)

    # The hallway

    def _hear(self, heard: Heard, crash: str = "") -> Turn:
        """One message through a process that may die, and is given it again until it is stored."""
        self.now += timedelta(seconds=7)
        if crash == "before storing":
            respond(unpack(self.stored), heard, self.now, TOOLS, FLOWS)
            self.now += timedelta(seconds=7)
        session = unpack(self.stored)
        turn = respond(session, heard, self.now, TOOLS, FLOWS)
        again = respond(unpack(self.stored), heard, self.now, TOOLS, FLOWS)
        assert turn == again, "the same heard by the same session leads to the same"
        kept = turn.session
        for effect in turn.effects:
            if isinstance(effect, Submit):
                kept = submitted(kept, CODE, effect.report.reach)
        self.stored = pack(kept)
        self.outbox += turn.effects
        self.turn = turn
        if crash == "after storing" and heard.button:
            # The provider gives a tap again that the restarted process no longer remembers.
            repeated = respond(unpack(self.stored), heard, self.now, TOOLS, FLOWS)
            if self._of_a_tick(heard):
                return turn
            assert unpack(pack(repeated.session)).drafts == kept.drafts, "applied twice"
        return turn

    @staticmethod
    def _of_a_tick(heard: Heard) -> bool:
        return heard.button.partition(":")[2] in LABELS

    @property
    def session(self) -> Session:
        return unpack(self.stored)

    @property
    def ask(self) -> Ask:
        return [effect for effect in self.turn.effects if isinstance(effect, Ask)][-1]

    def _press(self, code: str, crash: str = "") -> None:
        data = [option.data for option in buttons(self.ask) if option.data.endswith(f":{code}")]
        assert data, f"{code} is not offered at {self.ask.path}"
        self._hear(Heard("button", button=data[0]), crash)

    def _write(self, text: str) -> None:
        self._hear(Heard("text", text=text))

    def _open_report(self) -> None:
        self._write("menu")
        self._press("!another" if self.session.receipts else "!report")

    def _asking(self) -> bool:
        """Whether the question itself stands on the screen, and no page over it."""
        return not self.paused and self.session.view == ""

    # What the family does

    @precondition(lambda self: self._asking())
    @rule(data=st.data(), crash=st.sampled_from(("", "before storing", "after storing")))
    def answer(self, data: st.DataObject, crash: str) -> None:
        here = self.model.here()
        key = key_of(here)
        typed = data.draw(st.booleans(), "typed")
        if key == "story":
            part = data.draw(st.sampled_from(GIVEN["story"]))
            self._write(part)
            self.model.tell(part)
        elif key in GIVEN:
            words = data.draw(st.sampled_from(GIVEN[key]))
            self._write(words)
            self.model.put(words)
        elif key == "kind":
            code = data.draw(st.sampled_from(CHOICES["kind"]))
            if typed:
                self._write(data.draw(st.sampled_from(LABELS[code])))
            else:
                self._press(code, crash)
            self.model.put(code)
        elif key == "ticks":
            codes = data.draw(st.sampled_from(TICKS))
            if typed:
                self._write(" , ".join(LABELS[code][0] for code in codes))
            else:
                for code in codes:
                    self._press(code, crash)
                self._press("~done", crash)
            self.model.put(codes)
        elif key in {"others", "more"}:
            yes = data.draw(st.booleans())
            if typed:
                self._write(data.draw(st.sampled_from(("نعم", "yes", "1") if yes else ("لا", "2"))))
            else:
                self._press("yes" if yes else "no", crash)
            self.model.put(yes)
        elif key == "count":
            number = data.draw(st.integers(1, 9))
            self._write(str(number).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")))
            self.model.put(number)

    @precondition(lambda self: self._asking() and not self.model.telling)
    @rule(data=st.data(), typed=st.booleans())
    def go_around(self, data: st.DataObject, typed: bool) -> None:
        key = key_of(self.model.here())
        if key == "confirm":
            return
        ways = ["~unknown", "~prefer_not", *(["~skip"] if key in SKIPS else [])]
        way = data.draw(st.sampled_from(ways))
        if typed:
            self._write(WORDS_FOR[way])
        else:
            self._press(way)
        self.model.put(NO_ANSWERS[way])

    @precondition(lambda self: self._asking() and self.model.telling)
    @rule(words=st.sampled_from(("", "خلصت", "done", "skip")))
    def end_the_story(self, words: str) -> None:
        if words:
            self._write(words)
        else:
            self._press("~done")
        self.model.done()

    @precondition(lambda self: self._asking())
    @rule()
    def misunderstand(self) -> None:
        if key_of(self.model.here()) in {"kind", "ticks", "others", "more", "count"}:
            self._write("§§§")
            if self.session.asked and self.session.asked.troubles >= 3:
                self._press("~again")
                self._write("back")
                self.model.back()

    @precondition(lambda self: self._asking())
    @rule()
    def back(self) -> None:
        self._write("ارجع")
        self.model.back()

    @precondition(lambda self: not self.paused and self.session.flow == "report")
    @rule(data=st.data())
    def edit_from_the_review(self, data: st.DataObject) -> None:
        self._write("review")
        shown = [path for path in self.model.paths() if path in self.model.told]
        changeable = [path for path in shown if key_of(path) != "more"]
        if not changeable:
            self._press("~return")
            return
        path = data.draw(st.sampled_from(changeable))
        section = "two" if path.startswith("seen[") or path == "story" else "one"
        self._press("~change")
        self._press(f"~section:{section}")
        self._press(f"~at:{shown.index(path)}")
        self.model.change(path)

    @precondition(lambda self: self._asking() or self.session.view == "review")
    @rule(weeks=st.integers(0, 4))
    def pause(self, weeks: int) -> None:
        self._write("pause")
        self.now += timedelta(weeks=weeks)
        self.paused = True

    @precondition(lambda self: self.paused)
    @rule(words=st.sampled_from(("hello", "متابعة", "Layla", "4", "/start")))
    def resume(self, words: str) -> None:
        self._write(words)
        self.paused = False
        self.model.come_back()

    @precondition(lambda self: not self.paused)
    @rule(words=st.sampled_from(("عربي", "English", "/ar", "/en")))
    def change_the_language(self, words: str) -> None:
        self._write(words)
        assert self.session.language == ("ar" if words in {"عربي", "/ar"} else "en")

    @precondition(lambda self: not self.paused)
    @rule(heard=st.sampled_from((
        Heard("other", what="sticker"), Heard("edited", text="other words"), Heard("media"),
        Heard("button", button="zzzzzz:yes"), Heard("button", button="zzzzzz:~skip"),
        Heard("text", text="   "), Heard("text", text="/help"), Heard("text", text="/person"),
    )))  # fmt: skip
    def disturb(self, heard: Heard) -> None:
        if key_of(self.model.here()) == "confirm" or heard.text != "   ":
            self._hear(heard)

    @precondition(lambda self: not self.paused and self.session.view == "review")
    @rule(typed=st.booleans(), crash=st.sampled_from(("", "before storing", "after storing")))
    def submit(self, typed: bool, crash: str) -> None:
        if self.model.here() != "confirm" or not self._offers("~send"):
            return
        if typed:
            self._write("yes")
        else:
            self._press("~send", crash)
        self.model.put("send")
        self._open_report()

    def _offers(self, code: str) -> bool:
        return any(option.data.endswith(f":{code}") for option in buttons(self.ask))

    # What has to hold

    @invariant()
    def the_answers_are_those_of_the_model(self) -> None:
        draft = self.session.drafts.get("report")
        assert draft is not None
        assert plain(draft.answers) == self.model.told

    @invariant()
    def the_open_question_is_that_of_the_model(self) -> None:
        asked = self.session.asked
        if not self.paused and self.session.view in {"", "review"}:
            assert asked is not None
            assert asked.path in {self.model.here(), "review"}, (
                "a page of the review, or the question"
            )

    @invariant()
    def every_report_was_sent_once_and_whole(self) -> None:
        sent = [effect.report for effect in self.outbox if isinstance(effect, Submit)]
        assert [plain(report.answers) for report in sent] == self.model.sent
        assert all(isinstance(report, Report) for report in sent)
        assert not [effect for effect in self.outbox if isinstance(effect, Forget)]

    @invariant()
    def something_was_said(self) -> None:
        assert [effect for effect in self.turn.effects if not isinstance(effect, Tap)]


def plain(told: Told) -> dict[str, object]:
    """Answers as the model writes them."""
    return {
        path: answer.value if answer.known == "given" else answer.known
        for path, answer in told.items()
        if path != "pace"
    }


FAST = settings(max_examples=100, stateful_step_count=40, deadline=None,
                suppress_health_check=list(HealthCheck))  # fmt: skip
THOROUGH = settings(FAST, max_examples=3000, stateful_step_count=120)


def test_a_family_and_the_model_agree_after_every_step() -> None:
    thorough = os.environ.get("ATHAR_HYPOTHESIS") == "thorough"
    run_state_machine_as_test(Talks, settings=THOROUGH if thorough else FAST)  # type: ignore[no-untyped-call]
