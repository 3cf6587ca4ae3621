"""The people who write to the account: what they do, and what they see on their telephones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.signal_rpc.daemon import SignalDaemon

_NUMBERED = re.compile(r"^\s*([0-9٠-٩]+)\.\s*(?:✓\s*)?(.+)$", re.MULTILINE)
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LATIN = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")


@dataclass
class Shown:
    """One message on a person's telephone; ``stamp`` is its id."""

    stamp: int
    text: str
    ours: bool
    deleted: bool = False
    edited: list[str] = field(default_factory=list)
    timer: int = 0

    @property
    def plain(self) -> str:
        """The words without direction marks."""
        return _MARKS.sub("", self.text)


class Person:
    """Somebody with Signal. ``number`` is None for who shares none, as most do."""

    def __init__(self, daemon: SignalDaemon, uuid: str, number: str | None, name: str) -> None:
        self.daemon = daemon
        self.uuid = uuid
        self.number = number
        self.name = name
        self.shown: list[Shown] = []
        self.receipts: list[int] = []
        self.typing_seen = 0
        self.timer = 0
        self.registered = True
        self.keys = 1
        self.clock_is_wrong_by = 0

    # -- what they see

    @property
    def received(self) -> list[Shown]:
        """What of the service's stands in the chat now."""
        return [shown for shown in self.shown if shown.ours and not shown.deleted]

    @property
    def last(self) -> Shown:
        """The service's newest message. Raises LookupError when there is none."""
        if not self.received:
            raise LookupError("nothing has been written here")
        return self.received[-1]

    @property
    def options(self) -> dict[str, str]:
        """The numbered lines of the newest message: words to number, as they stand there."""
        return {label.strip(): number for number, label in _NUMBERED.findall(self.last.plain)}

    # -- what they do

    def write(self, text: str, *, quote: Shown | None = None) -> Shown:
        """Send words, perhaps quoting a message."""
        data: dict[str, Any] = {"message": text}
        if quote is not None:
            author = self.daemon.account_uuid if quote.ours else self.uuid
            data["quote"] = {
                "id": quote.stamp, "author": author, "authorNumber": None, "authorUuid": author,
                "text": quote.text, "attachments": [],
            }  # fmt: skip
        return self._say(data, text)

    def choose(self, label: str) -> Shown:
        """Type the number that stands before ``label`` in the newest message."""
        return self.write(self.options[label])

    def send_file(
        self,
        content: bytes,
        type: str = "image/jpeg",
        *,
        name: str | None = None,
        caption: str | None = None,
        more: int = 0,
    ) -> Shown:
        """Send a file, or ``more`` besides in the same message."""
        files = [self.daemon.keep_file(content, type, name) for _ in range(1 + more)]
        return self._say({"message": caption, "attachments": files}, caption or "")

    def send_voice(self, content: bytes = b"\x00voice") -> Shown:
        return self.send_file(content, "audio/aac")

    def send_sticker(self) -> Shown:
        return self._say({"message": None, "sticker": {"packId": "00", "stickerId": 1}}, "")

    def set_timer(self, seconds: int, *, told: bool = True) -> None:
        """Let messages disappear; older daemons do not say that this is all a message is about."""
        self.timer = seconds
        extra = {"isExpirationUpdate": True} if told else {}
        self._say({"message": None, "expiresInSeconds": seconds, **extra}, "")

    def react(self, shown: Shown, emoji: str = "👍", *, removed: bool = False) -> None:
        author = self.daemon.account_uuid if shown.ours else self.uuid
        self._envelope({
            "dataMessage": self._data({
                "message": None,
                "reaction": {
                    "emoji": emoji, "targetAuthor": author, "targetAuthorNumber": None,
                    "targetAuthorUuid": author, "targetSentTimestamp": shown.stamp,
                    "isRemove": removed,
                },
            })
        })  # fmt: skip

    def edit(self, shown: Shown, text: str) -> None:
        shown.edited.append(shown.text)
        shown.text = text
        data = self._data({"message": text})
        self._envelope(
            {"editMessage": {"targetSentTimestamp": shown.stamp, "dataMessage": data}},
            stamp=data["timestamp"],
        )

    def delete(self, shown: Shown) -> None:
        """Delete an own message for everybody: the service is told."""
        shown.deleted = True
        self._envelope({"dataMessage": self._data(
            {"message": None, "remoteDelete": {"timestamp": shown.stamp}}
        )})  # fmt: skip

    def call(self) -> None:
        self._envelope({"callMessage": {"offerMessage": {"id": 7, "type": "AUDIO_CALL"}}})

    def type(self) -> None:
        stamp = self._now()
        self._envelope({"typingMessage": {"action": "STARTED", "timestamp": stamp}}, stamp=stamp)

    def acknowledge(self, shown: Shown) -> None:
        self._envelope({"receiptMessage": {
            "when": self._now(), "isDelivery": False, "isRead": True, "isViewed": False,
            "timestamps": [shown.stamp],
        }})  # fmt: skip

    def tell_story(self) -> None:
        self._envelope({"storyMessage": {"allowsReplies": True, "groupId": None}})

    def speak_in_group(self, text: str, group: str = "R3JvdXA=") -> None:
        info = {"groupId": group, "groupName": "G", "revision": 1, "type": "DELIVER"}
        self._envelope({"dataMessage": self._data({"message": text, "groupInfo": info})})

    def change_telephone(self) -> None:
        """Register anew: another key, the same account."""
        self.keys += 1

    def send_undecryptable(self, type: str = "ProtocolInvalidMessageException") -> None:
        self._envelope({}, exception={"message": "org.signal.x", "type": type})

    def _say(self, data: dict[str, Any], text: str) -> Shown:
        data = self._data(data)
        shown = Shown(data["timestamp"], text, ours=False)
        self.shown.append(shown)
        self._envelope({"dataMessage": data}, stamp=data["timestamp"])
        return shown

    def _now(self) -> int:
        return self.daemon.tick() + self.clock_is_wrong_by

    def _data(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"timestamp": self._now(), "expiresInSeconds": self.timer, "viewOnce": False, **data}

    def _envelope(
        self, content: dict[str, Any], *, stamp: int = 0, exception: dict[str, str] | None = None
    ) -> None:
        data = content.get("dataMessage")
        stamp = stamp or (data or {}).get("timestamp") or self._now()
        envelope = {
            "source": self.number or self.uuid,
            "sourceNumber": self.number,
            "sourceUuid": self.uuid,
            "sourceName": self.name,
            "sourceDevice": 1,
            "timestamp": stamp,
            "serverReceivedTimestamp": self.daemon.tick(),
            "serverDeliveredTimestamp": self.daemon.tick(),
            **content,
        }
        self.daemon.post(envelope, exception)

    # -- waiting

    async def wait_for(self, check: Callable[[Person], object], within: float = 20.0) -> None:
        """Wait until ``check(self)`` holds; it may raise LookupError meanwhile."""

        def holds() -> bool:
            try:
                return bool(check(self))
            except LookupError:
                return False

        try:
            async with asyncio.timeout(within), self.daemon.news:
                await self.daemon.news.wait_for(holds)
        except TimeoutError:
            seen = [shown.plain[:200] for shown in self.received[-3:]]
            raise TimeoutError(f"nothing came; the last words: {seen}") from None

    async def ask(self, text: str, within: float = 20.0) -> Shown:
        """Write, wait for the next message of the service's, and return it."""
        before = len(self.received)
        self.write(text)
        await self.wait_for(lambda me: len(me.received) > before, within)
        return self.last

    def count(self) -> int:
        """How many messages of the service's came here, deleted ones too."""
        return sum(shown.ours for shown in self.shown)

    @staticmethod
    def latin(number: str) -> str:
        """The number in Latin digits."""
        return number.translate(_LATIN)
