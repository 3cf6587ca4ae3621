"""The conversation as plain data: what a family does, and what a bot shows it.

Bots read this and nothing else of ours, so that none of them pays for what the others import.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

INSERTED = re.compile("\u2068[^\u2068\u2069]*\u2069")
"""Something inserted into a sentence, between bidirectional isolates."""


class Act(msgspec.Struct, frozen=True):
    """One thing a family does: ``text`` it writes (a ``{}`` is its number), or the label it taps.

    ``marker`` is a piece of what the bot has to say to it.
    """

    kind: Literal["write", "tap"]
    text: str
    marker: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A message of a bot: its words, what they insert between isolates, and rows of labels."""

    text: str
    rows: tuple[tuple[str, ...], ...] = ()

    def filled(self, words: str) -> str:
        """Return the words with ``words`` in the first place where something is inserted."""
        return INSERTED.sub(f"\u2068{words}\u2069", self.text, count=1)


class Step(msgspec.Struct, frozen=True):
    """One question as a bot that knows nothing of flows needs it."""

    key: str
    kind: Literal["choice", "words", "date", "review"]
    title: str
    shown: Shown
    again: Shown | None = None
    confirm: Shown | None = None


class Script(msgspec.Struct, frozen=True):
    """The whole conversation: the family's acts, the bot's questions, its last words."""

    acts: tuple[Act, ...]
    steps: tuple[Step, ...]
    done: Shown
