"""The people who talk with the bot: what they do, and what they see on their screens.

A `Person` has one private chat with one bot. Their acts become updates as Telegram writes them;
`messages`, `last` and `buttons` are their screen, edits and deletions included.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.bot_api.chats import Button, Chat, Noted, Shown
from tests.bot_api.files import describe
from tests.bot_api.formatting import clean, commands_in
from tests.bot_api.limits import START_PAYLOAD
from tests.bot_api.state import Bot, Tap
from tests.bot_api.updates import MESSAGE_LIFE, TAP_LIFE

BOTS_ACTS = frozenset({"sent", "edited", "deleted", "answered"})
WITHIN = 20.0
"""Real seconds somebody waits for the bot: a busy machine is slow, and nobody waits in vain."""
LOOK_AGAIN = 0.05
"""Real seconds after which what is waited for is looked at although nothing was written."""


class Sender:
    """Somebody who writes into a chat that the bot can read."""

    def __init__(self, bot: Bot, chat: Chat, user: dict[str, Any] | None) -> None:
        self.bot = bot
        self.chat = chat
        self.user = user
        self.taps: list[Tap] = []

    # -- what they see

    @property
    def messages(self) -> list[Shown]:
        """What stands in the chat now, oldest first, both sides."""
        return list(self.chat.visible())

    @property
    def received(self) -> list[Shown]:
        """What of the bot's stands in the chat now."""
        return [shown for shown in self.chat.visible() if shown.from_bot]

    @property
    def last(self) -> Shown:
        """The bot's newest message. Raises LookupError when there is none."""
        found = self.received
        if not found:
            raise LookupError("the bot has not written anything that still stands here")
        return found[-1]

    @property
    def buttons(self) -> list[Button]:
        """The buttons of the newest message that has any."""
        for shown in reversed(self.received):
            if shown.buttons:
                return shown.buttons
        return []

    @property
    def labels(self) -> list[str]:
        return [button.label for button in self.buttons]

    @property
    def toasts(self) -> list[str]:
        """The short notices shown over the chat after taps."""
        return [tap.text for tap in self.taps if tap.text]

    # -- what they do

    def _post(self, content: dict[str, Any], *, kind: str = "message") -> Shown:
        shown = self.bot.show(self.chat, content, from_bot=False, sender=self.user)
        number = self.bot.push(kind, shown.body, f"chat:{self.chat.id}")
        text = shown.text
        self.bot.ledger.note(shown.at, self.chat.id, "wrote", shown.id, text=text, update_id=number)
        return shown

    def write(self, text: str) -> Shown:
        """Send words (at most 4096 characters, as the app would not send more)."""
        kept = clean(text)
        if not 1 <= len(kept) <= 4096:
            raise ValueError("the app sends 1 to 4096 characters at a time")
        content: dict[str, Any] = {"text": kept}
        if found := commands_in(kept):
            content["entities"] = found
        return self._post(content)

    def _send_file(
        self, kind: str, content: bytes, name: str, type: str, size: int, more: dict[str, Any]
    ) -> Shown:
        file = self.bot.files.add(kind, content, name, type, size)
        return self._post({**describe(file), **{k: v for k, v in more.items() if v}})

    def send_photo(
        self, content: bytes = b"\xff\xd8\xff", *, caption: str = "", size: int = 0
    ) -> Shown:
        """Send a photo; ``size`` in bytes makes it larger than its content."""
        return self._send_file("photo", content, "p.jpg", "image/jpeg", size, {"caption": caption})

    def send_voice(self, content: bytes = b"OggS", *, caption: str = "", size: int = 0) -> Shown:
        return self._send_file("voice", content, "v.oga", "audio/ogg", size, {"caption": caption})

    def send_document(
        self,
        content: bytes = b"%PDF-",
        *,
        name: str = "paper.pdf",
        type: str = "application/pdf",
        caption: str = "",
        size: int = 0,
    ) -> Shown:
        return self._send_file("document", content, name, type, size, {"caption": caption})

    def send_sticker(self) -> Shown:
        return self._send_file("sticker", b"RIFF", "s.webp", "image/webp", 0, {})

    def send_location(self, latitude: float = 33.51, longitude: float = 36.29) -> Shown:
        return self._post({"location": {"latitude": latitude, "longitude": longitude}})

    def send_contact(self, phone_number: str = "963900000000") -> Shown:
        return self._post({"contact": {"phone_number": phone_number, "first_name": "X"}})

    def send_album(self, photos: Sequence[bytes], *, caption: str = "") -> list[Shown]:
        """Send several photos as one album: as many messages with one ``media_group_id``."""
        group = str(self.bot.chance.randrange(1 << 52, 1 << 53))
        captions = [caption] + [""] * (len(photos) - 1)
        return [
            self._send_file(
                "photo", photo, "p.jpg", "image/jpeg", 0,
                {"caption": words, "media_group_id": group},
            )
            for photo, words in zip(photos, captions, strict=True)
        ]  # fmt: skip

    def edit(self, message: Shown, text: str) -> Shown:
        """Change the words of an own message."""
        if message.from_bot:
            raise ValueError("nobody can edit what the bot wrote")
        now = self.bot.clock.now()
        field = "text" if "text" in message.body else "caption"
        message.earlier.append(message.text)
        message.body = {**message.body, field: clean(text), "edit_date": int(now)}
        message.edited_at = now
        number = self.bot.push("edited_message", message.body, f"chat:{self.chat.id}")
        row = {"text": message.text, "update_id": number}
        self.bot.ledger.note(now, self.chat.id, "rewrote", message.id, **row)  # type: ignore[arg-type]
        return message

    def delete(self, message: Shown) -> None:
        """Delete a message for both sides. The bot is not told."""
        message.deleted_by = "person"
        self.bot.ledger.note(self.bot.clock.now(), self.chat.id, "removed", message.id)

    def tap(self, button: str | Button, *, on: Shown | None = None, stale: bool = False) -> Tap:
        """Press a button: given itself, or by label, data, or a part of one label.

        It is looked for from the newest message up, or only ``on`` one. With ``stale`` any text is
        sent as the data of a button that stood there once (an old screen). Raises LookupError.
        """
        if stale:
            data = button if isinstance(button, str) else button.data
            return self._tap(on or self.last, data)
        shown, found = self._find_button(button, on)
        return self._tap(shown, found.data)

    def _find_button(self, wanted: str | Button, on: Shown | None) -> tuple[Shown, Button]:
        places = [on] if on is not None else list(reversed(self.received))
        exact: list[Callable[[Button], bool]] = [
            lambda button: wanted in (button, button.label, button.data),
            lambda button: isinstance(wanted, str) and wanted in button.label,
        ]
        for fits in exact:
            for shown in places:
                for button in shown.buttons:
                    if fits(button):
                        return shown, button
        raise LookupError(f"no button {wanted!r} among {self.labels}")

    def _tap(self, shown: Shown, data: str) -> Tap:
        tap = self.bot.take_tap(self.chat, shown, data)
        query = {
            "id": tap.id,
            "from": self.user,
            "message": shown.body,
            "chat_instance": str(self.chat.id * 7_919_317 % (1 << 61)),
            "data": data,
        }
        lane = f"tap:{self.user['id'] if self.user else self.chat.id}"
        tap.update_id = self.bot.push("callback_query", query, lane, TAP_LIFE)
        self.taps.append(tap)
        row = {"data": data, "update_id": tap.update_id}
        self.bot.ledger.note(tap.at, self.chat.id, "tapped", shown.id, **row)  # type: ignore[arg-type]
        return tap

    # -- waiting

    async def wait_for(self, check: Callable[[Any], object], within: float = WITHIN) -> None:
        """Wait until ``check(self)`` holds; it may raise LookupError meanwhile.

        ``within`` is in real seconds. Raises TimeoutError, saying what stands in the chat.
        """
        end = time.monotonic() + within
        while not self._holds(check):
            left = end - time.monotonic()
            if left <= 0:
                seen = [shown.text[:200] for shown in self.received[-3:]]
                raise TimeoutError(f"nothing came in {within} s; the bot's last words: {seen}")
            # Not all that is waited for is a line of this chat's: commands, rows of a database.
            await self.bot.ledger.next(min(left, LOOK_AGAIN), self.chat.id)

    def _holds(self, check: Callable[[Any], object]) -> bool:
        try:
            return bool(check(self))
        except LookupError:
            return False

    def said_since(self, mark: int) -> list[Noted]:
        """Return what the bot did in this chat since the ledger's line ``mark``."""
        rows = self.bot.ledger.rows[mark:]
        return [row for row in rows if row.chat_id == self.chat.id and row.what in BOTS_ACTS]

    async def ask(self, text: str, within: float = WITHIN) -> Shown:
        """Write, wait for the bot's next message, and return it."""
        return await self._exchange(lambda: self.write(text), within)

    async def press(self, button: str | Button, within: float = WITHIN) -> Shown:
        """Tap, wait for the bot's next message or edit, and return the bot's last message."""
        return await self._exchange(lambda: self.tap(button), within)

    async def _exchange(self, act: Callable[[], object], within: float) -> Shown:
        mark = len(self.bot.ledger.rows)
        act()
        wanted = ("sent", "edited")
        await self.wait_for(lambda _: any(r.what in wanted for r in self.said_since(mark)), within)
        return self.last


