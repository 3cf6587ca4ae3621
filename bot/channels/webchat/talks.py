"""What the page shows: the talks, in memory, bounded.

Theory. A tab of the page is a copy of one `Talk`, and it is kept up to date by *state*, not by a
log of events: every message carries the number of its last change, and a tab asks for what
changed after the number it has seen. So a tab that was cut off, slept, or is slow gets each
message once, as it is now; a message that was deleted meanwhile is sent to nobody any more; and
there is no queue that could grow. A tab whose number is unknown here (the server was started
anew, the talk was dropped, another conversation) gets the whole talk.

Nothing here is durable and nothing has to be: what a family said is kept by whoever receives it,
before the page says so.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from bot.messages import Button

NOTES_KEPT = 20
GONE_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """One bubble. ``order`` is its place in the talk, ``changed`` the number of its last change.

    ``chosen`` is the label of the button under it that was pressed last. ``at`` is aware, UTC.
    """

    id: str
    side: Literal["service", "family"]
    text: str
    at: datetime
    order: int
    changed: int = 0
    buttons: tuple[tuple[Button, ...], ...] = ()
    language: str = ""
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A tap acknowledged, perhaps with a short sentence; shown for a moment and not kept."""

    callback_id: str
    text: str
    changed: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a tab has to do to be up to date. ``whole``: forget what is shown and take these."""

    seen: int
    whole: bool
    language: str
    messages: tuple[Message, ...]
    gone: tuple[str, ...]
    notes: tuple[Note, ...]


class Talk:
    """One conversation as the page shows it: at most ``most`` messages, the oldest go first."""

    def __init__(self, most: int) -> None:
        self.language = ""
        self.tabs: set[asyncio.Event] = set()
        self.ended = False
        self._most = most
        self._messages: dict[str, Message] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._notes: deque[Note] = deque(maxlen=NOTES_KEPT)
        self._now = 0
        self._floor = 0
        self._orders = 0

    def place(self) -> int:
        """Reserve the next place in the order of the talk."""
        self._orders += 1
        return self._orders

    def find(self, message_id: str) -> Message | None:
        """Return the message as it is shown now, or None."""
        return self._messages.get(message_id)

    def put(self, message: Message) -> None:
        """Show ``message``, or show it as it is now; one that was deleted stays deleted."""
        if message.id in self._gone:
            return
        self._messages[message.id] = replace(message, changed=self._step())
        while len(self._messages) > self._most:
            oldest = min(self._messages.values(), key=lambda shown: shown.order)
            del self._messages[oldest.id]
        self.wake()

    def delete(self, message_ids: tuple[str, ...]) -> None:
        """Take messages off every tab. Unknown ones are remembered: they may be on their way."""
        number = self._step()
        for message_id in message_ids:
            self._messages.pop(message_id, None)
            self._gone[message_id] = number
        while len(self._gone) > GONE_KEPT:
            _, self._floor = self._gone.popitem(last=False)
        self.wake()

    def note(self, callback_id: str, text: str) -> None:
        """Acknowledge a tap on every tab."""
        self._notes.append(Note(callback_id, text, self._step()))
        self.wake()

    def since(self, seen: int | None) -> Changes:
        """Return what changed after ``seen``; everything when that is None or too long ago."""
        whole = seen is None or not self._floor <= seen <= self._now
        after = -1 if seen is None or whole else seen
        return Changes(
            seen=self._now,
            whole=whole,
            language=self.language,
            messages=tuple(
                sorted(
                    (message for message in self._messages.values() if message.changed > after),
                    key=lambda message: message.order,
                )
            ),
            gone=() if whole else tuple(id for id, at in self._gone.items() if at > after),
            notes=() if whole else tuple(note for note in self._notes if note.changed > after),
        )

    def end(self) -> None:
        """Let every tab's stream end for good: this talk is over."""
        self.ended = True
        self.wake()

    @contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the talk changes, for as long as a tab looks."""
        changed = asyncio.Event()
        self.tabs.add(changed)
        try:
            yield changed
        finally:
            self.tabs.discard(changed)

    def _step(self) -> int:
        self._now += 1
        return self._now

    def wake(self) -> None:
        """Let every tab's stream look again."""
        for changed in self.tabs:
            changed.set()


class Talks:
    """All talks by person; beyond ``most`` the one unused for longest, and unwatched, is dropped.

    ``messages`` bounds each talk.
    """

    def __init__(self, most: int, messages: int) -> None:
        self._most = most
        self._messages = messages
        self._by_person: OrderedDict[str, Talk] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_person)

    def find(self, person: str) -> Talk | None:
        """Return the talk, or None when nothing of it is in memory."""
        return self._by_person.get(person)

    def open(self, person: str) -> Talk:
        """Return the talk, an empty one if there is none yet."""
        talk = self._by_person.get(person)
        if talk is None:
            talk = self._by_person[person] = Talk(self._messages)
            self._drop_unused()
        self._by_person.move_to_end(person)
        return talk

    def drop(self, person: str) -> None:
        """Forget a talk and end its streams."""
        talk = self._by_person.pop(person, None)
        if talk is not None:
            talk.end()

    def wake(self) -> None:
        """Let every stream of every talk look again: the service may be stopping."""
        for talk in self._by_person.values():
            talk.wake()

    def _drop_unused(self) -> None:
        newest = next(reversed(self._by_person))
        for person in list(self._by_person):
            if len(self._by_person) <= self._most:
                return
            if person != newest and not self._by_person[person].tabs:
                del self._by_person[person]
