"""Broadcasts: words to many, drafted by one person and approved by another.

    draft  ->  submitted (frozen)  ->  approved  ->  running  <->  paused  ->  done or cancelled

Nobody is written to before two people have agreed, and what the second one agrees to is named by
its hash: words that changed in between are not approved. Families get a notice without content
(`notices.py`); the words are spoken when the reader opens it.

The pump turns an approved broadcast into letters. It first writes down everybody it is for, then
keeps only a few seconds' worth of letters in the outbox, so that a pause and a cancellation act at
once, whatever is left to do. What has become of whom stands in the ledger of the broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bot.services.permissions import Actor
from flows.text import Language
from storage.broadcast_values import Audience, Broadcast, Count, Draft, Progress, State

__all__ = [
    "Audience",
    "Broadcast",
    "Broadcasts",
    "Count",
    "Draft",
    "Progress",
    "Refused",
    "Sample",
    "State",
]

Reason = Literal[
    "no_title",  # there is none, or it is too long
    "no_words",  # there are none in `language`
    "too_long",  # the words in `language` do not fit one message
    "fate_words",  # the words in `language` speak of a fate: `found`
    "years",  # the years of the audience are in the wrong order
    "percent",  # the limit is not between 1 and 100
    "not_yours",  # only who drafted it may change and submit it
    "own",  # nobody approves what they drafted themselves
    "state",  # that is not possible any more, or not yet
    "changed",  # it is not what was looked at
    "nobody",  # there is nobody in its audience
    "still_failing",  # it would stop again at once: choose a higher limit
]

LONGEST_TITLE: Final = 120
LONGEST: Final = 3_500
"""Characters (as providers count them) of the words in one language: one message, with room."""


class Refused(Exception):
    """What was asked is refused; ``reason`` is a fixed word, for faces to put into a sentence.

    ``language`` says which of the two texts it is about, ``found`` which words of it.
    """

    def __init__(
        self, reason: Reason, language: Language | None = None, found: Sequence[str] = ()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.language = language
        self.found = tuple(found)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a family would see in one language: the notice, its button, and the words behind it."""

    language: Language
    notice: str
    button: str
    words: str = field(repr=False)


class Broadcasts:
    """Broadcasts for the staff rooms, and the pump that carries them out."""

    async def draft(self, actor: Actor, draft: Draft) -> Broadcast:
        """Keep a new draft. Raises `Refused`, `NotAllowed`."""
        raise NotImplementedError

    async def edit(self, actor: Actor, handle: str, draft: Draft) -> Broadcast:
        """Change a draft; only who drafted it may. Raises `Refused`, `NotAllowed`."""
        raise NotImplementedError

    async def read(self, actor: Actor, handle: str) -> Broadcast:
        """Return one broadcast. Raises `NotAllowed`, also when there is none."""
        raise NotImplementedError

    async def find(self, actor: Actor, number: int) -> Broadcast | None:
        """Return the broadcast with this number, or None."""
        raise NotImplementedError

    async def list(self, actor: Actor, most: int = 50) -> Sequence[Broadcast]:
        """Return the newest broadcasts, newest first."""
        raise NotImplementedError

    async def count(self, actor: Actor, audience: Audience) -> Count:
        """Return how many people an audience is now, and who is left out and why."""
        raise NotImplementedError

    def render_sample(self, actor: Actor, draft: Draft) -> Sequence[Sample]:
        """Return what families would see, in both languages."""
        raise NotImplementedError

    async def submit(self, actor: Actor, handle: str) -> Broadcast:
        """Freeze a draft and ask the other coordinators to approve it. Raises `Refused`."""
        raise NotImplementedError

    async def take_back(self, actor: Actor, handle: str) -> Broadcast:
        """Make a draft of what waits for approval again: the drafter thinks anew, or a second
        person declines. Raises `Refused`."""
        raise NotImplementedError

    async def approve(self, actor: Actor, handle: str, digest: str) -> Broadcast:
        """Let it go out. ``digest`` names what the approver has read. Raises `Refused`."""
        raise NotImplementedError

    async def pause(self, actor: Actor, handle: str) -> Broadcast:
        """Write to nobody further for now; doing it twice does no harm. Raises `Refused`."""
        raise NotImplementedError

    async def resume(
        self, actor: Actor, handle: str, stop_at_percent: int | None = None
    ) -> Broadcast:
        """Go on, perhaps with another limit. Raises `Refused`."""
        raise NotImplementedError

    async def cancel(self, actor: Actor, handle: str) -> Broadcast:
        """Write to nobody further, ever; a draft is given up likewise. Raises `Refused`."""
        raise NotImplementedError

    async def progress(self, actor: Actor, handle: str) -> Progress:
        """Return how many people are where."""
        raise NotImplementedError

    async def report(self, actor: Actor, handle: str) -> str:
        """Return the report as CSV, safe to open in a spreadsheet; the export is recorded."""
        raise NotImplementedError

    async def pump(self) -> int:
        """Do what is due for running broadcasts; return how many letters were put."""
        raise NotImplementedError