class Person(Sender):
    """Somebody with a private chat."""

    def start(self, payload: str = "") -> Shown:
        """Open the chat with the button START (or a link with ``payload``)."""
        if payload and not START_PAYLOAD.fullmatch(payload):
            raise ValueError("a start payload is 1 to 64 of A-Z a-z 0-9 _ -")
        return self.write(f"/start {payload}".strip())

    def _post(self, content: dict[str, Any], *, kind: str = "message") -> Shown:
        if self.chat.state in ("new", "blocked"):
            self._open()
        return super()._post(content, kind=kind)

    def _open(self) -> None:
        was, self.chat.state = self.chat.state, "open"
        if was == "blocked":
            self._membership("kicked", "member", "unblocked")

    def block(self) -> None:
        """Stop the bot: it is told so, and can write no more."""
        self.chat.state = "blocked"
        self._membership("member", "kicked", "blocked")

    def unblock(self) -> None:
        """Start the bot again without writing."""
        if self.chat.state == "blocked":
            self._open()

    def deactivate(self) -> None:
        """Delete the account: the bot is told nothing, and can write no more."""
        self.chat.state = "deactivated"

    def _membership(self, old: str, new: str, what: str) -> None:
        now = self.bot.clock.now()
        changed = {
            "chat": self.chat.about,
            "from": self.user,
            "date": int(now),
            "old_chat_member": _member(self.bot, old),
            "new_chat_member": _member(self.bot, new),
        }
        lane = f"member:{self.chat.id}"
        number = self.bot.push("my_chat_member", changed, lane, MESSAGE_LIFE)
        self.bot.ledger.note(now, self.chat.id, what, 0, update_id=number)

    @property
    def commands(self) -> list[dict[str, str]]:
        """The command menu this person sees, by scope and language of their app."""
        language = (self.user or {}).get("language_code", "")[:2]
        own = f'{{"chat_id":{self.chat.id},"type":"chat"}}'
        for scope in (own, '{"type":"all_private_chats"}', '{"type":"default"}'):
            for code in (language, ""):
                if found := self.bot.commands.get((scope, code)):
                    return found
        return []

    def described(self, what: str = "description") -> str:
        """The bot's description (or name, or short_description) in this person's language."""
        language = (self.user or {}).get("language_code", "")[:2]
        return self.bot.texts.get((what, language)) or self.bot.texts.get((what, ""), "")


