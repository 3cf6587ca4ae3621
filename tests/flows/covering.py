"""A family whose chat may be closed: plays `flows.cover_talk.respond`, packing between turns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.languages import speak
from bot.render import Reader, render
from flows import cover, cover_talk
from flows.conversation import submitted
from flows.cover import SENTENCES, Cover
from flows.cover_talk import Covered
from flows.effects import Ask, Submit
from flows.scene import Heard
from flows.session import Session, pack, unpack
from flows.text import LANGUAGES
from tests.flows.playing import BEGIN, CODE, LIMITS, TOOLS, bare
from tests.flows.telling import buttons

PHRASE = "azure lamps 12"
COVER_WORDS = frozenset(speak(words, one, "") for words in SENTENCES for one in LANGUAGES)
"""Every text a closed chat may show."""


@dataclass
class Hidden:
    """One chat with its cover. ``language`` is what the app of whoever holds it is set to."""

    cover: Cover | None = None
    session: Session | None = None
    language: str = "en"
    channel: str = "telegram"
    now: datetime = BEGIN
    turns: list[Covered] = field(default_factory=list)

    def hear(self, heard: Heard) -> Covered:
        """Take one turn; cover and session go through bytes before it."""
        kept = self.cover and cover.unpack(cover.pack(self.cover))
        before = self.session and unpack(pack(self.session))
        assert (kept, before) == (self.cover, self.session)
        heard = replace(heard, hint=self.language, channel=self.channel)
        turn = cover_talk.respond(kept, before, heard, self.now, TOOLS, salt=b"salt" * 4)
        self.now += timedelta(seconds=5)
        self.turns.append(turn)
        self.cover = turn.cover
        if not turn.untouched and turn.session is not None:
            self.session = turn.session
            for effect in turn.effects:
                if isinstance(effect, Submit):
                    self.session = submitted(turn.session, CODE, effect.report.reach)
        return turn

    def write(self, text: str) -> Covered:
        return self.hear(Heard("text", text=text))

    def press(self, code: str) -> Covered:
        """Press the newest button whose data ends in ``code``."""
        for turn in reversed(self.turns):
            for effect in turn.effects:
                if isinstance(effect, Ask):
                    for option in buttons(effect):
                        if option.data.endswith(f":{code}"):
                            return self.hear(Heard("button", button=option.data))
        raise AssertionError(f"no button {code}")

    def wait(self, **span: float) -> Hidden:
        self.now += timedelta(**span)
        return self

    def choose(self, phrase: str = PHRASE) -> Hidden:
        """Choose a phrase, from wherever the family is."""
        self.write("cover")
        self.write(phrase)
        self.write(phrase)
        assert self.cover is not None
        assert self.cover.mark
        return self

    @property
    def closed(self) -> bool:
        return self.cover is not None and self.cover.on

    @property
    def texts(self) -> list[str]:
        """What the last turn shows: messages, edits and words in acknowledgements."""
        return texts(self.turns[-1], self.session)

    @property
    def asked(self) -> list[str]:
        """The paths of what the last turn asks."""
        return [it.path for it in self.turns[-1].effects if isinstance(it, Ask)]


def texts(turn: Covered, session: Session | None) -> list[str]:
    """Return all words of ``turn``, labels of buttons among them."""
    reader = Reader(
        speak, turn.language, session.form if session else "", LIMITS,
        message_id="1", callback_id="1", known={"organisation": "Example", "code": CODE},
    )  # fmt: skip
    shown = []
    for one in render(turn.effects, reader):
        shown.append(bare(one.text))
        shown += [bare(button.label) for row in one.buttons for button in row]
    return [text for text in shown if text]
