"""The same talks on a channel without buttons: what was pressed is typed, and comes to the same.

Each transcript is played twice in step: once as it stands, once as on Signal, where options are
numbered and a family types the number it reads (in the digits it reads) or the words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.catalogues import speaks_of_buttons
from bot.channels.base import Limits
from bot.channels.signal import SignalChannel
from bot.languages import speak
from bot.messages import Outbound
from bot.render import Reader, digits, render
from flows.effects import Ask, Effect, Option, Turn
from flows.text import LANGUAGES
from tests.flows import playing
from tests.flows.playing import CODE, FORMS, SECOND_VERSION, Play, _script, _spoken, bare
from tests.flows.test_transcripts import TALKS

LIMITS = SignalChannel.limits


@dataclass
class Typing(Play):
    """A family on Signal: what it would press it types."""

    channel: str = "signal"
    limits: Limits = LIMITS
    typed: int = 0
    picked: set[int] = field(default_factory=set)

    @property
    def asked(self) -> Ask | None:
        """The newest question."""
        asks = [it for turn in self.turns for it in turn.effects if isinstance(it, Ask)]
        return asks[-1] if asks else None

    def press(self, label: str) -> Turn | None:
        """Type the number before ``label``, or every third time the label itself.

        Several answers to one question are typed together, as one does: nothing happens before.
        """
        assert self.session is not None
        self.typed += 1
        asked = self.asked
        options = [self._said(option) for option in asked.options] if asked else []
        if label in options and asked and _takes_several(asked):
            self.picked ^= {options.index(label) + 1}
            return None
        if self.picked and label not in options:
            numbers = [digits(place, self.session.language) for place in sorted(self.picked)]
            self.picked = set()
            return self.write((", ", "، ")[self.session.language == "ar"].join(numbers))
        if label in options and self.typed % 3:
            number = digits(options.index(label) + 1, self.session.language)
            assert f"{number}. {label}" in self.last.replace("✓ ", "")
            return self.write(number)
        return self.write(label)

    def _said(self, option: Option) -> str:
        assert self.session is not None
        return bare(speak(option.label, self.session.language, self.session.form))


def _takes_several(asked: Ask) -> bool:
    return bool(asked.options) and any(it.data.endswith(":~done") for it in asked.controls)


def spoken(turn: Turn, limits: Limits) -> list[Outbound]:
    known = {"code": CODE, "organisation": "Example Association"}
    reader = Reader(speak, turn.session.language, turn.session.form, limits, known=known)
    return render(_spoken(turn), reader)


def told(play: Play) -> dict[str, dict[str, object]]:
    """What is kept of the family's answers, without how they were put."""
    assert play.session is not None
    return {
        name: {path: (answer.value, answer.known) for path, answer in draft.answers.items()}
        for name, draft in play.session.drafts.items()
    }


def weighty(turn: Turn) -> list[type[Effect]]:
    """What a turn does besides speaking."""
    words = {"Ask", "Say", "Settle", "Tap"}
    return [type(it) for it in turn.effects if type(it).__name__ not in words]


@pytest.mark.parametrize("path", TALKS, ids=[path.stem for path in TALKS])
def test_a_talk_comes_to_the_same_where_everything_is_typed(path: Path) -> None:
    header, steps = _script(path.read_text(encoding="utf-8"))
    pressed, typed = (
        kind(language=header["language"], now=playing.BEGIN) for kind in (Play, Typing)
    )
    for play in (pressed, typed):
        playing.begin(play, header)
    for kind, words in steps:
        for play in (pressed, typed):
            _step(play, kind, words)
        if typed.picked:
            continue
        assert told(typed) == told(pressed), words
        if kind in ("press", "write"):
            assert weighty(typed.turns[-1]) == weighty(pressed.turns[-1]), words
    assert typed.session is not None
    assert pressed.session is not None
    assert typed.session.receipts == pressed.session.receipts
    said = [it for turn in typed.turns for it in spoken(turn, LIMITS)]
    assert {it.kind for it in said} <= {"message", "delete"}
    assert not any(it.buttons for it in said)
    assert max(len(it.text.encode("utf-16-le")) // 2 for it in said) <= LIMITS.text
    pressing = [
        it.text for it in said if any(speaks_of_buttons(it.text, each) for each in LANGUAGES)
    ]
    assert pressing == []


def _step(play: Play, kind: str, words: str) -> None:
    match kind:
        case "press":
            play.press(words)
        case "write":
            play.write(words)
        case "wait":
            play.wait(days=int(words.partition(" ")[0]))
        case "asked":
            name, _space, form = words.partition(" ")
            play.waiting = name, FORMS[form]
        case "number" | "copy":
            setattr(play.hallway, kind, words)
        case "flow version":
            play.flows = SECOND_VERSION