def _member(bot: Bot, status: str) -> dict[str, Any]:
    more = {"until_date": 0} if status == "kicked" else {}
    return {"user": bot.user, "status": status, **more}


class Group(Sender):
    """A group, supergroup or broadcast channel that the bot was put into."""

    def add_bot(self, by: Person) -> None:
        """Put the bot into the group; it is told by a membership change and a service message."""
        self.chat.state = "open"
        self.user = by.user
        now = int(self.bot.clock.now())
        changed = {
            "chat": self.chat.about,
            "from": by.user,
            "date": now,
            "old_chat_member": _member(self.bot, "left"),
            "new_chat_member": _member(self.bot, "member"),
        }
        self.bot.push("my_chat_member", changed, f"member:{self.chat.id}")
        if self.chat.type != "channel":
            self._post({"new_chat_members": [self.bot.user]})

    def speak(self, person: Person, text: str) -> Shown:
        """Let ``person`` write into the group."""
        self.user = person.user
        return self.write(text)

    def post(self, text: str) -> Shown:
        """Publish in a broadcast channel."""
        self.user = None
        content = {"text": text, "sender_chat": self.chat.about}
        return self._post(content, kind="channel_post")

    def kick(self) -> None:
        """Throw the bot out without a word."""
        self.chat.state = "kicked"

    def upgrade(self, new: Group) -> None:
        """Turn the group into the supergroup ``new``: writes to the old one name the new id."""
        self.chat.state, self.chat.moved_to = "upgraded", new.chat.id
        new.chat.state = "open"
