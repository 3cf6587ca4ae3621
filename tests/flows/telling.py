"""Families that tell a whole report by a script: what they answer to each key.

A script maps keys to what is done there: ``=code`` presses the button with that code, anything else
is typed. ``sightings[1].place`` names one round, ``sightings[].place`` all of them. What a script
leaves out is skipped, or not known, or answered with the first thing offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.languages import fill_later
from flows.conversation import respond, submitted
from flows.effects import Ask, Effect, Option, Say, Submit, Tap, Turn
from flows.engine import Heard
from flows.session import Report, Session, pack, unpack
from flows.text import Form, Language, Sentence
from tests.flows.playing import BEGIN, CODE, TOOLS

Script = Mapping[str, str]
AGREED: Script = {"a2_safe": "=yes", "a3_consent": "=agree"}


@dataclass
class Teller:
    """One family at the conversation; everything it was shown is in ``turns``."""

    script: Script = field(default_factory=dict)
    language: Language = "en"
    now: datetime = BEGIN
    channel: str = "terminal"
    session: Session | None = None
    turns: list[Turn] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    code: str = CODE

    def hear(self, heard: Heard) -> Turn:
        self.now += timedelta(seconds=20)
        before = unpack(pack(self.session)) if self.session else None
        assert before == self.session
        turn = respond(before, heard, self.now, TOOLS)
        self.turns.append(turn)
        self.session = turn.session
        for effect in turn.effects:
            if isinstance(effect, Submit):
                self.session = submitted(turn.session, self.code, effect.report.reach)
            elif isinstance(effect, Ask):
                self.asked.append(effect.path)
        return turn

    def write(self, text: str) -> Turn:
        return self.hear(Heard("text", text=text, hint=self.language, channel=self.channel))

    def press(self, code: str) -> Turn:
        """Press the button with this code (without its mark) under the newest question."""
        for option in buttons(self.ask):
            if option.data.partition(":")[2] == code:
                return self.hear(Heard("button", button=option.data, channel=self.channel))
        raise AssertionError(f"no {code!r} at {self.ask.path}")

    @property
    def ask(self) -> Ask:
        """The newest question."""
        return next(
            effect
            for turn in reversed(self.turns)
            for effect in turn.effects
            if isinstance(effect, Ask)
        )

    @property
    def last(self) -> Turn:
        return self.turns[-1]

    @property
    def asks(self) -> bool:
        """Whether the last turn asked something."""
        return any(isinstance(effect, Ask) for effect in self.last.effects)

    def begin(self) -> Teller:
        """Write for the first time."""
        self.write("/start")
        return self

    def go_on(self, until: str = "") -> Teller:
        """Answer by the script until a question is asked that has this path, or none is asked."""
        for _turn in range(200):
            if not self.asks or self.ask.path == until:
                return self
            self.answer()
        raise AssertionError(f"still at {self.ask.path}")

    def answer(self) -> Turn:
        """Answer the newest question by the script."""
        said = self._said()
        if not said.startswith("="):
            return self.write(said)
        return self.press(said[1:])

    def effects(self, kind: type[Effect]) -> list[Effect]:
        return [
            effect for turn in self.turns for effect in turn.effects if isinstance(effect, kind)
        ]

    @property
    def report(self) -> Report:
        """The report sent last."""
        submits = self.effects(Submit)
        assert submits, f"nothing sent; at {self.ask.path}"
        assert isinstance(submits[-1], Submit)
        return submits[-1].report

    def _said(self) -> str:
        codes = [option.data.partition(":")[2] for option in buttons(self.ask)]
        path = self.ask.path
        if path == "a1_lang":
            return f"={self.language}"
        if "~yes" in codes:
            return "=~yes"
        if "#0" in codes:
            return "=#0"
        if "~send" in codes:
            return "=~send"
        if codes[0] == "~done":
            return "=~done"
        for key in (path, re.sub(r"\[\d+\]", "[]", path)):
            if key in self.script and f"={self.script[key]}" not in codes:
                return self.script[key]
        for way in ("~skip", "~unknown", "~done"):
            if way in codes:
                return f"={way}"
        return f"={codes[0]}"


def told(script: Script, **settings: object) -> Teller:
    """A family that told its whole report by this script, after agreeing."""
    teller = Teller({**AGREED, **script}, **settings)  # type: ignore[arg-type]
    return teller.begin().go_on(until="another")


def at(path: str, script: Script | None = None, **settings: object) -> Teller:
    """A family that was just asked this question."""
    teller = Teller({**AGREED, **(script or {})}, **settings)  # type: ignore[arg-type]
    teller.begin().go_on(until=path)
    assert teller.asks, f"{path} was never asked"
    assert teller.ask.path == path, f"{path} was never asked"
    return teller


def buttons(ask: Ask) -> tuple[Option, ...]:
    return (*ask.options, *ask.controls)


def sentences(turn: Turn) -> Iterator[Sentence]:
    """Yield every sentence of a turn, labels of buttons included."""
    for effect in turn.effects:
        if isinstance(effect, Say | Ask):
            yield from effect.paragraphs
        if isinstance(effect, Ask):
            yield from (option.label for option in buttons(effect))
        if isinstance(effect, Tap) and effect.words:
            yield effect.words


def spoken(turn: Turn, language: Language | None = None) -> list[str]:
    """Every sentence of a turn as its session's language and form speak it, without isolates."""
    session = turn.session
    return [say(it, language or session.language, session.form) for it in sentences(turn)]


def say(sentence: Sentence, language: Language, form: Form = "") -> str:
    known = {"code": CODE, "organisation": "Example Association"}
    isolates = dict.fromkeys(range(0x2066, 0x206A))
    return TOOLS.speak(fill_later(sentence, known), language, form).translate(isolates)


Try = Callable[[Teller], Turn]
