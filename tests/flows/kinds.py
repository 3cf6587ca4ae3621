"""Small flows of invented questions, one of every kind, and a family that goes through them.

They stand on the engine alone: no consent, no menu, no report. Labels are bilingual, so that no
catalogue is needed to read them in either language.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flows.effects import Ask, Effect, Option, Turn
from flows.engine import Heard, advance, begin
from flows.questions import (
    OPTIONAL,
    Asked,
    Attachment,
    Choice,
    Choosable,
    Consent,
    MultipleChoice,
    Name,
    Number,
    Phone,
    Place,
    RoughDateQuestion,
    Text,
    YesNo,
)
from flows.session import Answer, File, Session, Told, pack, unpack
from flows.shape import Flow, Section
from flows.text import Bilingual, Words
from tests.flows.playing import BEGIN, TOOLS


def both(ar: str, en: str) -> Bilingual:
    """A sentence in both languages."""
    return Bilingual(ar, en)


_SAYS = {"title": both("عنوان", "title"), "words": both("ما هو؟", "What is it?")}

COLOURS = (
    Choosable("red", both("أحمر", "Red one"), ("crimson", "قرمزي")),
    Choosable("green", both("أخضر", "Green one"), ("emerald",)),
    Choosable("blue", both("أزرق", "Blue one"), ("azure",)),
)
NAME = Name(key="name", ways=OPTIONAL, **_SAYS)
CHOICE = Choice(key="colour", options=COLOURS, ways=OPTIONAL, **_SAYS)
CONSENT = Consent(key="agree", options=COLOURS, **_SAYS)
MANY = MultipleChoice(
    key="many",
    options=(*COLOURS, Choosable("nothing", both("لا شيء من هذا", "None of it"))),
    alone=("nothing",),
    ways=OPTIONAL,
    **_SAYS,
)
YES_NO = YesNo(key="sure", ways=OPTIONAL, **_SAYS)
DATE = RoughDateQuestion(key="when", ways=OPTIONAL, **_SAYS)
PLACE = Place(
    key="where",
    areas=(Choosable("SY-HI", both("حمص", "Homs")), Choosable("SY-HL", both("حلب", "Aleppo"))),
    ways=OPTIONAL,
    **_SAYS,
)
PHONE = Phone(key="phone", country="SY", ways=OPTIONAL, **_SAYS)
NUMBER = Number(key="number", least=1, most=300, ways=OPTIONAL, **_SAYS)
FILE = Attachment(key="file", kinds=("photo",), ways=OPTIONAL, **_SAYS)
WORDS = Text(key="words", ways=OPTIONAL, most=5000, **_SAYS)
STORY = Text(key="story", long=True, ways=OPTIONAL, **_SAYS)
END = Text(key="end", ways=OPTIONAL, most=5000, **_SAYS)

EVERY: tuple[Asked, ...] = (
    NAME, CHOICE, MANY, YES_NO, DATE, PLACE, PHONE, NUMBER, FILE, WORDS, STORY,
)  # fmt: skip


def flow_of(*questions: Asked) -> Flow:
    """A flow of these questions, with one more at its end."""
    return Flow("kinds", 1, (Section("all", Words("All"), (*questions, END)),))


@dataclass
class Family:
    """Somebody going through a small flow; the session is packed and opened between turns."""

    flow: Flow
    session: Session = field(default_factory=lambda: Session(language="en", flow="kinds"))
    now: datetime = BEGIN
    turn: Turn = field(init=False)

    def __post_init__(self) -> None:
        session, effects = begin(self.flow, self.session, self.now, TOOLS)
        self._keep(Turn(session, tuple(effects)))  # type: ignore[arg-type]

    @classmethod
    def asked(cls, *questions: Asked) -> Family:
        """A family that was just asked the first of these questions."""
        return cls(flow_of(*questions))

    def hear(self, heard: Heard) -> Turn:
        self.now += timedelta(seconds=20)
        self._keep(advance(self.flow, self.session, heard, self.now, TOOLS))
        return self.turn

    def write(self, *texts: str) -> Turn:
        for text in texts:
            self.hear(Heard("text", text=text))
        return self.turn

    def press(self, code: str) -> Turn:
        """Press the button of the newest question that has this code."""
        return self.hear(Heard("button", button=self.data(code)))

    def send(self, kind: str = "photo") -> Turn:
        return self.hear(Heard("media", file=File(kind, "provider-key", 12, "image/jpeg")))

    def data(self, code: str) -> str:
        for option in self.buttons:
            if option.data.partition(":")[2] == code:
                return option.data
        raise AssertionError(f"no button {code!r}")

    @property
    def buttons(self) -> tuple[Option, ...]:
        return (*self.ask.options, *self.ask.controls)

    @property
    def codes(self) -> list[str]:
        return [option.data.partition(":")[2] for option in self.buttons]

    @property
    def ask(self) -> Ask:
        return next(effect for effect in self.turn.effects if isinstance(effect, Ask))

    @property
    def answers(self) -> Told:
        draft = self.session.draft
        return draft.answers if draft else Told()

    def answer(self, question: Asked) -> Answer:
        return self.answers[question.key]

    def saw(self, *kinds: type[Effect]) -> bool:
        """Whether the last turn did these things in this order, and nothing else."""
        return tuple(type(effect) for effect in self.turn.effects) == kinds

    @property
    def text(self) -> str:
        """Everything said in the last turn, in English."""
        return "\n".join(
            TOOLS.speak(paragraph, "en", "")
            for effect in self.turn.effects
            for paragraph in getattr(effect, "paragraphs", ())
        )

    def _keep(self, turn: Turn) -> None:
        self.turn = turn
        self.session = unpack(pack(turn.session))
        assert self.session == turn.session

    def copy(self) -> Family:
        """The same family, to try something with."""
        twin = replace(self)
        twin.session, twin.turn, twin.now = self.session, self.turn, self.now
        return twin
