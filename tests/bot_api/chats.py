"""What stands in the chats: messages as both sides see them, and the ledger of all that happened.

A `Shown` message is the provider's own copy. The person and the bot look at the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

DELETABLE = 48 * 3600
"""A bot may delete a message that is younger than this, in seconds."""

ChatState = Literal["new", "open", "blocked", "deactivated", "left", "kicked", "upgraded"]


class Button(NamedTuple):
    """A button somebody sees: ``data`` is empty unless it calls back."""

    label: str
    data: str
    row: int
    message_id: int


@dataclass(slots=True, eq=False)
class Shown:
    """One message in a chat. ``at`` is seconds since 1970; ``body`` is the Bot API's Message."""

    id: int
    chat_id: int
    at: float
    from_bot: bool
    body: dict[str, Any]
    protected: bool = False
    silent: bool = False
    preview: bool = True
    deleted_by: Literal["", "bot", "person"] = ""
    edited_at: float | None = None
    earlier: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The words: the text, or the caption of a file."""
        return str(self.body.get("text", self.body.get("caption", "")))

    @property
    def rows(self) -> list[list[dict[str, Any]]]:
        return list((self.body.get("reply_markup") or {}).get("inline_keyboard", ()))

    @property
    def buttons(self) -> list[Button]:
        return [
            Button(button["text"], button.get("callback_data", ""), number, self.id)
            for number, row in enumerate(self.rows)
            for button in row
        ]

    @property
    def labels(self) -> list[str]:
        return [button.label for button in self.buttons]

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


class Noted(NamedTuple):
    """One line of the ledger. ``at`` is seconds since 1970; ``what`` says what happened.

    ``wrote``, ``rewrote``, ``tapped``, ``removed``, ``blocked``, ``unblocked`` are a person's acts;
    ``sent``, ``edited``, ``deleted``, ``answered`` are the bot's.
    """

    number: int
    at: float
    chat_id: int
    what: str
    message_id: int
    text: str
    data: str
    update_id: int


class Ledger:
    """Everything that was sent and seen, in order. ``keep=False`` only counts."""

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self.rows: list[Noted] = []
        self.counts: dict[str, int] = {}
        self.watchers: list[Callable[[Noted], object]] = []
        self._waiting: dict[int | None, list[asyncio.Future[None]]] = {}
        self._number = 0

    def note(
        self,
        at: float,
        chat_id: int,
        what: str,
        message_id: int,
        *,
        text: str = "",
        data: str = "",
        update_id: int = 0,
    ) -> None:
        """Write one line and wake whoever waits for it."""
        row = Noted(self._number, at, chat_id, what, message_id, text, data, update_id)
        self._number += 1
        self.counts[what] = self.counts.get(what, 0) + 1
        if self._keep:
            self.rows.append(row)
        for watcher in self.watchers:
            watcher(row)
        if self._waiting:
            self._wake(chat_id)

    def _wake(self, chat_id: int) -> None:
        for key in (chat_id, None):
            for each in self._waiting.pop(key, ()):
                if not each.done():
                    each.set_result(None)

    async def next(self, within: float, chat_id: int | None = None) -> bool:
        """Wait for the next line (of one chat); False when none came in ``within`` real seconds."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(chat_id, []).append(future)
        done, _ = await asyncio.wait((future,), timeout=within)
        return bool(done)

    def of(self, chat_id: int) -> list[Noted]:
        return [row for row in self.rows if row.chat_id == chat_id]


@dataclass(slots=True, eq=False)
class Chat:
    """One conversation with the bot: ``about`` is the Bot API's Chat."""

    id: int
    about: dict[str, Any]
    state: ChatState = "new"
    messages: dict[int, Shown] = field(default_factory=dict)
    person: dict[str, Any] | None = None
    keyboard: list[str] = field(default_factory=list)
    moved_to: int = 0

    @property
    def type(self) -> str:
        return str(self.about["type"])

    def visible(self) -> Iterator[Shown]:
        """Go through what still stands in the chat, oldest first."""
        return (shown for shown in self.messages.values() if not shown.deleted_by)

    def find(self, message_id: int) -> Shown | None:
        shown = self.messages.get(message_id)
        return None if shown is None or shown.deleted_by else shown
