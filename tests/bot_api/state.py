"""One bot at the provider: its chats, updates, files, menus and texts."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.bot_api.chats import DELETABLE, Chat, Ledger, Shown
from tests.bot_api.clock import Clock
from tests.bot_api.errors import Refusal, bad
from tests.bot_api.files import FileStore
from tests.bot_api.updates import MESSAGE_LIFE, Update, UpdateQueue, update_body
from tests.bot_api.webhooks import Webhook

CALLBACK_ANSWERABLE = 60
"""Seconds for which a tap can be answered. Telegram names no figure ("a short time")."""

encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Tap:
    """A button somebody pressed, and what the bot answered to it."""

    id: str
    chat_id: int
    message_id: int
    data: str
    at: float
    update_id: int
    answered: bool = False
    text: str = ""
    alert: bool = False


class Bot:
    """The provider's record of one bot."""

    def __init__(
        self, token: str, username: str, clock: Clock, ledger: Ledger, chance: random.Random
    ) -> None:
        self.token = token
        self.id = int(token.partition(":")[0])
        self.clock = clock
        self.ledger = ledger
        self.chance = chance
        self.user = {"id": self.id, "is_bot": True, "first_name": "Athar", "username": username}
        self.queue = UpdateQueue(clock, chance)
        self.files = FileStore(clock, token)
        self.webhook: Webhook | None = None
        self.chats: dict[int, Chat] = {}
        self.taps: dict[str, Tap] = {}
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.texts: dict[tuple[str, str], str] = {}
        self.menu_buttons: dict[int, dict[str, Any]] = {}
        self._message_id = chance.randrange(10, 900)
        self._tap_id = chance.randrange(1 << 58, 1 << 60)

    def me(self) -> dict[str, Any]:
        """Return what `getMe` answers."""
        return {
            **self.user,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    # -- updates

    def push(self, kind: str, content: Any, lane: str, life: float = MESSAGE_LIFE) -> int:
        """Queue an update; return its id, or 0 when the bot has not asked for such updates."""
        if kind not in self.queue.allowed:
            return 0
        number = self.queue.take_id()
        body = update_body(number, kind, content, encode)
        self.queue.add(kind, body, lane, update_id=number, life=life)
        return number

    def push_raw(self, update: object) -> Update:
        """Queue something hostile exactly as given.

        An object is written as JSON and gets an ``update_id`` when it is a dict without one. Bytes
        stay as they are, except that the word ``UPDATE_ID`` becomes the number.
        """
        number = self.queue.take_id()
        if isinstance(update, bytes):
            body = update.replace(b"UPDATE_ID", str(number).encode("ascii"))
        elif isinstance(update, dict):
            body = json.dumps({"update_id": number, **update}).encode("ascii")
        else:
            body = json.dumps(update).encode("ascii")
        return self.queue.add("raw", body, "raw", update_id=number, life=MESSAGE_LIFE)

    # -- chats

    def chat(self, chat_id: object) -> Chat:
        """Return the chat a call names. Raises `Refusal` as Telegram does."""
        chat = self.chats.get(_number(chat_id))
        if chat is None:
            raise bad("chat not found")
        if chat.state != "open":
            raise _why_not(chat)
        return chat

    def show(self, chat: Chat, content: dict[str, Any], *, from_bot: bool, sender: Any) -> Shown:
        """Put a message into a chat and return it."""
        self._message_id += 1
        now = self.clock.now()
        body = {"message_id": self._message_id, "date": int(now), "chat": chat.about, **content}
        if sender is not None:
            body["from"] = sender
        shown = Shown(self._message_id, chat.id, now, from_bot, body)
        chat.messages[shown.id] = shown
        return shown

    def own_message(self, chat: Chat, message_id: int) -> Shown:
        """Return a message of the bot for editing. Raises `Refusal`."""
        shown = chat.find(message_id)
        if shown is None:
            raise bad("message to edit not found")
        if not shown.from_bot:
            raise bad("message can't be edited")
        return shown

    def may_delete(self, shown: Shown) -> bool:
        """A message younger than 48 hours, the person's own included in private chats."""
        return self.clock.now() - shown.at < DELETABLE

    def delete(self, shown: Shown) -> None:
        shown.deleted_by = "bot"
        self.ledger.note(self.clock.now(), shown.chat_id, "deleted", shown.id)

    def take_tap(self, chat: Chat, shown: Shown, data: str) -> Tap:
        """Record a pressed button, before its update is queued."""
        self._tap_id += self.chance.randrange(1, 999_999)
        tap = Tap(str(self._tap_id), chat.id, shown.id, data, self.clock.now(), 0)
        self.taps[tap.id] = tap
        return tap

    def answerable(self, tap_id: str) -> Tap:
        """Return the tap for answering. Raises `Refusal` when it is too old or unknown."""
        tap = self.taps.get(tap_id)
        if tap is None or self.clock.now() - tap.at > CALLBACK_ANSWERABLE:
            text = "query is too old and response timeout expired or query ID is invalid"
            raise bad(text)
        return tap


def _number(chat_id: object) -> int:
    try:
        return int(str(chat_id))
    except ValueError:
        raise bad("chat not found") from None


def _why_not(chat: Chat) -> Refusal:
    kind = "supergroup" if chat.type == "supergroup" else chat.type
    reasons = {
        "new": "bot can't initiate conversation with a user",
        "blocked": "bot was blocked by the user",
        "deactivated": "user is deactivated",
        "left": f"bot is not a member of the {kind} chat",
        "kicked": f"bot was kicked from the {kind} chat",
    }
    if chat.state == "upgraded":
        text = "Bad Request: group chat was upgraded to a supergroup chat"
        return Refusal(400, text, parameters={"migrate_to_chat_id": chat.moved_to})
    return Refusal(403, f"Forbidden: {reasons[chat.state]}")
