"""A second opinion: python-telegram-bot's types read back what the bot sent.

The tables come from one library; that another one, written by other people, understands the same
messages in the same way keeps a mistake of the first from passing unseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bot_api.chats import Shown
    from tests.bot_api.server import BotApiServer


def second_opinion(server: BotApiServer) -> list[str]:
    """Return what python-telegram-bot reads otherwise than we wrote it, over all messages."""
    differences: list[str] = []
    for bot in server.bots.values():
        for chat in bot.chats.values():
            for shown in chat.messages.values():
                differences += [f"message {shown.id}: {each}" for each in _differences(shown)]
        for (scope, language), commands in bot.commands.items():
            differences += [f"commands {scope} {language}: {e}" for e in _commands(commands)]
    return differences


def _differences(shown: Shown) -> list[str]:
    from telegram import Message

    read = Message.de_json(shown.body, None)
    again = read.to_dict()
    found = [name for name in shown.body if not _same(shown.body[name], again.get(name))]
    if (read.text or read.caption or "") != shown.text:
        found.append("its words")
    if read.reply_markup is not None:
        labels = [button.text for row in read.reply_markup.inline_keyboard for button in row]
        if labels != shown.labels:
            found.append("its buttons")
    return found


def _same(ours: Any, theirs: Any) -> bool:
    """Say whether everything in ``ours`` is in ``theirs``; they may add what is implied."""
    if isinstance(ours, dict):
        there = isinstance(theirs, dict)
        return there and all(_same(value, theirs.get(key)) for key, value in ours.items())
    if isinstance(ours, list):
        return len(ours) == len(theirs or ()) and all(map(_same, ours, theirs))
    return bool(ours == theirs) or (theirs is None and ours in (False, 0, ""))


def _commands(commands: list[dict[str, str]]) -> list[str]:
    from telegram import BotCommand

    read = [BotCommand.de_json(command, None).to_dict() for command in commands]
    return [] if read == commands else ["their names or descriptions"]
